"""Gaussians carried by a body: against skinning by 4 x 4 matrices, and finite differences."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.gaussians import Attachment, sample_surface
from avatar_kit.gaussians.attachment import carry_dense
from avatar_kit.scene import PosedBody
from avatar_kit.testing import world
from avatar_kit.testing.poses import random_motion


@pytest.fixture(scope="module")
def rest(body):
    return body.rest(body.default_shape())


@pytest.fixture(scope="module")
def posed(body):
    with torch.no_grad():
        return body(body.from_motion(random_motion(3), body.default_shape()))


def tied(rest, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    anchors = sample_surface(rest, count, torch.ones(len(rest.topology.faces)), generator)
    offsets = 0.05 * torch.randn(count, 3, generator=generator)
    return replace(anchors, offsets=offsets)


def parameters(count, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)

    def normal(width):
        return torch.randn(count, width, generator=generator, dtype=dtype)

    return 0.02 * normal(3), normal(4), -4 + normal(3)


def test_means_follow_linear_blend_skinning(rest, posed):
    """What is tied off the surface moves from the surface's point as bone transforms move it."""
    anchors = tied(rest, 300)
    weights = anchors.at_vertices(rest.skinning_weights, rest.topology.faces)
    carry = posed.bone_transforms @ torch.linalg.inv(rest.transforms)
    blend = torch.einsum("nj,bjxy->bnxy", weights, carry)
    whole = anchors.rest(rest)
    surface = anchors.at_vertices(posed.vertices, rest.topology.faces)
    offsets, quaternions, scales = parameters(300)
    moved, still = (
        (blend[..., :3, :3] @ p[..., None])[..., 0] + blend[..., :3, 3]
        for p in (whole + offsets, whole - anchors.offsets)
    )
    means, normals, covariances = Attachment.of(anchors, rest).carry(
        posed, offsets, quaternions, scales
    )
    torch.testing.assert_close(means, surface + moved - still, atol=1e-5, rtol=0)
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(3, 300))
    # a covariance carried by the blend: its volume is the rest one's times the blend's
    volume = covariances.double().det() / blend[..., :3, :3].double().det().square()
    expected = (2 * scales.double().sum(1)).exp().expand(3, -1)
    torch.testing.assert_close(volume, expected, rtol=1e-3, atol=0)


@settings(max_examples=10, deadline=None)
@given(count=st.integers(1, 60), seed=st.integers(0, 10**6))
def test_kernels_equal_plain_torch(rest, posed, count, seed):
    ties, given_ = Attachment.of(tied(rest, count, seed), rest), parameters(count, seed)
    assert torch.allclose(ties.weights.sum(1), torch.ones(count), atol=1e-5)
    turns = posed.bone_transforms[..., :3, :3] @ ties.unrest
    results = []
    for dtype, route in ((torch.float32, ties.carry), (torch.float64, None)):
        leaves = [v.to(dtype).clone().requires_grad_() for v in given_]
        if route is None:
            values = [v.double() for v in (posed.vertices, posed.normals, turns)]
            wide = Attachment(*(v.double() if v.is_floating_point() else v for v in parts(ties)))
            found = carry_dense(wide, *values, *leaves)
        else:
            found = route(posed, *leaves)
        generator = torch.Generator().manual_seed(seed)
        weights = [torch.randn(v.shape, generator=generator).to(dtype) for v in found]
        loss = sum(
            (1 if i < 2 else 1e3) * (w * v).sum()
            for i, (w, v) in enumerate(zip(weights, found, strict=True))
        )
        results.append([*found, *torch.autograd.grad(loss, leaves)])
    for a, b in zip(*results, strict=True):
        assert (a - b).abs().max() <= 2e-5 * max(1.0, b.abs().max().item())


def parts(ties):
    return [getattr(ties, name) for name in ties.__annotations__]


def test_finite_differences_of_everything():
    """In double, with gradients of the body: vertices, normals and bones of two frames."""
    ball = world.rest_body()
    ties = Attachment.of(tied(ball, 7), ball)
    frames = world.context([0, 1]).body
    offsets, quaternions, scales = parameters(7, dtype=torch.float64)
    leaves = [
        v.detach().double().requires_grad_()
        for v in (frames.vertices, frames.bone_transforms, offsets, quaternions, scales + 3)
    ]

    def carry(vertices, bones, *given_):
        body = PosedBody(vertices, frames.joints, bones, frames.hands, frames.topology)
        wide = replace(
            ties,
            barycentrics=ties.barycentrics.double(),
            offsets=ties.offsets.double(),
            weights=ties.weights.double(),
            unrest=ties.unrest.double(),
        )
        return wide.carry(body, *given_)

    assert torch.autograd.gradcheck(carry, leaves, eps=1e-6, atol=1e-6, rtol=1e-4, nondet_tol=0.0)


def test_threads_change_nothing(rest, posed):
    ties, given_ = Attachment.of(tied(rest, 501), rest), parameters(501)
    kept, results = torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            body = replace(posed, vertices=posed.vertices.clone().requires_grad_())
            leaves = [v.clone().requires_grad_() for v in given_]
            found = ties.carry(body, *leaves)
            loss = sum(v.square().sum() for v in found)
            results.append([*found, *torch.autograd.grad(loss, [body.vertices, *leaves])])
    finally:
        torch.set_num_threads(kept)
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)
