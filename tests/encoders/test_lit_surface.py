"""What the light tells a renderer, against balls whose light is known."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.encoders.config import LitSurfaceConfig
from avatar_kit.encoders.lit_surface import LitSurface
from avatar_kit.light import DistantLight, FoundLight
from avatar_kit.scene import PosedBody, Topology
from avatar_kit.testing import world

SLOPE = torch.tensor([0.5, -0.8])


def encoder(slope=SLOPE, found=True):
    made = LitSurface(LitSurfaceConfig(), world.setup())
    made.keep(FoundLight(DistantLight(slope, torch.tensor(-1.0)), found, 0.5))
    return made


def smooth(context):
    """The same frames with the true normals of the ball also on the seam of its texture."""
    centre = context.body.joints
    body = replace(context.body)
    body.__dict__["normals"] = F.normalize(context.body.vertices - centre, dim=-1)
    return replace(context, body=body)


def seen_from(context):
    """[B, 3, H, W] unit normals of the balls that pixels see, by geometry alone."""
    camera = context.camera
    y, x = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    pixels = torch.stack([x, y, torch.ones_like(x)], -1)
    rays = F.normalize(
        torch.einsum("bij,hwj->bhwi", camera.R.mT @ torch.linalg.inv(camera.K), pixels), dim=-1
    )
    to_centre = (context.body.joints[:, 0] - camera.position)[:, None, None]
    along = (rays * to_centre).sum(-1)
    inside = world.RADIUS**2 - (to_centre.square().sum(-1) - along.square())
    near = along - inside.clamp(min=0).sqrt()
    normals = (near[..., None] * rays - to_centre) / world.RADIUS
    return normals.permute(0, 3, 1, 2), (inside > 0.08)[:, None]


@settings(max_examples=25, deadline=None)
@given(st.floats(-1.6, 1.6), st.floats(-1.6, 0.6))
def test_a_ball_is_lit_as_its_geometry_says(x, z):
    context = smooth(world.context((0, 1, 2), from_all_sides=True))
    values = encoder(torch.tensor([x, z]))(context).values
    normals, inside = seen_from(context)
    towards = F.normalize(torch.tensor([-x, 1.0, -z]), dim=0)
    cosine = torch.einsum("bchw,c->bhw", normals, towards)[:, None]
    seen = inside & context.fragments.mask.bool()
    assert seen.sum() > 900
    assert ((values[:, :3] - normals).abs() * seen).max() < 0.08  # of facets 22 degrees wide
    # where the light just grazes, between vertices 22.5 degrees apart, sin(11.25) / 2 is added
    assert ((values[:, 3:4] - cosine.clamp(min=0)).abs() * seen).max() < 0.08 + 0.1
    assert ((values[:, 3:4] - cosine).abs() * (seen & (cosine > 0.2))).max() < 0.08
    lit, dark = seen & (cosine > 0.4), seen & (cosine < -0.2)
    assert (lit | dark).any()
    assert ((values[:, 3:4] - values[:, 4:5]) * lit).abs().max() < 0.02
    assert (values[:, 3:] * dark).abs().max() < 0.05
    assert values[(context.fragments.mask == 0).expand_as(values)].abs().max() == 0


def test_what_lies_in_the_shadow_of_another_part_faces_a_light_that_does_not_arrive():
    """Two balls, one right above the other, under a light from straight above."""
    context = smooth(world.context((0,)))
    one, faces = context.body.vertices, context.body.topology.faces
    below = one - torch.tensor([0.0, 1.3, 0.0])
    topology = context.body.topology
    both = Topology(
        torch.cat([faces, faces + one.shape[1]]),
        topology.uvs,
        topology.faces,
        *([topology.parts] * 2),
        (),
    )
    body = PosedBody(
        torch.cat([one, below], 1),
        context.body.joints,
        context.body.bone_transforms,
        context.body.hands,
        both,
    )
    body.__dict__["normals"] = context.body.normals.repeat(1, 2, 1)
    context = replace(context, body=body, camera=world.camera(height=128).expand(1))
    values = encoder(torch.zeros(2))(context).values[0]
    second = (context.fragments.triangle[0] >= len(faces)) & (values[3] > 0.4)
    first = (context.fragments.triangle[0] < len(faces)) & (values[3] > 0.4)
    assert second.sum() > 100 and first.sum() > 100
    assert values[4][second].max() < 0.02
    torch.testing.assert_close(values[4][first], values[3][first])


def test_without_a_light_there_are_normals_alone():
    context = world.context((0,))
    values = encoder(torch.zeros(2), found=False)(context).values
    assert values[:, :3].abs().max() > 0.9
    assert values[:, 3:].abs().max() == 0


def test_normals_stay_with_the_world_when_the_camera_moves():
    """A ball looks the same from all sides in camera axes; its light does not."""
    front, side = encoder()(world.context((0, 2), from_all_sides=True)).values.split(1)
    assert (front - side).abs().max() > 0.3


def test_shadows_of_training_frames_are_computed_once(monkeypatch):
    from avatar_kit.encoders import lit_surface

    calls, real = [], lit_surface.lit_vertices
    monkeypatch.setattr(lit_surface, "lit_vertices", lambda *a: calls.append(1) or real(*a))
    made = encoder().train()
    first = made(world.context((0, 1), training=True)).values
    again = made(world.context((1, 0), training=True)).values
    assert len(calls) == 2
    torch.testing.assert_close(again.flip(0), first, atol=0, rtol=0)
    shown = made.eval()(world.context((0, 1))).values
    assert len(calls) == 3, "a batch that is shown, at once"
    torch.testing.assert_close(first, shown, atol=1 / 255, rtol=0)


@pytest.mark.parametrize("name", ["slope", "floor", "found"])
def test_what_was_found_is_saved(name):
    saved = encoder().state_dict()
    fresh = LitSurface(LitSurfaceConfig(), world.setup())
    assert not torch.equal(fresh.state_dict()[name], saved[name])
    fresh.load_state_dict(saved)
    context = world.context((0,))
    torch.testing.assert_close(fresh(context).values, encoder()(context).values, atol=0, rtol=0)
