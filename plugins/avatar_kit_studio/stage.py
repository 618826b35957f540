"""The room: a backdrop that the floor runs into, and what the person does to its light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.graphics.jit import kernel
from avatar_kit.scene import Camera
from avatar_kit_studio.lighting import Frame, lit


@dataclass(frozen=True)
class Stage:
    """The empty room as the camera sees it.

    Attributes:
        plate: [H, W, 3] linear radiance.
        floor: [H, W, 3] where each pixel meets the floor, world metres.
        share: [H, W] in [0, 1], how much of the pixel is floor rather than wall.
    """

    plate: np.ndarray
    floor: np.ndarray
    share: np.ndarray


def make_stage(camera: Camera, colour: tuple[float, float, float]) -> Stage:
    """Look at the empty room; ``colour`` is the linear colour of the backdrop.

    The room is round: every camera of the ring has the backdrop at the same distance before it.
    """
    h, w = camera.height, camera.width
    y, x = np.mgrid[0:h, 0:w] + 0.5
    K, R = camera.K[0].double().numpy(), camera.R[0].double().numpy()
    eye = camera.position[0].double().numpy()
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(K).T @ R
    down = np.minimum(rays[..., 1], -1e-4)
    floor = eye + rays * (-eye[1] / down)[..., None]
    ahead = R[2, [0, 2]] / np.hypot(R[2, 0], R[2, 2])
    away = floor[..., 0] * ahead[0] + floor[..., 2] * ahead[1]  # behind the middle of the room
    share = np.clip((3.2 - away) / 2.2, 0, 1) * (rays[..., 1] < 0)
    share = share * share * (3 - 2 * share)
    u, v = x / w - 0.5, y / h - 0.5
    pool = np.exp(-((u + 0.06) ** 2 + (0.8 * (v + 0.02)) ** 2) / 0.34)
    fall = 1 - 0.10 * share * np.clip(v, 0, 1)
    light = (0.50 + 0.50 * pool) * fall
    plate = np.array(colour) * light[..., None]
    return Stage(plate.astype(np.float32), floor.astype(np.float32), share.astype(np.float32))


def contact_grid(centre: np.ndarray, size: int = 40, reach: float = 1.0) -> np.ndarray:
    """[size * size, 3] points just above the floor around the person."""
    at = (np.arange(size) + 0.5) / size * 2 * reach - reach
    x, z = np.meshgrid(at + centre[0], at + centre[2])
    return np.stack([x, np.full_like(x, 0.004), z], -1).reshape(-1, 3)


@kernel
def _shadowed(plate, floor, share, axes, centre, scale, depth, contact, corner, cell, out):
    """Darken the floor where the key and the sky do not reach it."""
    size = contact.shape[0]
    h, w = share.shape
    for y in range(h):
        for x in range(w):
            factor = 1.0
            s = share[y, x]
            if s > 0:
                px, pz = floor[y, x, 0], floor[y, x, 2]
                far = np.sqrt((px - corner[2]) ** 2 + (pz - corner[3]) ** 2)
                reach = 0.9 + 2.0 * min(far, 1.6)
                key = lit(px, 0.0, pz, axes, centre, scale, depth, 0.012, reach, 2)
                a, b = (px - corner[0]) / cell - 0.5, (pz - corner[1]) / cell - 0.5
                ia, ib = int(np.floor(a)), int(np.floor(b))
                sky = 1.0
                if 0 <= ia < size - 1 and 0 <= ib < size - 1:
                    fa, fb = a - ia, b - ib
                    top = contact[ib, ia] * (1 - fa) + contact[ib, ia + 1] * fa
                    low = contact[ib + 1, ia] * (1 - fa) + contact[ib + 1, ia + 1] * fa
                    sky = top * (1 - fb) + low * fb
                factor = 1 - s * (1 - (0.52 * key + 0.48) * (0.30 + 0.70 * sky))
            for k in range(3):
                out[y, x, k] = plate[y, x, k] * factor


def shadowed(
    stage: Stage,
    frame: Frame,
    depth: np.ndarray,
    contact: np.ndarray,
    centre: np.ndarray,
    reach: float = 1.0,
) -> np.ndarray:
    """[H, W, 3] the room with the person's shadow on its floor.

    Args:
        stage: The empty room.
        frame: View of the shadow map.
        depth: The shadow map.
        contact: [S * S] share of sky at :func:`contact_grid`.
        centre: [3] middle of the grid.
        reach: Half the grid's side, metres.
    """
    out = np.empty_like(stage.plate)
    size = round(len(contact) ** 0.5)
    rim = np.clip(np.abs(np.linspace(-1, 1, size)) * 5 - 4, 0, 1)
    fade = np.maximum(rim[:, None], rim[None, :])
    grid = np.clip(contact.reshape(size, size), 0, 1)
    grid = (grid + (1 - grid) * fade).astype(np.float32)
    corner = np.array([centre[0] - reach, centre[2] - reach, centre[0], centre[2]])
    _shadowed(
        stage.plate,
        stage.floor,
        stage.share,
        frame.axes,
        frame.centre,
        frame.scale,
        depth,
        grid,
        corner,
        2 * reach / size,
        out,
    )
    return out
