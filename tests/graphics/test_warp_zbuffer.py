"""Visibility in Warp, on its CPU device, against the z-buffer in numba: the same numbers."""

import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from graphics_shapes import soup, sphere
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.graphics import indices, rasterize, warp_device, warp_zbuffer, zbuffer
from avatar_kit.scene import Camera, Motion, stack_cameras

CPU = torch.device("cpu")


def rows_of(pixels, depth, perspective):
    """Vertex rows [B, V, 4], as :mod:`avatar_kit.graphics.zbuffer` describes them."""
    xy, z = pixels.double(), depth.double()[..., None]
    one = torch.ones_like(z)
    return torch.cat([xy * z, z, one] if perspective else [xy, one, -z], dim=-1)


def both(rows, faces, height, width, near, **options):
    expected = zbuffer.draw(rows.numpy(), faces.numpy(), height, width, near=near)
    found = warp_zbuffer.draw(rows, faces.int(), height, width, near=near, **options)
    return [torch.from_numpy(x) for x in expected], found


def assert_same(expected, found):
    """Bit for bit: both do the same operations in the same order and precision."""
    for one, other in zip(expected, found, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("perspective", [True, False])
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 60),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    snapped=st.booleans(),
    behind=st.booleans(),
    threads=st.integers(1, 9),
)
def test_soup(perspective, seed, count, size, snapped, behind, threads):
    """Random meshes; corners and edges on pixel centres; equal depths; across the near plane."""
    pixels, depth, faces = soup(count, seed, max(size))
    if snapped:
        pixels, depth = (pixels * 2).round() / 2, depth.round()
    if behind:
        depth = depth - 2.5
    faces = torch.cat([faces, faces.flip(1)])  # each twice: equal keys, both orientations
    rows = rows_of(pixels, depth, perspective)
    near = 0.01 if perspective else None
    assert_same(*both(rows, faces, *size, near, threads=threads))


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_body(body, size):
    parameters = body.from_motion(Motion.rest(2), body.default_shape())
    vertices, faces = body(parameters).vertices, body.topology.faces
    vertices = vertices * torch.tensor([1.0, 0.8])[:, None, None]
    # The second camera looks along an outstretched arm that begins behind it.
    eyes = (((0.3, 0.0, 2.5), (0.0, 0.0, 0.0)), ((0.4, 0.4, 0.0), (0.0, 0.4, 0.0)))
    views = [Camera.look_at(*e, width=size, height=size, fov_y=45.0) for e in eyes]
    view = stack_cameras(views)
    expected = rasterize(vertices, faces, view, backend="numba")
    found = rasterize(vertices, faces, view, backend="warp")
    assert ((expected.triangle >= 0).float().mean((1, 2)) > 0.1).all()
    assert torch.equal(expected.triangle, found.triangle)
    assert torch.equal(expected.barycentrics, found.barycentrics)
    assert torch.equal(expected.depth, found.depth)


