"""The neural texture: where it starts, how it is looked up, what DNR multiplies it by."""

import math

import pytest
import scipy.special
import torch
import torch.nn.functional as F
from avatar_kit_anr.encoders import UvTexture, jittered
from avatar_kit_anr.view import (
    spherical_harmonics,
    tangent_frames,
    view_basis,
    view_directions,
)
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.config import resolve_method
from avatar_kit.errors import UserError
from avatar_kit.graphics import uv_map
from tests.contexts import context_of


def texture(setup, **values):
    values = {"jitter": 0.0, "size": 16, **values}
    overrides = {"encoders": {"texture": values}, "size": 64, "crop": {"size": 64}}
    config = resolve_method("anr", overrides=overrides).config.encoders["texture"]
    return UvTexture(config, setup)


def test_every_person_starts_alike_whatever_the_seed(setup):
    torch.manual_seed(1)
    first = texture(setup).levels[0]
    torch.manual_seed(2)
    second = texture(setup).levels[0]
    assert torch.equal(first, second)
    assert first.shape == (1, 8, 16, 16)
    assert -1 <= first.min() < -0.98 and 0.98 < first.max() <= 1
    assert abs(first.mean()) < 0.05 and abs(first.var() - 1 / 3) < 0.02  # uniform in [-1, 1]


def test_a_pyramid_is_the_sum_of_its_levels(setup, context):
    scene = context([3])
    both = texture(setup, levels=2)
    uv = uv_map(scene.body.topology, scene.fragments).permute(0, 2, 3, 1) * 2 - 1
    wanted = sum(
        F.grid_sample(level, uv, padding_mode="border", align_corners=False)
        for level in both.levels
    )
    found = both(scene).values
    assert torch.allclose(found, wanted * scene.fragments.mask, atol=1e-5)
    assert [level.shape[-1] for level in both.levels] == [16, 8]


def test_background_is_exactly_zero(setup, context):
    scene = context([0, 4])
    values = texture(setup).train()(scene).values
    outside = (scene.fragments.mask == 0).expand_as(values)
    assert outside.any() and not values[outside].any()


def test_jitter_moves_by_at_most_its_reach_and_stays_inside():
    uv = torch.rand(2, 2, 40, 40)
    uv[..., :5] = 0.0
    uv[..., 35:] = 1.0
    moved = jittered(uv, 0.02)
    shift = 2 * (moved - uv)  # where the texture spans [-1, 1]
    assert shift.abs().max() <= 0.02 + 1e-6
    assert moved.min() >= 0 and moved.max() <= 1
    inner = shift[..., 5:35]
    assert abs(inner.mean()) < 1e-3 and abs(inner.std() - 0.02 / math.sqrt(3)) < 5e-4


def test_jitter_is_for_training_alone(setup, context):
    encoder, scene = texture(setup, jitter=0.5), context([1])
    encoder.eval()
    assert torch.equal(encoder(scene).values, encoder(scene).values)
    encoder.train()
    assert not torch.equal(encoder(scene).values, encoder(scene).values)


@given(st.floats(0.01, math.pi - 0.01), st.floats(0, 2 * math.pi))
def test_harmonics_are_those_of_scipy(polar, around):
    direction = torch.tensor(
        [
            math.sin(polar) * math.cos(around),
            math.sin(polar) * math.sin(around),
            math.cos(polar),
        ],
        dtype=torch.float64,
    )
    wanted = []
    for n in range(3):
        for m in range(-n, n + 1):
            k = abs(m)
            scale = math.sqrt((2 * n + 1) / (4 * math.pi) / math.perm(n + k, 2 * k))
            legendre = (-1) ** k * scipy.special.lpmv(k, n, math.cos(polar))
            turn = math.sin(k * around) if m < 0 else math.cos(k * around)
            wanted.append(scale * legendre * turn * (math.sqrt(2) if m else 1))
    found = spherical_harmonics(direction)
    assert torch.allclose(found, torch.tensor(wanted, dtype=torch.float64), atol=1e-9)


def test_tangents_follow_u():
    """A triangle in the plane z = 0 whose u runs along +y and v along -x."""
    corners = torch.tensor([[[0.0, 0, 0], [0, 2, 0], [-3, 0, 0]]])
    uvs = torch.tensor([[[0.0, 0], [0.2, 0], [0, 0.3]]])
    tangent, bitangent, normal = tangent_frames(corners, uvs)[0]
    assert torch.allclose(tangent, torch.tensor([0.0, 1, 0]))
    assert torch.allclose(normal, torch.tensor([0.0, 0, 1]))
    assert torch.allclose(bitangent, torch.tensor([-1.0, 0, 0]))


def test_tangents_are_orthonormal_even_where_the_chart_is_degenerate():
    corners = torch.randn(50, 3, 3)
    uvs = torch.rand(50, 3, 2)
    uvs[:10] = 0.5
    axes = tangent_frames(corners, uvs)
    assert torch.allclose(axes @ axes.mT, torch.eye(3).expand(50, 3, 3), atol=1e-4)


def test_a_surface_seen_head_on_is_seen_along_its_normal(bodies, camera):
    from avatar_kit.scene import PosedBody

    points = bodies.vertices[:1].clone()
    points[0, :, 2] = 0.0
    flat = PosedBody(points, bodies.joints[:1], bodies.bone_transforms[:1], bodies.hands[:1],
                     bodies.topology)  # fmt: skip
    scene = context_of(flat, camera=camera)
    directions = view_directions(scene)
    assert torch.allclose(directions.norm(dim=1), torch.ones(len(directions)), atol=1e-5)
    assert (directions[:, 2] > 0.9).all()
    basis = view_basis(scene)
    assert basis.shape == (1, 9, 64, 64)
    assert not basis[(scene.fragments.mask == 0).expand_as(basis)].any()


def test_only_channels_four_to_twelve_depend_on_the_view(setup, context):
    plain, viewed = texture(setup, channels=14), texture(setup, channels=14, view_basis=True)
    scene = context([2])
    ratio = view_basis(scene)
    a, b = plain(scene).values, viewed(scene).values
    assert torch.equal(a[:, :3], b[:, :3]) and torch.equal(a[:, 12:], b[:, 12:])
    assert torch.allclose(b[:, 3:12], a[:, 3:12] * ratio)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"view_basis": True}, "view_basis needs at least 12 channels, got 8"),
        ({"size": 20, "levels": 4}, "cannot be halved 3 times; take a multiple of 8"),
    ],
)
def test_textures_that_cannot_be(setup, values, says):
    with pytest.raises(UserError, match=says):
        texture(setup, **values)
