"""Which points a light reaches, judged by the points alone."""

import torch

from avatar_kit.light import lit_points, lit_vertices
from avatar_kit.testing.poses import swaying_motion

ABOVE = torch.tensor([0.0, 1.0, 0.0])


def plane(height, side, count=120):
    """Points of a level square, and their normals."""
    steps = torch.linspace(-side / 2, side / 2, count)
    x, z = torch.meshgrid(steps, steps, indexing="ij")
    points = torch.stack([x, torch.full_like(x, height), z], -1).reshape(1, -1, 3)
    return points, ABOVE.expand_as(points)


def test_a_roof_keeps_the_light_from_the_floor_below_it():
    floor, up = plane(0.0, 1.0)
    roof, _ = plane(1.0, 0.5)
    points = torch.cat([floor, roof], 1)
    lit = lit_points(points, torch.cat([up, up], 1), ABOVE)[0]
    under = floor[0, :, [0, 2]].abs().amax(1) < 0.22
    beside = floor[0, :, [0, 2]].abs().amax(1) > 0.28
    count = len(under)
    assert (lit[:count][under] == 0).all() and (lit[:count][beside] == 1).all()
    assert (lit[count:] == 1).all()


def test_what_casts_no_shadow_is_shaded_all_the_same():
    floor, up = plane(0.0, 1.0)
    roof, _ = plane(1.0, 2.0)
    points, normals = torch.cat([floor, roof], 1), torch.cat([up, up], 1)
    casters = torch.arange(points.shape[1]) < floor.shape[1]
    assert (lit_points(points, normals, ABOVE, casters=casters) == 1).all()


def test_a_slope_does_not_shade_itself():
    flat, up = plane(0.0, 1.0)
    turn = torch.tensor([[0.34, 0.94, 0.0], [-0.94, 0.34, 0.0], [0.0, 0.0, 1.0]])  # 70 degrees
    lit = lit_points(flat @ turn, up @ turn, ABOVE, cell=0.02)
    assert (lit == 1).all()


def test_on_a_body_it_agrees_with_the_shadow_map_of_its_triangles(body):
    shape = body.default_shape()
    direction = torch.nn.functional.normalize(torch.tensor([-0.6, 1.0, 0.7]), dim=0)
    with torch.no_grad():
        posed = body(body.from_motion(swaying_motion(2), shape))
        points, normals = posed.vertices, posed.normals
        faces = posed.topology.faces
        # corners alone are too far apart on the trunk
        points = torch.cat([points, points[:, faces].mean(2)], 1)
        normals = torch.cat([normals, normals[:, faces].mean(2)], 1)
        normals = torch.nn.functional.normalize(normals, dim=-1)
        found = lit_points(points, normals, direction)[:, : posed.vertices.shape[1]]
        expected = lit_vertices(posed, direction)
    towards = (posed.normals @ direction) > 0.2
    apart = (found - expected).abs()[towards].mean()
    assert float(apart) < 0.1
    assert float((expected[towards] < 0.1).float().mean()) > 0.05  # there is a shadow to find
