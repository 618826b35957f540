"""How much of a person's surface pictures show, and a picture of that."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.graphics import interpolate, rasterize
from avatar_kit.scene import Camera, PosedBody, RestBody
from avatar_kit.surface.painted import shown

#: A vertex that was covered less was not shown: pictures saw it at a grazing angle at most.
COVERED = 0.2

#: Samples along the side of a pixel of a drawing.
_FINER = 3

#: Colours of what was and what was not shown.
SHOWN, NOT_SHOWN = (66, 133, 244), (232, 138, 60)

#: The sides that :func:`draw_coverage` looks from, with the angle about the vertical in degrees.
SIDES = {"front": 0, "left": 90, "back": 180, "right": 270}


@torch.no_grad()
def covering(body: PosedBody, camera: Camera, mask: Tensor) -> Tensor:
    """How much a picture shows of each vertex.

    Args:
        body: One posed body.
        camera: Of the picture.
        mask: [1, 1, H, W] of the person.

    Returns:
        [V] the squared cosine between normal and direction of view; 0 where the vertex is hidden,
        outside the picture or outside the mask.
    """
    depth = rasterize(body.vertices, body.topology.faces, camera).depth
    nothing = mask.new_zeros(1, 0, *mask.shape[2:])
    return shown(nothing, mask, body.vertices, body.normals, camera, depth)[1].cpu()


def is_covered(coverage: Tensor) -> Tensor:
    """[V] bool, which vertices pictures show, by the sum [V] of :func:`covering` over them."""
    return coverage > COVERED


@torch.no_grad()
def draw_coverage(
    rest: RestBody, coverage: Tensor, height: int, paper: tuple[int, int, int]
) -> list[np.ndarray]:
    """The body at rest from four sides, in one colour where pictures showed it, in another where
    none did.

    Args:
        rest: The body.
        coverage: [V] the sum of :func:`covering` over pictures.
        height: Of the drawings, in pixels.
        paper: Colour behind the body.

    Returns:
        A drawing [height, width, 3] uint8 for each of :data:`SIDES`, all of one width.
    """
    points = rest.vertices
    low, high = points.amin(0), points.amax(0)
    centre, extent = ((low + high) / 2).tolist(), high - low
    tall = 1.04 * float(extent[1])
    width = math.ceil(height * float(extent[[0, 2]].max()) / tall)
    colours = torch.tensor([NOT_SHOWN, SHOWN], dtype=points.dtype)[is_covered(coverage).long()]
    behind = torch.tensor(paper, dtype=points.dtype)[:, None, None]
    drawings = []
    for degrees in SIDES.values():
        angle, away = math.radians(degrees), 20.0  # from afar: nearly without perspective
        eye = (centre[0] + away * math.sin(angle), centre[1], centre[2] + away * math.cos(angle))
        view = 2 * math.degrees(math.atan(tall / 2 / away))
        w, h = _FINER * width, _FINER * height
        camera = Camera.look_at(eye, tuple(centre), width=w, height=h, fov_y=view)
        fragments = rasterize(points[None], rest.topology.faces, camera)
        towards = F.normalize(camera.position - points, dim=-1)
        shade = 0.45 + 0.55 * (rest.normals * towards).sum(-1, keepdim=True).clamp(0, 1)
        drawn = interpolate((colours * shade)[None], rest.topology.faces, fragments)[0]
        picture = F.avg_pool2d(torch.where(fragments.mask[0] > 0, drawn, behind), _FINER)
        drawings.append(picture.clamp(0, 255).byte().permute(1, 2, 0).numpy())
    return drawings
