"""Meshes seen through cameras: closed forms, gradients, nvdiffrast."""

import math
import sys
from types import SimpleNamespace

import pytest
import torch
from graphics_shapes import centres, sphere

from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.graphics import (
    fragments as fragments_module,
)
from avatar_kit.graphics import (
    interpolate,
    nvdiffrast,
    rasterize,
    rasterizer,
    visibility,
)
from avatar_kit.graphics.nvdiffrast import to_clip
from avatar_kit.graphics.rasterizer import NEAR, to_screen
from avatar_kit.scene import Camera

RADIUS, DISTANCE = 0.8, 3.0


def camera(size: int = 96, **change) -> Camera:
    pose = {"eye": (0.4, 0.5, DISTANCE), "target": (0.0, 0.1, 0.0), "fov_y": 40.0} | change
    return Camera.look_at(width=size, height=size, **pose)


def test_sphere_depth_and_silhouette():
    vertices, faces = sphere(100, RADIUS)
    view = camera(128, eye=(0.0, 0.0, DISTANCE), target=(0.0, 0.0, 0.0))
    fragments = rasterize(vertices[None], faces, view)
    focal = float(view.K[0, 0, 0])
    rays = torch.cat([(centres(128, 128) - 64) / focal, torch.ones(128, 128, 1)], -1)
    squared = (rays**2).sum(-1)
    discriminant = DISTANCE**2 - squared * (DISTANCE**2 - RADIUS**2)
    depth = (DISTANCE - discriminant.clamp(min=0).sqrt()) / squared
    seen = fragments.triangle[0] >= 0
    # The middle of a patch lies R (1 - cos(pi / 200)) inside for each of its two directions;
    # a ray that meets the surface at an angle finds it deeper by 1 / cos.
    facing = seen & (discriminant > 0.2)
    cosine = discriminant.clamp(min=0).sqrt() / (RADIUS * squared.sqrt())
    inside = ((fragments.depth[0].double() - depth) * cosine)[facing]
    assert facing.sum() > 2000
    assert inside.min() > -1e-6
    assert inside.max() < 2.02 * RADIUS * (1 - math.cos(math.pi / 200))
    # Silhouette of a centred sphere: a disc of radius f R / sqrt(D^2 - R^2).
    area = math.pi * focal**2 * RADIUS**2 / (DISTANCE**2 - RADIUS**2)
    assert abs(float(seen.sum()) - area) < 0.003 * area
    assert torch.equal(fragments.mask[0, 0] > 0, seen)


def test_surface_points_project_onto_their_pixels():
    """Interpolated world positions come back to the pixel centres they were seen through."""
    vertices, faces = sphere(12)
    view = camera(64)
    fragments = rasterize(vertices[None], faces, view)
    points = interpolate(vertices[None], faces, fragments)[0].permute(1, 2, 0)
    seen = fragments.triangle[0] >= 0
    pixels, z = view.project(points[seen][None])
    torch.testing.assert_close(pixels[0], centres(64, 64)[seen].float(), atol=2e-4, rtol=0)
    torch.testing.assert_close(z[0], fragments.depth[0][seen], atol=1e-5, rtol=0)


