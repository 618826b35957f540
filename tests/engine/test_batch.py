"""A batch cut to the person."""

from dataclasses import replace

import torch

from avatar_kit.testing import world


def masked(mask):
    batch = world.batch((0, 1))
    image = torch.rand(2, 3, *mask.shape[-2:])
    return replace(batch, image=image, mask=mask, next_image=image + 1)


def test_it_is_cut_to_the_box_of_all_masks_with_a_margin():
    mask = torch.zeros(2, 1, 64, 64)
    mask[0, 0, 10:20, 8:12] = 1
    mask[1, 0, 15:30, 20:25] = 0.5
    batch = masked(mask)
    cut = batch.around_person(3)
    window = (..., slice(7, 33), slice(5, 28))
    assert torch.equal(cut.image, batch.image[window]) and torch.equal(cut.mask, mask[window])
    assert torch.equal(cut.next_image, batch.next_image[window]) and cut.previous_image is None
    assert (cut.context.camera.width, cut.context.camera.height) == (23, 26)
    assert batch.around_person(100).image.shape == batch.image.shape


def test_points_are_seen_where_they_were():
    batch = world.batch((0, 1))
    cut = batch.around_person(2)
    before, _ = batch.context.camera.project(batch.context.body.vertices)
    after, _ = cut.context.camera.project(batch.context.body.vertices)
    shift = (before - after)[0, 0]
    torch.testing.assert_close(before - after, shift.expand_as(before), atol=1e-3, rtol=0)
    left, top = (round(float(v)) for v in shift)
    height, width = cut.image.shape[-2:]
    assert torch.equal(cut.image, batch.image[..., top : top + height, left : left + width])


def test_where_nobody_is_seen_it_stays_whole():
    batch = masked(torch.zeros(2, 1, 64, 64))
    assert batch.around_person(2).image.shape == batch.image.shape
