"""The planes against a second library and a dense twin; blends against sums over all parts."""

import numpy as np
import pytest
import torch
from avatar_kit_r3 import record
from avatar_kit_r3.config import RecordConfig
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator


def tables_and_layouts(*sizes, channels=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    layouts = [record.layout(sides) for sides in sizes]
    rows = [int((laid[:, 1] * laid[:, 2]).sum()) for laid in layouts]
    made = [torch.randn(r, channels, generator=draw, dtype=torch.float64) for r in rows]
    return made, layouts


def places(count, seed=1, reach=1.3):
    draw = torch.Generator().manual_seed(seed)
    return reach * (2 * torch.rand(count, 4, generator=draw, dtype=torch.float64) - 1)


def test_features_are_products_of_scipys_samples():
    (table,), (laid,) = tables_and_layouts((5, 4, 3, 6))
    at = places(20, reach=1.0)
    expected = np.ones((20, 3))
    for plane, (columns, rows) in zip(record.planes_of(table, laid), record.AXES, strict=True):
        grid = [np.linspace(-1, 1, size) for size in plane.shape[2:]]
        values = plane[0].permute(1, 2, 0).numpy()
        expected *= RegularGridInterpolator(grid, values)(at[:, [rows, columns]].numpy())
    np.testing.assert_allclose(record.table_features([table], [laid], at), expected, rtol=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.tuples(*[st.integers(1, 6)] * 4), st.integers(1, 5), st.integers(0, 9))
def test_the_kernel_is_the_dense_twin(sides, channels, seed):
    tables, layouts = tables_and_layouts(sides, (4, 4, 4, 2), channels=channels, seed=seed)
    planes = [record.planes_of(t, laid) for t, laid in zip(tables, layouts, strict=True)]
    at = places(8, seed)
    found = record.table_features(tables, layouts, at)
    torch.testing.assert_close(found, record.plane_features(planes, at))


def test_derivatives_of_the_kernel_are_those_of_autograd():
    tables, layouts = tables_and_layouts((6, 5, 4, 3), (2, 3, 4, 1))
    given_ = [places(30).requires_grad_(), *(t.requires_grad_() for t in tables)]
    incoming = torch.randn(30, 6, dtype=torch.float64)
    found = torch.autograd.grad(record.table_features(tables, layouts, given_[0]), given_, incoming)
    planes = [record.planes_of(t, laid) for t, laid in zip(tables, layouts, strict=True)]
    expected = torch.autograd.grad(record.plane_features(planes, given_[0]), given_, incoming)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_outside_the_planes_nothing_depends_on_the_place():
    tables, layouts = tables_and_layouts((5, 5, 5, 5))
    at = torch.full((1, 4), 1.5, dtype=torch.float64, requires_grad=True)
    record.table_features(tables, layouts, at).sum().backward()
    assert not at.grad.any()


def made():
    torch.manual_seed(0)
    low, high = torch.tensor([-1.0, -1, -0.5]), torch.tensor([1.0, 1, 0.5])
    return record.Record(RecordConfig(space=(6, 12), time=5, channels=4, width=8), low, high, 2.0)


@torch.no_grad()
def test_a_new_record_changes_next_to_nothing():
    found = made()(torch.rand(9, 3) - 0.5, torch.tensor(0.3))
    assert float(found.offset.abs().max()) < 0.02
    for values, expected in (
        (found.opacity_logit, 2.0),
        (found.scale, 1.0),
        (found.quaternion, torch.tensor([1.0, 0, 0, 0])),
    ):
        assert float((values - expected).abs().max()) < 0.05


@torch.no_grad()
def test_each_point_may_have_a_time_of_its_own():
    one = made()
    for table in one.tables:
        table.copy_(torch.rand_like(table))
    points, times = torch.rand(6, 3) - 0.5, torch.linspace(-1, 1, 6)
    together = one(points, times)
    for n in range(6):
        alone = one(points[[n]], times[n])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[[n]], b)


@given(st.integers(1, 7), st.integers(1, 5), st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_a_blend_of_pairs_is_the_sum_over_all_parts(count, parts, seed):
    draw = torch.Generator().manual_seed(seed)
    mass = torch.rand(count, parts, generator=draw)
    mass = mass * (torch.rand(count, parts, generator=draw) > 0.5)
    each = [torch.randn(count, parts, width, generator=draw) for width in (3, 1, 3, 4)]
    rows, which = mass.nonzero(as_tuple=True)
    pairs = record.Decoded(*(value[rows, which] for value in each))
    found = record.blend(pairs, mass[rows, which], rows, count)
    for value, dense in zip(found, each, strict=True):
        torch.testing.assert_close(value, (mass[..., None] * dense).sum(1))


def test_the_box_maps_to_its_corners():
    low, high = torch.tensor([0.0, -2, 1]), torch.tensor([1.0, 2, 3])
    corners = torch.stack([low, high, (low + high) / 2])
    expected = torch.tensor([[-1.0] * 3, [1.0] * 3, [0.0] * 3])
    torch.testing.assert_close(record.in_box(corners, low, high), expected)


def test_a_record_needs_a_scale():
    with pytest.raises(ValueError, match="at least 1"):
        RecordConfig(space=())