def test_ground_that_reaches_behind_the_camera():
    ground = torch.tensor([[-1e3, 0, -1e3], [1e3, 0, -1e3], [1e3, 0, 1e3], [-1e3, 0, 1e3]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    view = Camera.look_at((0, 1.5, 0), (0, 1.5, -1), width=300, height=200, fov_y=90.0)
    expected = rasterize(ground[None], faces, view, backend="numba")
    found = rasterize(ground[None], faces, view, backend="warp")
    assert 0.4 < (expected.triangle >= 0).float().mean() < 0.6
    assert torch.equal(expected.triangle, found.triangle)


def test_large_triangles_are_shared_and_the_nearest_wins():
    pixels, depth, faces = soup(200, 3, 128)
    pixels = torch.cat([pixels, 0.3 * pixels])
    rows = rows_of(pixels, depth.expand(2, -1), True)
    one = warp_zbuffer.draw(rows, faces.int(), 128, 128, near=0.01, threads=1)
    for threads in (2, 129, 1000):
        many = warp_zbuffer.draw(rows, faces.int(), 128, 128, near=0.01, threads=threads)
        assert_same(one, many)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_vertex_that_is_not_finite_costs_its_triangles_alone(value):
    vertices, faces = sphere(20)
    vertices = vertices.expand(2, -1, -1).clone()
    vertices[0, 137, 1] = value
    view = Camera.look_at((0, 0, 3), (0, 0, 0), width=96, height=96, fov_y=45.0)
    found = rasterize(vertices, faces, view, backend="warp")
    whole = rasterize(vertices[1:], faces, view, backend="warp")
    assert torch.equal(found.triangle[1], whole.triangle[0])
    lost = (faces == 137).any(1).nonzero()[:, 0]
    assert not torch.isin(found.triangle[0], lost).any()
    kept = ~torch.isin(whole.triangle[0], lost)
    assert torch.equal(found.triangle[0][kept], whole.triangle[0][kept])
    assert torch.equal(found.triangle, rasterize(vertices, faces, view).triangle)


def test_double_precision():
    pixels, depth, faces = soup(30, 5, 40)
    rows = rows_of(pixels, depth, True)
    expected = zbuffer.draw(rows.numpy(), faces.numpy(), 40, 50, near=0.01, dtype=np.float64)
    found = warp_zbuffer.draw(rows, faces.int(), 40, 50, near=0.01, dtype=torch.float64)
    assert_same([torch.from_numpy(x) for x in expected], found)


def test_empty_mesh_and_empty_batch():
    none = torch.zeros(0, 3, dtype=torch.int32)
    triangle, _, _ = warp_zbuffer.draw(torch.ones(2, 4, 4).double(), none, 5, 6, near=0.01)
    assert (triangle == -1).all() and triangle.shape == (2, 5, 6)
    face = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    empty = warp_zbuffer.draw(torch.ones(0, 4, 4).double(), face, 5, 6, near=0.01)
    assert [tuple(x.shape) for x in empty] == [(0, 5, 6), (0, 5, 6, 3), (0, 5, 6)]


def test_faces_are_checked_once_and_again_when_they_change(monkeypatch):
    looked = []
    real = indices.check_indices
    monkeypatch.setattr(indices, "check_indices", lambda *a: looked.append(a) or real(*a))
    faces = torch.tensor([[0, 1, 2]])
    assert indices.indices_on_device(faces, 3).dtype == torch.int32
    assert indices.indices_on_device(faces, 3) is indices.indices_on_device(faces, 3)
    assert len(looked) == 1
    with pytest.raises(ValueError, match=r"faces name vertices 0\.\.2 of 2"):
        indices.indices_on_device(faces, 2)
    faces[0, 2] = 5
    with pytest.raises(ValueError, match=r"faces name vertices 0\.\.5 of 3"):
        indices.indices_on_device(faces, 3)


def test_warp_that_does_not_run_is_reported_once(monkeypatch, caplog):
    def broken(name, device):
        raise RuntimeError("no driver\nlong log")

    vertices, faces = sphere(3)
    view = Camera.look_at((0, 0, 3), (0, 0, 0), width=8, height=8, fov_y=45.0)
    device = torch.device("cuda", 99)
    warp_device.missing.cache_clear()
    monkeypatch.setattr(warp_device, "load", broken)
    try:
        with caplog.at_level(logging.WARNING):
            assert not warp_device.usable(device) and not warp_device.usable(device)
        with pytest.raises(UserError, match=r"with Warp: it is not usable: no driver$"):
            rasterize(vertices[None], faces, view, backend="warp")
    finally:
        warp_device.missing.cache_clear()
        warp_device.usable.cache_clear()
    said = "rasterising on the CPU, which is slower: Warp is not usable: no driver"
    assert [record.getMessage() for record in caplog.records] == [said]


def test_a_cpu_imports_no_warp():
    """It takes most of a second, and a CPU needs none of it."""
    program = "import sys, avatar_kit.graphics; sys.exit('warp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_kernels_compile_ahead_of_time(tmp_path):
    """For a GPU of the data centre (sm_90); no GPU and no CUDA is needed."""
    warp_device.load("warp_kernels", CPU)
    import warp

    from avatar_kit.graphics import warp_kernels

    written = warp.compile_aot_module(warp_kernels, arch=90, module_dir=tmp_path, use_ptx=False)
    (binary,) = [path for path in written if path.suffix == ".cubin"]
    code = binary.read_bytes()
    assert code[:4] == b"\x7fELF"
    for kernel in (b"draw_small", b"draw_large", b"resolve", b"project"):
        assert kernel in code


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_numba():
    vertices, faces = sphere(60)
    view = Camera.look_at((0.4, 0.5, 3), (0, 0, 0), width=512, height=512, fov_y=40.0)
    expected = rasterize(vertices[None], faces, view, backend="numba")
    found = rasterize(vertices[None].cuda(), faces.cuda(), view.to("cuda"))
    assert torch.equal(found.triangle.cpu(), expected.triangle)
    torch.testing.assert_close(found.depth.cpu(), expected.depth, atol=1e-6, rtol=0)
