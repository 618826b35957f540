"""A motion as a film of a body, shaded by our own rasteriser."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.api.motion_stage import LEFT, RIGHT, SHADOW, Stage, floor_points
from avatar_kit.engine.floor import floor_height
from avatar_kit.graphics import interpolate, rasterize, vertex_normals
from avatar_kit.interfaces import Body
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion, PosedBody

#: Frames that are posed at once.
_AT_ONCE = 16

#: Metres from the key points of the feet to the sole.
_SOLE = 0.02

#: Colour of the body, and how much of the colour of its side a limb has.
_CLAY, _TINT = (214, 206, 198), 0.5

#: Towards the lamp; light from everywhere, of the lamp, and where a surface is seen edge-on.
_LAMP, _AMBIENT, _DIRECT, _EDGE = (0.45, 0.75, 0.5), 0.42, 0.62, 0.25


def film_body(name: str) -> Body:
    """A registered body with its own defaults.

    Args:
        name: Its name; "default": the default body.

    Raises:
        UserError: There is no such body.
        Unavailable: Its package or model file is not here.
    """
    component = catalog().get("body", catalog().default("body") if name == "default" else name)
    return component.load()(component.config(type=component.name)).eval()


@torch.no_grad()
def body_pictures(motion: Motion, body: Body, size: tuple[int, int]) -> Iterator[Image.Image]:
    """An average adult of a body in each frame; the camera goes along with the person.

    Args:
        motion: The motion.
        body: The body.
        size: Width and height of the pictures.
    """
    shape, colours = body.default_shape(), _colours(body)
    along = floor_points(motion, floor_height(body, shape, motion) - _SOLE)
    for first in range(0, len(motion), _AT_ONCE):
        part = motion[first : first + _AT_ONCE]
        posed = body(body.from_motion(part, shape))
        normals = vertex_normals(posed.vertices, posed.topology.faces)
        for i in range(len(part)):
            stage = Stage(along[first + i], size)
            _draw(stage, posed[[i]], normals[[i]], colours)
            yield stage.finished()


def _colours(body: Body) -> Tensor:
    """[V, 3] in [0, 1]: of clay, limbs tinted by their side."""
    rows = []
    for part in body.topology.part_names:
        side = {"left": LEFT, "right": RIGHT}.get(part.partition("_")[0])
        tint = 0.0 if side is None else _TINT
        rows.append((1 - tint) * np.array(_CLAY) + tint * np.array(side or _CLAY))
    colours = torch.from_numpy(np.stack(rows) / 255).float()
    return colours[body.topology.parts.long()]


def _draw(stage: Stage, posed: PosedBody, normals: Tensor, colours: Tensor) -> None:
    """The shadow on the floor, then the body."""
    canvas = np.array(stage.canvas)
    flat = posed.vertices.clone()
    flat[..., 1] = float(stage.at[1])
    canvas[_mask(flat, posed, stage)] = SHADOW
    fragments = rasterize(posed.vertices, posed.topology.faces, stage.camera)
    values = torch.cat([normals, posed.vertices, colours[None]], 2)
    found = interpolate(values, posed.topology.faces, fragments)[0].permute(1, 2, 0)
    inside = fragments.triangle[0] >= 0
    normal, place, colour = found[inside].split(3, 1)
    shaded = colour * _light(F.normalize(normal, dim=1), place, stage)[:, None]
    canvas[inside.numpy()] = (255 * shaded.clamp(0, 1)).round().byte().numpy()
    stage.canvas = Image.fromarray(canvas)


def _mask(vertices: Tensor, posed: PosedBody, stage: Stage) -> np.ndarray:
    """[H, W] bool where a surface is seen."""
    return (rasterize(vertices, posed.topology.faces, stage.camera).triangle[0] >= 0).numpy()


def _light(normal: Tensor, place: Tensor, stage: Stage) -> Tensor:
    """[N] factor of the colour: a lamp, light from everywhere, darker where seen edge-on."""
    lamp = F.normalize(torch.tensor(_LAMP), dim=0)
    ahead = F.normalize(stage.camera.position - place, dim=1)
    facing = (normal * ahead).sum(1).clamp(0, 1)
    lit = _AMBIENT + _DIRECT * (normal @ lamp).clamp(min=0)
    return lit * (1 - _EDGE * (1 - facing) ** 2)
