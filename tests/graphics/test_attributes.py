"""Interpolated attributes and vertex normals."""

import torch
from graphics_shapes import sphere
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from avatar_kit.graphics import interpolate, rasterize, uv_map, vertex_normals
from avatar_kit.graphics.normals import normals_dense
from avatar_kit.scene import Camera, Topology


def view(size: int = 24) -> Camera:
    return Camera.look_at((0.3, 0.2, 3.0), (0, 0, 0), width=size, height=size, fov_y=40)


def test_interpolation_equals_the_weighted_sum_of_corners():
    vertices, faces = sphere(8)
    fragments = rasterize(torch.stack([vertices, vertices * 0.7]), faces, view())
    attributes = torch.randn(2, len(vertices), 5)
    picture = interpolate(attributes, faces, fragments)
    assert picture.shape == (2, 5, 24, 24)
    for b in range(2):
        for row, column in ((12, 12), (9, 14), (15, 8)):
            corners = attributes[b, faces[fragments.triangle[b, row, column]]]
            expected = fragments.barycentrics[b, row, column] @ corners
            torch.testing.assert_close(picture[b, :, row, column], expected)
    assert not picture[(fragments.mask == 0).expand_as(picture)].any()
    shared = interpolate(attributes[:1], faces, fragments)
    assert torch.equal(shared[0], picture[0])


def test_uv_map_of_a_textured_sheet_is_its_pixel_position():
    """A sheet that fills the picture, uv given at corners of its own."""
    vertices = torch.tensor([[-1.0, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0]])
    faces = torch.tensor([[0, 2, 1], [0, 3, 2]])
    uvs = torch.tensor([[1.0, 1.0], [0, 0], [0, 1.0], [1.0, 0]])
    uv_faces = torch.tensor([[1, 0, 3], [1, 2, 0]])
    none = torch.zeros(2, dtype=torch.bool)
    topology = Topology(faces, uvs, uv_faces, none, torch.zeros(4).long(), ("sheet",))
    camera = Camera.look_at((0, 0, 1), (0, 0, 0), width=16, height=16, fov_y=90)
    uv = uv_map(topology, rasterize(vertices[None], faces, camera))
    ramp = (torch.arange(16) + 0.5) / 16
    torch.testing.assert_close(uv[0, 0], ramp.expand(16, 16), atol=1e-5, rtol=0)
    torch.testing.assert_close(uv[0, 1], ramp[:, None].expand(16, 16), atol=1e-5, rtol=0)


def test_interpolation_gradients_by_finite_differences():
    """To the attributes, and through the barycentrics to the vertices."""
    vertices, faces = sphere(3)
    vertices = vertices.double()[None].requires_grad_()
    attributes = torch.randn(1, vertices.shape[1], 2).double().requires_grad_()

    def seen(vertices, attributes):
        return interpolate(attributes, faces, rasterize(vertices, faces, view(8)))

    assert torch.autograd.gradcheck(seen, (vertices, attributes), eps=1e-6, atol=1e-5)


def test_empty_picture():
    vertices, faces = sphere(3)
    fragments = rasterize(vertices[None] + 50, faces, view())
    attributes = torch.rand(1, len(vertices), 3, requires_grad=True)
    picture = interpolate(attributes, faces, fragments)
    picture.sum().backward()
    assert not picture.any()
    assert not attributes.grad.any()


def test_normals_of_a_sphere_point_outside():
    vertices, faces = sphere(40)
    normals = vertex_normals(vertices[None] * 3 + 1, faces)[0]
    used = faces.unique()
    used = used[vertices[used, 1].abs() < 0.999]  # poles have one vertex for every longitude
    assert (normals[used] * vertices[used]).sum(-1).min() > 0.998


def test_normals_are_area_weighted():
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 3]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    normals = vertex_normals(vertices[None], faces)[0]
    torch.testing.assert_close(normals[0], torch.tensor([3.0, 0, 1]) / 10**0.5)
    torch.testing.assert_close(normals[1], torch.tensor([0.0, 0, 1]))


def test_vertex_of_no_triangle_has_no_normal():
    normals = vertex_normals(torch.rand(1, 4, 3), torch.tensor([[0, 1, 2]]))
    assert not normals[0, 3].any()
    assert torch.isfinite(normals).all()


def test_normals_gradients_by_finite_differences():
    vertices, faces = sphere(3)
    used, faces = faces.unique(return_inverse=True)
    vertices = (vertices[used] + 0.1 * torch.randn(len(used), 3)).double()[None]
    assert torch.autograd.gradcheck(lambda x: vertex_normals(x, faces), vertices.requires_grad_())


def has_directions(vertices, faces):
    """Whether each vertex of a triangle has a normal: where areas are 0 or cancel, what plain torch
    gives is the rounding of huge numbers that should cancel, too.
    """
    a, b, c = vertices[:, faces].unbind(2)
    area = torch.linalg.cross(b - a, c - a).repeat_interleave(3, dim=1)
    summed = torch.zeros_like(vertices).index_add_(1, faces.flatten(), area).norm(dim=2)
    parts = vertices.new_zeros(vertices.shape[:2])
    parts = parts.index_add_(1, faces.flatten(), area.norm(dim=2))
    used = faces.flatten().unique()
    return bool((summed > 1e-6 * parts.clamp(min=1e-3))[:, used].all())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), dtype=st.sampled_from([torch.float32, torch.float64]))
@example(seed=568850, dtype=torch.float32)
@example(seed=568850, dtype=torch.float64)
def test_normals_by_kernels_equal_plain_torch(seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.randn(2, 30, 3, generator=generator, dtype=torch.float64).to(dtype)
    faces = torch.randint(0, 30, (40, 3), generator=generator)  # some of no area
    weights = torch.randn(2, 30, 3, generator=generator, dtype=torch.float64)
    assume(has_directions(vertices.double(), faces))
    results = []
    for route, kind in ((vertex_normals, dtype), (normals_dense, torch.float64)):
        leaf = vertices.to(kind).requires_grad_()
        normals = route(leaf, faces)
        (gradient,) = torch.autograd.grad(normals, leaf, weights.to(kind))
        results.append((normals, gradient))
    tolerance = 1e-10 if dtype == torch.float64 else 1e-5
    for a, b in zip(*results, strict=True):
        assert (a - b).abs().max() <= tolerance * max(1.0, b.abs().max().item())