def test_ground_reaching_behind_the_camera_is_cut_at_the_near_plane():
    height, size = 1.5, 50
    ground = torch.tensor([[-1e3, 0, -1e3], [1e3, 0, -1e3], [1e3, 0, 1e3], [-1e3, 0, 1e3]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    view = camera(size, eye=(0.0, height, 0.0), target=(0.0, height, -1.0), fov_y=90.0)
    fragments = rasterize(ground[None], faces, view)
    down = centres(size, size)[..., 1] - size / 2
    expected = torch.where(down > 0, float(view.K[0, 1, 1]) * height / down, torch.zeros(()))
    torch.testing.assert_close(fragments.depth[0].double(), expected, rtol=1e-5, atol=0)


def test_nothing_nearer_than_the_near_plane_is_drawn():
    triangle = torch.tensor([[[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]]])
    faces = torch.tensor([[0, 1, 2]])
    for distance, visible in ((NEAR * 0.9, False), (NEAR * 1.1, True), (-1.0, False)):
        view = camera(16, eye=(0.0, 0.0, distance), target=(0.0, 0.0, distance - 1))
        assert bool((rasterize(triangle, faces, view).triangle >= 0).any()) == visible


def test_every_frame_has_its_own_mesh_and_camera():
    vertices, faces = sphere(10)
    meshes = torch.stack([vertices, vertices * 0.5])
    views = [camera(48), camera(48, eye=(2.0, 1.0, 1.0))]
    both = Camera(
        *(torch.cat([getattr(v, name) for v in views]) for name in ("K", "R", "t")), 48, 48
    )
    fragments = rasterize(meshes, faces, both)
    for b in range(2):
        alone = rasterize(meshes[b : b + 1], faces, views[b])
        assert torch.equal(fragments.triangle[b], alone.triangle[0])
        assert torch.equal(fragments.depth[b], alone.depth[0])


def test_crop_is_the_window_of_the_full_picture():
    vertices, faces = sphere(20)
    view = camera(96)
    full = rasterize(vertices[None], faces, view)
    crop = rasterize(vertices[None], faces, view.crop_resize(21, 34, 1.0, 40, 30))
    window = (slice(None), slice(34, 64), slice(21, 61))
    assert torch.equal(crop.triangle, full.triangle[window])
    torch.testing.assert_close(crop.barycentrics, full.barycentrics[window], atol=1e-4, rtol=0)
    # Three times finer: every third pixel centre is a centre of the full picture.
    fine = rasterize(vertices[None], faces, view.crop_resize(21, 34, 3.0, 120, 90))
    same = fine.triangle[:, 1::3, 1::3] == full.triangle[window]
    assert same.float().mean() > 0.999
    torch.testing.assert_close(
        fine.depth[:, 1::3, 1::3][same], full.depth[window][same], atol=1e-5, rtol=0
    )


def test_fast_path_equals_differentiable_path():
    vertices, faces = sphere(20)
    fast = rasterize(vertices[None], faces, camera())
    slow = rasterize(vertices[None].requires_grad_(), faces, camera())
    assert slow.barycentrics.requires_grad
    assert not fast.barycentrics.requires_grad
    assert torch.equal(fast.triangle, slow.triangle)
    torch.testing.assert_close(fast.barycentrics, slow.barycentrics, atol=1e-6, rtol=0)
    torch.testing.assert_close(fast.depth, slow.depth, atol=1e-6, rtol=0)


def test_gradients_by_finite_differences():
    vertices, faces = sphere(3)
    view = camera(9)
    inputs = [x.double().requires_grad_() for x in (vertices[None], view.K, view.R, view.t)]

    def seen(vertices, K, R, t):
        fragments = rasterize(vertices, faces, Camera(K, R, t, 9, 9))
        return fragments.barycentrics, fragments.depth

    assert (rasterize(inputs[0], faces, view).triangle >= 0).sum() > 20
    assert torch.autograd.gradcheck(seen, inputs, eps=1e-6, atol=1e-5)


def test_every_pixel_visited_gives_the_same(monkeypatch):
    """What a GPU does, so that the CPU need not wait to know which pixels are covered."""
    vertices, faces = sphere(12)
    vertices[3] = vertices[4]  # a triangle without an area
    faces = torch.cat([torch.tensor([[5, 5, 5]]), faces])  # and triangle 0 is none at all
    colours = torch.rand(1, len(vertices), 4, generator=torch.Generator().manual_seed(0))

    def drawn():
        points, values = vertices[None].clone().requires_grad_(), colours.clone().requires_grad_()
        fragments = rasterize(points, faces, camera(40))
        picture = interpolate(values, faces, fragments)
        (picture.square().sum() + fragments.depth.square().sum()).backward()
        return picture, fragments.barycentrics, fragments.depth, points.grad, values.grad

    expected = drawn()
    for module in (rasterizer, fragments_module):
        everything = lambda triangle: torch.arange(triangle.numel())  # noqa: E731
        monkeypatch.setattr(module, "pixels_to_visit", everything)
    for one, other in zip(expected, drawn(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_clip_space_and_viewport_equal_the_camera():
    vertices, _ = sphere(8)
    view = camera(80).crop_resize(10, 5, 1.3, 70, 90)
    clip = to_clip(to_screen(vertices.double()[None], view), view.height, view.width, NEAR)
    ndc = clip[..., :3] / clip[..., 3:]
    viewport = torch.tensor([view.width, view.height], dtype=torch.float64)
    pixels, depth = view.project(vertices[None])
    torch.testing.assert_close(((ndc[..., :2] + 1) / 2 * viewport).float(), pixels)
    torch.testing.assert_close(clip[..., 3].float(), depth)
    assert (ndc[..., 2].abs() <= 1).all()
    order = depth[0].argsort()
    assert (ndc[0, order, 2].diff() >= -1e-12).all()


def test_near_plane_of_clip_space():
    points = torch.tensor([[[0.0, 0.0, -1.0], [0.0, 0.0, NEAR], [0.0, 0.0, 5.0]]]).double()
    clip = to_clip(points, 8, 8, NEAR)[0]
    assert clip[0, 2] < -clip[0, 3]  # behind the camera: outside
    torch.testing.assert_close(clip[1, 2], -clip[1, 3])
    assert clip[2, 2] < clip[2, 3]


def test_nvdiffrast_that_cannot_be_had(monkeypatch):
    vertices, faces = sphere(3)
    monkeypatch.setattr(nvdiffrast, "installed", lambda: False)
    with pytest.raises(MissingExtra, match=r"with nvdiffrast needs .*avatar-kit\[nvdiffrast\]"):
        rasterize(vertices[None], faces, camera(), backend="nvdiffrast")
    monkeypatch.setattr(nvdiffrast, "installed", lambda: True)
    with pytest.raises(ValueError, match="nvdiffrast draws on CUDA only"):
        rasterize(vertices[None], faces, camera(), backend="nvdiffrast")


def test_nvdiffrast_that_does_not_compile(monkeypatch):
    def broken(device):
        raise RuntimeError("Error building extension\nlong log")

    package = SimpleNamespace(RasterizeCudaContext=broken)
    monkeypatch.setitem(sys.modules, "nvdiffrast", SimpleNamespace(torch=package))
    monkeypatch.setitem(sys.modules, "nvdiffrast.torch", package)
    with pytest.raises(UserError, match=r"cannot be used here: Error building extension$"):
        nvdiffrast.context(torch.device("cuda", 99))


class DocumentedNvdiffrast:
    """Draws as nvdiffrast documents it: row y is at clip y = 2 (y + 0.5) / height - 1."""

    @staticmethod
    def rasterize(context, pos, tri, resolution, grad_db):
        assert pos.dtype == torch.float32 and pos.is_contiguous()
        assert tri.dtype == torch.int32 and tri.is_contiguous()
        (height, width), pos = resolution, pos.double()
        pixels = (pos[..., :2] / pos[..., 3:] + 1) / 2 * torch.tensor([width, height])
        ids, _, _ = visibility(
            pixels, pos[..., 2] / pos[..., 3], tri, height, width, perspective=False
        )
        empty = torch.zeros(*ids.shape, 3)
        return torch.cat([empty, (ids + 1)[..., None].float()], -1), torch.empty(0)


def test_nvdiffrast_is_called_as_documented(monkeypatch):
    """z / w is linear on the screen, so an orthographic draw of it must find the same."""
    package = SimpleNamespace(torch=DocumentedNvdiffrast)
    monkeypatch.setitem(sys.modules, "nvdiffrast", package)
    monkeypatch.setitem(sys.modules, "nvdiffrast.torch", DocumentedNvdiffrast)
    monkeypatch.setattr(nvdiffrast, "context", lambda device: None)
    vertices, faces = sphere(30)
    view = camera(70).crop_resize(4, 9, 1.1, 60, 50)
    found = nvdiffrast.visible_triangles(to_screen(vertices[None], view), faces, 50, 60, near=NEAR)
    expected = rasterize(vertices[None], faces, view).triangle
    assert found.dtype == torch.int64
    assert (found == expected).float().mean() > 0.998  # float32 clip space moves a few edges


@pytest.mark.skipif(
    not torch.cuda.is_available() or not nvdiffrast.installed(),
    reason="needs a CUDA device and nvdiffrast",
)
def test_nvdiffrast_equals_numba():
    vertices, faces = sphere(60)
    view = camera(256)
    cpu = rasterize(vertices[None], faces, view, backend="numba")
    gpu = rasterize(vertices[None].cuda(), faces.cuda(), view.to("cuda"), backend="nvdiffrast")
    same = gpu.triangle.cpu() == cpu.triangle
    # nvdiffrast snaps corners to 1/16 pixel, so pixels on an edge may fall to the neighbour.
    assert same.float().mean() > 0.98
    both = (gpu.triangle.cpu() >= 0) & (cpu.triangle >= 0)
    assert both.sum() > 0.995 * (cpu.triangle >= 0).sum()
    torch.testing.assert_close(gpu.depth.cpu()[same], cpu.depth[same], atol=1e-4, rtol=0)
    torch.testing.assert_close(
        gpu.barycentrics.cpu()[same], cpu.barycentrics[same], atol=1e-3, rtol=0
    )
