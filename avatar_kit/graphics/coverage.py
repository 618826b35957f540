"""Which pixels a mesh covers, and how near it is there, where nobody asks by which triangle.

A shadow map and a shadow's outline need no barycentrics and no numbers of triangles: without them
small triangles, most of which lie between the centres of pixels, take a third of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from avatar_kit.graphics import zbuffer
from avatar_kit.graphics.indices import check_indices
from avatar_kit.graphics.jit import in_parallel, kernel
from avatar_kit.graphics.rasterizer import NEAR, rasterize, visibility

if TYPE_CHECKING:
    from avatar_kit.scene.camera import Camera

#: How far outside a triangle, in its own barycentric weights, a pixel's centre still counts as on
#: its edge: rounding must not open a crack between two triangles.
_ON_EDGE = 1e-9


@torch.no_grad()
def nearest_depth(pixels: Tensor, depth: Tensor, faces: Tensor, height: int, width: int) -> Tensor:
    """Depth of the nearest surface at the centre of each pixel, in an orthographic projection.

    Args:
        pixels: [B, V, 2] pixel positions; the centre of the top-left pixel is (0.5, 0.5).
        depth: [B, V]; smaller is nearer.
        faces: [F, 3] vertex indices.
        height: Rows of the picture.
        width: Columns of the picture.

    Returns:
        [B, H, W], infinite where there is no surface. A triangle with a vertex that is not finite
        is not drawn. No gradient.
    """
    if pixels.device.type != "cpu":
        shape = faces, height, width
        triangle, _, nearest = visibility(pixels, depth, *shape, perspective=False)
        return nearest.masked_fill(triangle < 0, torch.inf)
    points = torch.cat([pixels, depth[..., None]], dim=-1)
    drawn = _drawn(points.contiguous().numpy(), faces, height, width)
    return torch.from_numpy(drawn).to(depth.dtype)


@torch.no_grad()
def covered(vertices: Tensor, faces: Tensor, camera: Camera) -> Tensor:
    """Which pixels have their centre on a mesh, seen from either side.

    Args:
        vertices: [B, V, 3] world metres.
        faces: [F, 3] vertex indices.
        camera: One camera, or one for each of the B meshes.

    Returns:
        [B, H, W] bool. What lies within ``NEAR`` of the camera plane or behind it covers nothing.
    """
    camera = camera.expand(len(vertices))
    if vertices.device.type != "cpu":
        return rasterize(vertices, faces, camera).triangle >= 0
    matrix = torch.cat([camera.R, camera.t[..., None]], dim=-1).double()
    matrix = camera.K.double() @ matrix
    rows = zbuffer.project(vertices.contiguous().numpy(), matrix.numpy())
    if not rows[..., 2].min(initial=np.inf) > NEAR:  # cutting triangles is the z-buffer's
        return rasterize(vertices, faces, camera).triangle >= 0
    rows[..., :2] /= rows[..., 2:3]
    found = _drawn(rows[..., :3], faces, camera.height, camera.width)
    return torch.from_numpy(found) < torch.inf


def _drawn(points: np.ndarray, faces: Tensor, height: int, width: int) -> np.ndarray:
    corners = check_indices(faces, points.shape[1])
    nearest = np.full((len(points), height, width), np.inf, np.float32)
    in_parallel(_draw, [(points[b], corners, nearest[b]) for b in range(len(points))])
    return nearest


@kernel
def _draw(points, faces, nearest):
    height, width = nearest.shape
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        x, ax, bx, left, right = _extent(points[i, 0], points[j, 0], points[k, 0], width)
        if left >= right:
            continue
        y, ay, by, first, last = _extent(points[i, 1], points[j, 1], points[k, 1], height)
        if first >= last:
            continue
        z = np.float64(points[i, 2])
        az, bz = points[j, 2] - z, points[k, 2] - z
        area = ax * by - bx * ay
        if not (area != 0 and abs(z + az + bz) < np.inf):
            continue
        over = 1 / area
        for row in range(first, last):
            dy = row + 0.5 - y
            for column in range(left, right):
                dx = column + 0.5 - x
                a, b = (dx * by - bx * dy) * over, (ax * dy - dx * ay) * over
                if a >= -_ON_EDGE and b >= -_ON_EDGE and a + b <= 1 + _ON_EDGE:
                    depth = np.float32(z + a * az + b * bz)
                    if depth < nearest[row, column]:
                        nearest[row, column] = depth


@kernel
def _extent(first, second, third, size):
    """A corner's coordinate, the ways to the others, and the span of centres of pixels between."""
    at = np.float64(first)
    to_second, to_third = second - at, third - at
    low, high = at, at
    if second < low:
        low = np.float64(second)
    if third < low:
        low = np.float64(third)
    if second > high:
        high = np.float64(second)
    if third > high:
        high = np.float64(third)
    if not (abs(to_second + to_third) < np.inf and high > 0 and low < size):
        return at, to_second, to_third, 0, 0  # not finite, or outside the picture
    start, stop = np.ceil(np.maximum(low - 0.5, 0.0)), np.floor(np.minimum(high + 0.5, size))
    return at, to_second, to_third, int(start), int(stop)
