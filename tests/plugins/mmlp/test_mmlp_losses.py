"""Losses of `mmlp`, by hand and against another library."""

import pytest
import torch
from avatar_kit_mmlp.losses import (
    control_smoothness,
    cut,
    large_scales,
    outline,
    patch_window,
    person_window,
)
from scipy.ndimage import binary_dilation, binary_erosion

from avatar_kit.testing import world


def test_smoothness_is_the_mean_distance_and_has_a_gradient_at_rest():
    offsets = torch.tensor([[[0.0, 0, 0], [0.03, 0.04, 0], [0, 0, 0.1]]], requires_grad=True)
    near = torch.tensor([[0, 1], [1, 0], [2, 1]])
    last = (0.03**2 + 0.04**2 + 0.1**2) ** 0.5
    found = control_smoothness(offsets, near)
    assert float(found.detach()) == pytest.approx((0.05 + 0.05 + last) / 6)
    found.backward()
    assert torch.isfinite(offsets.grad).all()
    still = torch.zeros(1, 3, 3, requires_grad=True)
    control_smoothness(still, near).backward()
    assert not still.grad.any()


def test_only_large_scales_cost():
    scales = torch.tensor([[[0.005, 0.01, 0.03], [0.02, 0.001, 0.009]]], requires_grad=True)
    assert float(large_scales(scales.detach(), 0.01)) == pytest.approx(0.025)
    assert float(large_scales(scales.detach(), 1.0)) == 0.0
    large_scales(scales, 0.01).backward()
    assert scales.grad[0].tolist() == [[0, 0, 0.5], [0.5, 0, 0]]


@pytest.mark.parametrize("radius", [1, 3, 5])
def test_the_outline_is_dilation_without_erosion(radius):
    draw = torch.Generator().manual_seed(radius)
    mask = torch.nn.functional.interpolate(
        torch.rand(2, 1, 6, 5, generator=draw), size=(48, 40), mode="bicubic"
    )
    reach = torch.arange(-radius, radius + 1)
    disk = (reach[:, None] ** 2 + reach**2 <= radius**2).numpy()
    for found, solid in zip(outline(mask, radius)[:, 0], (mask[:, 0] > 0.5).numpy(), strict=True):
        grown = binary_dilation(solid, disk)
        # beyond the picture lies what is at its border
        inside = slice(radius, -radius)
        expected = grown & ~binary_erosion(solid, disk, border_value=1)
        assert found.numpy()[inside, inside].tolist() == expected[inside, inside].tolist()
        assert found.any() and not found.all()


def test_windows():
    mask = torch.zeros(1, 1, 40, 30)
    assert person_window(mask, 3) == (slice(0, 40), slice(0, 30))
    mask[..., 10:20, 28:] = 1
    assert person_window(mask, 3) == (slice(7, 23), slice(25, 30))
    assert patch_window(40, 30, 20, random=False) == (slice(10, 30), slice(5, 25))
    assert patch_window(40, 30, 64, random=True) == (slice(0, 40), slice(0, 30))
    torch.manual_seed(0)
    firsts = {patch_window(40, 30, 20, random=True)[0].start for _ in range(300)}
    assert firsts == set(range(21))


def test_a_cut_batch_shows_the_same_person():
    batch = world.batch((0, 1))
    rows, columns = slice(8, 50), slice(10, 61)
    small = cut(batch, (rows, columns))
    assert torch.equal(small.context.fragments.mask, batch.mask[..., rows, columns])
