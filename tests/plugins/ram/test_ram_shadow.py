import math
from dataclasses import replace

import pytest
import torch
from avatar_kit_ram.config import CastShadowConfig
from avatar_kit_ram.shadow import CastShadow

from avatar_kit.interfaces import Batch
from avatar_kit.scene import Camera, Plate

LIGHT = (0.7, -0.9)


def encoder(setup, slope=(0.0, 0.0), **options):
    made = CastShadow(CastShadowConfig(**options), setup)
    made.slope.copy_(torch.tensor(slope))
    made.floor.fill_(-1.0)
    return made


def from_above(context):
    """The same frames, seen from straight above."""
    camera = Camera.look_at(
        (0, 40.0, 0), (0, 0, 0), width=256, height=256, fov_y=12, up=(0.0, 0.0, -1.0)
    )
    return replace(context, camera=camera.expand(len(context)))


def test_the_shadow_of_a_sphere_is_an_ellipse_of_known_place_and_size(setup, context):
    frame = from_above(context([0]))
    slope = (0.8, -0.6)
    drawn = encoder(setup, slope)(frame).values[0, 0]
    centre = frame.body.vertices[0].mean(0)
    height = float(centre[1]) + 1.0
    metre = 256 / (2 * math.tan(math.radians(6)) * 41.0)  # pixels, on the floor at y = -1
    assert float(drawn.sum()) == pytest.approx(math.pi * 0.6**2 * math.sqrt(2) * metre**2, rel=0.05)
    y, x = torch.meshgrid(torch.arange(256) + 0.5, torch.arange(256) + 0.5, indexing="ij")
    found = [float((drawn * at).sum() / drawn.sum()) for at in (x, y)]
    there = (float(centre[0]) + slope[0] * height, float(centre[2]) + slope[1] * height)
    assert found[0] == pytest.approx(128 + metre * there[0], abs=1.0)
    assert found[1] == pytest.approx(128 + metre * there[1], abs=1.0)


@pytest.mark.parametrize("frames_a_round", [2, 6, 11])
def test_a_light_is_found_from_its_shadows(frames_a_round, setup, context):
    frames = from_above(context(range(6)))
    scene = torch.rand(3, 256, 256, generator=torch.Generator().manual_seed(0))
    shadow = encoder(setup, LIGHT)(frames).values
    plated = replace(setup, plates=(Plate(scene, frames.camera[0]),))
    seeker = encoder(plated, frames=frames_a_round)
    for _ in range(9):
        seeker.observe(Batch(frames, scene * (1 - 0.3 * shadow), torch.zeros_like(shadow)), 0)
    torch.testing.assert_close(seeker.slope, torch.tensor(LIGHT), atol=0.03, rtol=0)
    found = seeker.state_dict()
    seeker.observe(
        Batch(frames, scene.expand(6, -1, -1, -1), torch.zeros_like(shadow)), 9
    )  # settled
    assert all(torch.equal(v, found[k]) for k, v in seeker.state_dict().items())


def test_what_the_person_hides_is_not_taken_for_a_shadow(setup, context):
    frames = from_above(context(range(6)))
    scene = torch.ones(3, 256, 256)
    shadow, hidden = (encoder(setup, s)(frames).values for s in (LIGHT, (-0.6, 0.2)))
    seen = torch.where(hidden > 0, 0.0, scene * (1 - 0.3 * shadow))  # a person in black
    seeker = encoder(replace(setup, plates=(Plate(scene, frames.camera[0]),)), frames=6)
    for _ in range(5):
        seeker.observe(Batch(frames, seen, (hidden > 0).float()), 0)
    torch.testing.assert_close(seeker.slope, torch.tensor(LIGHT), atol=0.03, rtol=0)


def test_without_the_empty_scene_the_light_stands_overhead(setup, context):
    seeker = encoder(setup)
    seeker.observe(Batch(context([0]), torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)), 0)
    assert not seeker.slope.any()


def test_the_floor_is_the_lowest_that_training_saw(setup, context, batch):
    seeker = CastShadow(CastShadowConfig(), setup)
    for frames in (range(3), range(3, 6)):
        seeker.observe(Batch(context(frames), batch.image[:3], batch.mask[:3]), 0)
    lowest = context(range(6)).body.vertices[..., 1].amin()
    torch.testing.assert_close(seeker.floor, lowest)
