"""The crops lie on the hands that are seen, and nowhere else."""

from dataclasses import replace

import pytest
import torch
from avatar_kit_ram.hand_loss import hand_loss, visible_hands

from avatar_kit.nn import StLpips


@pytest.fixture(scope="module")
def distance():
    return StLpips("vgg")


def with_hands(context, offset, only=None):
    """The frames of a context with their hands moved by an offset in metres."""
    shift = torch.zeros(len(context), 2, 1, 3)
    shift[:, slice(None) if only is None else only] = torch.as_tensor(offset)
    body = replace(context.body, hands=context.body.hands + shift)
    return replace(context, body=body)


def test_both_hands_of_every_frame_are_found(context):
    frames = context(range(3))
    crops = visible_hands(frames)
    assert [crop.frame for crop in crops] == [0, 0, 1, 1, 2, 2]
    pixels, _ = frames.camera.project(frames.body.hands.flatten(1, 2))
    for k, crop in enumerate(crops):
        points = pixels[crop.frame].unflatten(0, (2, 21))[k % 2]
        corner = torch.tensor([crop.left, crop.top])
        assert (points >= corner - 1).all()
        assert (points <= corner + crop.side + 1).all()


def test_the_square_scales_with_the_picture(context):
    frames = context([0])
    camera = replace(frames.camera, K=frames.camera.K * torch.tensor([16.0, 16.0, 1.0])[:, None])
    camera = replace(camera, width=1024, height=1024)
    crops = visible_hands(replace(frames, camera=camera))
    assert [crop.side for crop in crops] == [128, 128]
    small = visible_hands(frames)
    assert [crop.side for crop in small] == [32, 32]  # 8 would be too small for the network
    middle = [(c.left + c.side / 2, c.top + c.side / 2) for c in crops]
    points, _ = camera.project(frames.body.hands.flatten(1, 2))
    boxes = points[0].unflatten(0, (2, 21))
    for centre, box in zip(middle, (boxes.amin(1) + boxes.amax(1)) / 2, strict=True):
        assert centre == pytest.approx(box.tolist(), abs=1.0)


@pytest.mark.parametrize("offset", [(5.0, 0.0, 0.0), (0.0, -4.0, 0.0), (0.0, 0.0, 6.0)])
def test_a_hand_out_of_the_picture_or_behind_the_camera_is_skipped(context, offset):
    frames = with_hands(context([0]), offset, only=0)
    pixels, _ = frames.camera.project(frames.body.hands[:, 1])
    (crop,) = visible_hands(frames)
    assert crop.left <= pixels[0, :, 0].min() <= crop.left + crop.side


def test_a_hand_behind_the_body_is_skipped_and_one_in_front_is_not(context):
    frames = context([0])
    middle = frames.body.vertices[0].mean(0) - frames.body.hands[0, 0].mean(0)
    behind, front = middle + torch.tensor([0, 0, -0.8]), middle + torch.tensor([0, 0, 0.8])
    assert len(visible_hands(with_hands(frames, front, only=0))) == 2
    assert len(visible_hands(with_hands(frames, behind, only=0))) == 1
    inside_the_surface = middle + torch.tensor([0, 0, 0.58])  # the sphere's front is at 0.6
    assert len(visible_hands(with_hands(frames, inside_the_surface, only=0))) == 2


def test_the_loss_is_the_distance_on_the_crops(context, distance):
    frames = context(range(2))
    painted, recorded = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    wanted = sum(
        distance(c.of(painted)[None], c.of(recorded)[None]).item() for c in visible_hands(frames)
    )
    loss = hand_loss(distance, painted, recorded, frames)
    assert loss.item() == pytest.approx(wanted / 2, rel=1e-4)


def test_its_gradient_stays_within_the_crops(context, distance):
    frames = with_hands(context([0]), (9.0, 0, 0), only=1)
    painted = torch.rand(1, 3, 64, 64, requires_grad=True)
    hand_loss(distance, painted, torch.rand(1, 3, 64, 64), frames).backward()
    (crop,) = visible_hands(frames)
    assert crop.of(painted.grad).any()
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[crop.top : crop.top + crop.side, crop.left : crop.left + crop.side] = True
    assert not painted.grad[0][:, ~inside].any()


def test_without_a_hand_there_is_no_loss(context, distance):
    frames = with_hands(context(range(2)), (9.0, 0, 0))
    assert visible_hands(frames) == []
    picture = torch.rand(2, 3, 64, 64)
    assert hand_loss(distance, picture, picture, frames) is None
