"""Points that follow a body, whatever the body."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from avatar_kit.gaussians import Anchors, Attachment, face_density, hull_points, sample_surface
from avatar_kit.surface import Completion, painted_colours
from avatar_kit.testing import world
from avatar_kit.testing.poses import random_motion
from tests.filmed import Filmed


@pytest.fixture(scope="module")
def rest(body):
    return body.rest(body.default_shape())


@pytest.fixture(scope="module")
def posed(body):
    with torch.no_grad():
        return body(body.from_motion(random_motion(3), body.default_shape()))


def test_points_are_spread_by_area_and_density():
    rest = world.rest_body()
    density = torch.ones(len(rest.topology.faces))
    upper = rest.vertices[rest.topology.faces].mean(1)[:, 1] > 0
    density[upper] = 3.0
    anchors = sample_surface(rest, 8000, density, torch.Generator().manual_seed(0))
    points = anchors.rest(rest)
    assert float((points[:, 1] > 0).float().mean()) == pytest.approx(0.75, abs=0.01)
    assert torch.allclose(anchors.barycentrics.sum(1), torch.ones(8000))
    east = points[points[:, 1] < 0][:, 0] > 0
    assert float(east.float().mean()) == pytest.approx(0.5, abs=0.02)


def test_density_of_parts_with_and_without_a_side(rest):
    density = face_density(rest, {"head": 3.0, "hand": 2.0}, face=1.5)
    assert {1.0, 2.0, 3.0, 4.5} <= set(density.unique().tolist()) <= {1.0, 1.5, 2.0, 3.0, 4.5}
    assert (density[rest.topology.face_region] >= 1.5).all()


def test_points_on_the_surface_stay_on_it(rest, posed):
    anchors = sample_surface(rest, 500, torch.ones(len(rest.topology.faces)))
    faces = rest.topology.faces
    points = anchors.at_vertices(posed.vertices, faces)
    corners = posed.vertices[:, faces[anchors.faces]]
    normal = torch.linalg.cross(
        corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
    )
    height = ((points - corners[:, :, 0]) * normal).sum(-1)
    assert height.abs().max() < 1e-7


def test_masks_that_the_body_fills_ask_for_no_hull(body, rest):
    found = hull_points(rest, Filmed(body, 8), 500, generator=torch.Generator().manual_seed(0))
    assert len(found) < 50


def test_wider_masks_ask_for_points_within_them(body, rest):
    def wide(drawn):
        return torch.nn.functional.max_pool2d(drawn, 7, stride=1, padding=3)

    samples = Filmed(body, 8, wide)
    found = hull_points(rest, samples, 800, generator=torch.Generator().manual_seed(0))
    assert len(found) == 800
    away = found.offsets.norm(dim=1)
    assert away.min() >= 0.0119 and away.max() <= 0.151
    sample = samples[3]
    pixels, _ = samples.camera.project(Attachment.of(found, rest).points(sample.context.body))
    column, row = pixels[0].floor().long().clamp(0, 95).unbind(1)
    assert sample.mask[0, 0, row, column].mean() > 0.9


def test_few_frames_that_see_past_the_body_outweigh_many_that_do_not(body, rest):
    """From the front the body covers what is before it; two of 41 frames look from the side."""
    yaw = [*torch.linspace(-0.1, 0.1, 39).tolist(), 1.5, -1.5]
    samples = Filmed(body, len(yaw), None, yaw)  # each mask is the drawn body
    found = hull_points(rest, samples, 4000, generator=torch.Generator().manual_seed(0))
    surface = replace(found, offsets=torch.zeros_like(found.offsets))
    normals = surface.at_vertices(rest.normals, rest.topology.faces)
    assert int((normals[:, 2].abs() > 0.85).sum()) < 20


def test_a_side_that_no_picture_shows_has_a_hull_where_the_masks_agree(body, rest):
    """Filmed from the front, once from the side; from there alone the back's outline is seen."""
    yaw = [*torch.linspace(-0.9, 0.6, 20).tolist(), 1.3]

    def behind(wide):
        class Film(Filmed):
            def __getitem__(self, position):
                batch = super().__getitem__(position)
                if wide == "all" or position < len(self) - 1:
                    grown = F.max_pool2d(batch.mask, 7, stride=1, padding=3)
                    batch = replace(batch, mask=grown)
                return batch

        seeded = torch.Generator().manual_seed(0)
        found = hull_points(rest, Film(body, len(yaw), None, yaw), 4000, generator=seeded)
        surface = replace(found, offsets=torch.zeros_like(found.offsets))
        normals = surface.at_vertices(rest.normals, rest.topology.faces)
        return int((normals[:, 2] < -0.85).sum())

    agreeing, bounded = behind("all"), behind("all but the side")
    assert agreeing > 100 and bounded < 0.75 * agreeing


def test_colours_come_from_where_a_point_is_seen(body, rest):
    anchors = sample_surface(rest, 400, torch.ones(len(rest.topology.faces)))

    def place(context):
        faces = rest.topology.faces
        normals = anchors.at_vertices(context.body.normals, faces)
        return anchors.at_vertices(context.body.vertices, faces), normals

    colours, weight = painted_colours(Filmed(body, 6), place, 400)
    seen = weight > 0.3
    assert seen.float().mean() > 0.6
    torch.testing.assert_close(
        colours[seen], torch.full((int(seen.sum()), 3), 0.8), atol=0.02, rtol=0
    )
    filled = Completion(weight, anchors.rest(rest), middle=0.0)(colours)
    assert (filled - 0.8).abs().max() < 0.05


def test_two_sets_of_points_as_one():
    from avatar_kit.gaussians.hull import joined

    first = Anchors(torch.tensor([1]), torch.ones(1, 3) / 3, torch.zeros(1, 3))
    second = Anchors(torch.tensor([5, 6]), torch.ones(2, 3) / 3, torch.ones(2, 3))
    both = joined(first, second)
    assert len(both) == 3 and both.faces.tolist() == [1, 5, 6]
