"""The light of a capture, found from shadows that are drawn for the purpose."""

import math

import pytest
import torch

from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Batch, Samples
from avatar_kit.light import DistantLight, find_light
from avatar_kit.scene import Camera, Plate
from avatar_kit.testing.poses import swaying_motion
from tests.contexts import context_of

SIZE = 160


@pytest.fixture(scope="module")
def camera():
    """In front of the person and a little above, so that the floor is seen."""
    return Camera.look_at((0.4, 2.0, 4.5), (0, 0.6, 0), width=SIZE, height=SIZE, fov_y=42)


@pytest.fixture(scope="module")
def posed(body):
    motion = swaying_motion(6)
    with torch.no_grad():
        return body(body.from_motion(motion, body.default_shape()))


class Filmed(Samples):
    """Pictures of a body and its shadow before a plate."""

    def __init__(self, posed, camera, plate, light, darkness=0.3, hide=None):
        self.posed, self.camera, self.plate = posed, camera, plate
        self.light, self.darkness, self.hide = light, darkness, hide

    def __len__(self):
        return len(self.posed)

    def context(self, position):
        return context_of(self.posed[position], camera=self.camera)

    def __getitem__(self, position):
        context = self.context(position)
        mask = context.fragments.mask
        picture = self.plate.picture[None].clone()
        if self.light is not None:
            on_floor = self.light.on_floor(context.body.vertices)
            drawn = rasterize(on_floor, context.body.topology.faces, self.camera).triangle >= 0
            picture = picture * (1 - self.darkness * drawn[:, None])
        return Batch(context, picture * (1 - mask) + 0.1 * mask, mask)


@pytest.fixture(scope="module")
def plate(camera):
    scene = 0.6 + 0.2 * torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return Plate(scene, camera)


@pytest.mark.parametrize("slope", [(0.6, -0.4), (-0.9, -0.3), (0.1, -0.5)])
def test_a_light_is_found_from_its_shadow(posed, camera, plate, slope):
    floor = posed.vertices[..., 1].amin()
    light = DistantLight(torch.tensor(slope), floor)
    found = find_light(Filmed(posed, camera, plate, light), [plate], frames=6)
    assert found.found and found.explained > 0.3
    torch.testing.assert_close(found.light.slope, light.slope, atol=0.08, rtol=0)
    torch.testing.assert_close(found.light.floor, floor)
    assert float(found.light.direction @ light.direction) > math.cos(math.radians(4))


def test_no_shadow_is_no_light_and_said_once(posed, camera, plate, caplog):
    filmed = Filmed(posed, camera, plate, None)
    found = find_light(filmed, [plate])
    assert not found.found and not found.light.slope.any()
    assert find_light(filmed, [plate]) is found
    assert [r.getMessage() for r in caplog.records] == [
        "no shadow of the person found on the floor: the best candidate explains "
        f"{100 * found.explained:.1f} % of how much darker than the empty scene the pictures are, "
        "1 % are needed"
    ]


def test_without_a_plate_there_is_nothing_to_compare_with(posed, camera, plate, caplog):
    found = find_light(Filmed(posed, camera, plate, None), [])
    assert not found.found and found.explained == 0.0
    assert "no picture of the empty scene" in caplog.text


def test_shadows_lie_on_the_floor_where_the_light_says():
    light = DistantLight(torch.tensor([0.5, -1.0]), torch.tensor(-0.2))
    points = torch.tensor([[[1.0, 1.8, 0.0], [0.0, -0.5, 3.0]]])
    expected = torch.tensor([[[2.0, -0.2, -2.0], [0.0, -0.2, 3.0]]])
    torch.testing.assert_close(light.on_floor(points), expected)
    ray = points[0, 0] - expected[0, 0]
    torch.testing.assert_close(light.direction, ray / ray.norm())
