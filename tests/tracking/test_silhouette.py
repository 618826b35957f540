import math

import numpy as np
import pytest
import torch

from avatar_kit.tracking.girth import View, fit_girth, stature
from avatar_kit.tracking.measures import silhouette_overlap
from avatar_kit.tracking.place import static_camera
from avatar_kit.tracking.silhouette import Outline, _to_lines, mask_terms, trust_in_mask
from tests.tracking.stick_person import BoxBody, StickBody, turning_person


def test_distance_to_a_line_segment():
    points = torch.tensor([[[0.0, 1.0], [2.0, 0.0], [0.5, -0.5], [-3.0, 4.0]]])
    found = _to_lines(points, torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[1.0, 0.0]]]))
    torch.testing.assert_close(
        found[0, :, 0], torch.tensor([1.0, 1.0, 0.5, 5.0]), atol=1e-4, rtol=0
    )


def leg_scene(shift: float):
    """Stick legs in a mask that is as wide as real ones, the mask shifted to the right."""
    body = StickBody()
    points = body.keypoints(body.from_motion(turning_person(1, 0.0), torch.tensor([0.5])))
    camera, _ = static_camera(400, 800)
    pixels = camera.project(points)[0] / 400
    rows, columns = torch.meshgrid(torch.arange(800), torch.arange(400), indexing="ij")
    grid = torch.stack([columns + 0.5, rows + 0.5], -1).reshape(1, -1, 2) / 400
    a, b = pixels[:, [13, 14, 11, 12, 5]], pixels[:, [15, 16, 13, 14, 12]]
    near = _to_lines(grid - torch.tensor([shift, 0.0]), a, b).min(-1).values < 0.03
    mask = near.reshape(1, 800, 400).numpy().astype(np.uint8) * 255
    return pixels, Outline.of(mask, 1.0, 400.0, np.ones(1))


def test_legs_off_their_outline_cost_and_the_gradient_centres_them():
    centred = mask_terms(*leg_scene(0.0))["cover"]
    pixels, outline = leg_scene(0.03)
    moved = pixels.clone().requires_grad_(True)
    cost = mask_terms(moved, outline)["cover"]
    cost.backward()
    assert cost > 1.5 * centred
    assert moved.grad[0, [13, 14, 15, 16], 0].max() < 0  # against the gradient: to the right


def test_a_limb_outside_the_mask_costs():
    pixels, outline = leg_scene(0.0)
    away = pixels.clone()
    away[:, 15, 0] += 0.3  # an ankle: pulls three points of the shin along
    more = mask_terms(away, outline)["inside"] - mask_terms(pixels, outline)["inside"]
    assert more > 5e-4


def test_a_limb_beyond_the_picture_costs_nothing():
    pixels, outline = leg_scene(0.0)
    before = mask_terms(pixels, outline)["inside"]
    away = pixels.clone()
    away[:, 23:, 0] += 5.0  # all fingers: off the mask, out of the picture
    assert mask_terms(away, outline)["inside"] <= before


def test_an_empty_mask_says_nothing():
    pixels, _ = leg_scene(0.0)
    outline = Outline.of(np.zeros((1, 80, 40), np.uint8), 10.0, 400.0, np.ones(1))
    assert all(float(v) == 0 for v in mask_terms(pixels, outline).values())


def test_landmarks_off_the_mask_are_believed_less():
    mask = np.zeros((1, 50, 50), np.uint8)
    mask[0, 20:30, 20:30] = 255
    points = np.array([[[50.0, 50.0], [10.0, 10.0], [63.0, 50.0]]])
    trust = trust_in_mask(points, mask, scale=2.0, height=280.0)
    assert trust[0, 0] == 1
    assert trust[0, 1] < 0.5
    assert trust[0, 2] == 1  # three pixels outside: within the tolerance


class UnboundedBox(BoxBody):
    """A box whose shape value is usual between -3 and 3."""

    shape_limits = (-math.inf, math.inf)

    def forward(self, parameters):
        share = (parameters["shape"] + 3) / 6
        return super().forward(parameters.__class__({**parameters, "shape": share}))


@pytest.mark.parametrize(("box", "low", "span"), [(BoxBody, 0.0, 1.0), (UnboundedBox, -3.0, 6.0)])
@pytest.mark.parametrize("width", [0.25, 0.7])
def test_girth_is_found_from_silhouettes(width, box, low, span):
    body, motion = box(), turning_person(4, 0.0)
    camera, _ = static_camera(300, 400)
    truth = torch.tensor([low + span * width])
    from avatar_kit.graphics import rasterize

    drawn = rasterize(
        body(body.from_motion(motion, truth)).vertices, body.topology.faces, camera
    ).triangle
    masks = ((drawn >= 0).numpy() * 255).astype(np.uint8)
    # the box does not scale with the stick figure's height: hold that still
    body.keypoints = lambda parameters: StickBody.keypoints(
        body, parameters.__class__({**parameters, "shape": 0 * parameters["shape"] + 0.5})
    )
    start = torch.tensor([low + span * 0.5])
    found = fit_girth(body, [View(camera, motion, masks)], start, [0])
    assert found.item() == pytest.approx(truth.item(), abs=0.08 * span)
    inside = torch.from_numpy(masks) > 127
    assert silhouette_overlap(body, camera, motion, truth, inside) == 1.0


def test_stature_of_the_stick_person():
    shape = torch.tensor([0.5])
    assert stature(StickBody(), shape).item() == pytest.approx(1.7, abs=0.12)
