"""ARKit's 52 channels on a model of the SMPL family.

The jaw and the eyes are joints and turn by angles. Every other channel is a movement of landmarks
of the face, in millimetres; the model's own expression coefficients that come nearest to it, and
are not larger than people's, are found by least squares. What ten coefficients can show of 52
channels is little: lips and brows follow, single muscles do not.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS
from avatar_kit_smplx.model_file import ModelData

#: Rotation of the jaw about x that ``jawOpen`` = 1 shows, radians.
JAW_OPEN = math.radians(25.0)

#: ``eyeLook*`` channels that turn an eye about x and about y: (positive, negative), radians.
EYE_TURNS = {
    "leye_pose": (
        ("eyeLookDownLeft", "eyeLookUpLeft", math.radians(11.0)),
        ("eyeLookOutLeft", "eyeLookInLeft", math.radians(15.0)),
    ),
    "reye_pose": (
        ("eyeLookDownRight", "eyeLookUpRight", math.radians(11.0)),
        ("eyeLookInRight", "eyeLookOutRight", math.radians(15.0)),
    ),
}

#: How far landmarks may stay off for a coefficient of 1, metres.
_TOLERANCE = 0.002

# Landmarks of the left side in iBUG's order without the jaw line.
_BROW_INNER, _BROW_OUTER, _BROW = (5, 6), (8, 9), (5, 6, 7, 8, 9)
_LID_UPPER, _LID_LOWER = (26, 27), (29, 30)
_CORNER = (37, 47)
_LIP_UPPER, _LIP_LOWER = (35, 36, 46), (38, 39, 48)
_UPPER_MIDDLE, _LOWER_MIDDLE = (34, 45), (40, 49)
_NOSTRIL = (17, 18)

#: Channel -> landmarks and how they move (outward, up, forward) in millimetres. "..." at the end
#: stands for Left and for Right, mirrored; a channel without it moves both sides.
_MOVES: dict[str, tuple[tuple[tuple[int, ...], tuple[float, float, float]], ...]] = {
    "browDown...": ((_BROW, (-2, -6, 0)),),
    "browInnerUp": ((_BROW_INNER, (0, 8, 0)),),
    "browOuterUp...": ((_BROW_OUTER, (0, 8, 0)),),
    "cheekPuff": ((_CORNER, (2, 0, 2)),),
    "eyeBlink...": ((_LID_UPPER, (0, -9, 1)), (_LID_LOWER, (0, 1, 0))),
    "eyeSquint...": ((_LID_LOWER, (0, 3, 0)), (_LID_UPPER, (0, -2, 0))),
    "eyeWide...": ((_LID_UPPER, (0, 3, 0)),),
    "mouthClose": ((_LIP_LOWER + _LOWER_MIDDLE, (0, 6, 0)), (_LIP_UPPER, (0, -2, 0))),
    "mouthDimple...": ((_CORNER, (5, 1, -4)),),
    "mouthFrown...": ((_CORNER, (1, -8, -1)),),
    "mouthFunnel": (
        (_CORNER, (-7, 0, 4)),
        (_LIP_UPPER + _UPPER_MIDDLE, (-2, 3, 6)),
        (_LIP_LOWER + _LOWER_MIDDLE, (-2, -3, 6)),
    ),
    "mouthLowerDown...": ((_LIP_LOWER + _LOWER_MIDDLE, (1, -6, 0)),),
    "mouthPress...": ((_LIP_UPPER, (0, -2, -1)), (_LIP_LOWER, (0, 2, -1))),
    "mouthPucker": (
        (_CORNER, (-10, 0, 5)),
        (_LIP_UPPER + _LIP_LOWER, (-5, 0, 7)),
        (_UPPER_MIDDLE + _LOWER_MIDDLE, (0, 0, 7)),
    ),
    "mouthRollLower": ((_LIP_LOWER + _LOWER_MIDDLE, (0, 3, -4)),),
    "mouthRollUpper": ((_LIP_UPPER + _UPPER_MIDDLE, (0, -3, -4)),),
    "mouthShrugLower": ((_LIP_LOWER + _LOWER_MIDDLE, (0, 5, 2)),),
    "mouthShrugUpper": ((_LIP_UPPER + _UPPER_MIDDLE, (0, 5, 2)),),
    "mouthSmile...": ((_CORNER, (8, 7, -5)), (_LIP_UPPER + _LIP_LOWER, (3, 2, -2))),
    "mouthStretch...": ((_CORNER, (8, -3, -4)), (_LIP_LOWER, (3, -1, -1))),
    "mouthUpperUp...": ((_LIP_UPPER, (1, 6, 0)),),
    "noseSneer...": ((_NOSTRIL, (1, 4, 0)), (_LIP_UPPER, (0, 2, 0))),
}

#: Channel that moves the whole mouth to one side of the person -> (x, y, z) in millimetres.
_SHIFTS = {
    "mouthLeft": (8.0, 0.0, 0.0),
    "mouthRight": (-8.0, 0.0, 0.0),
    "jawLeft": (5.0, 0.0, 0.0),
    "jawRight": (-5.0, 0.0, 0.0),
    "jawForward": (0.0, 0.0, 5.0),
}


def _mirrored() -> np.ndarray:
    """[51] the landmark on the other side."""
    other = np.arange(51)
    runs = [(0, 9), (14, 18), (31, 37), (43, 47), (38, 42), (48, 50)]
    pairs = [(a + k, b - k) for a, b in runs for k in range((b - a + 1) // 2)]
    for a, b in (*pairs, (19, 28), (20, 27), (21, 26), (22, 25), (23, 30), (24, 29)):
        other[a], other[b] = b, a
    return other


def channel_moves() -> np.ndarray:
    """[52, 51, 3] how each channel moves the landmarks, metres."""
    moves = np.zeros((len(ARKIT_CHANNELS), 51, 3))
    mirror, flip = _mirrored(), np.array([-1.0, 1.0, 1.0])

    def add(channel: str, side: str, parts: tuple) -> None:
        row = moves[ARKIT_CHANNELS.index(channel)]
        for landmarks, move in parts:
            own = list(landmarks) if side == "Left" else mirror[list(landmarks)]
            row[own] = np.array(move) * (1 if side == "Left" else flip)

    for name, parts in _MOVES.items():
        for side in ("Left", "Right"):
            add(name.replace("...", side), side, parts)
    for channel, shift in _SHIFTS.items():
        moves[ARKIT_CHANNELS.index(channel), 31:] = shift
    middle = mirror == np.arange(51)
    moves[:, middle, 0] *= [[name in _SHIFTS] for name in ARKIT_CHANNELS]
    return moves / 1000


def channel_coefficients(data: ModelData, count: int) -> np.ndarray:
    """[52, count] expression coefficients of each channel; zeros without landmarks in the file."""
    count = min(count, data.expressions.shape[2])
    if data.landmarks is None or not count:
        return np.zeros((len(ARKIT_CHANNELS), count))
    triangles, weights = data.landmarks
    corners = data.expressions[data.faces[triangles]][..., :count]
    directions = np.einsum("lk,lkdc->ldc", weights, corners).reshape(-1, count) / _TOLERANCE
    wanted = channel_moves().reshape(len(ARKIT_CHANNELS), -1) / _TOLERANCE
    normal = directions.T @ directions + np.eye(count)
    return np.linalg.solve(normal, directions.T @ wanted.T).T


def turned_by_channels(motion: Motion) -> dict[str, Tensor]:
    """Jaw and eyes [T, 3] of a motion: what the joints say or what the channels say, the larger."""
    jaw = motion.jaw_pose
    opened = motion.expression[:, ARKIT_CHANNELS.index("jawOpen")] * JAW_OPEN
    found = {"jaw_pose": torch.cat([torch.maximum(jaw[:, 0], opened)[:, None], jaw[:, 1:]], 1)}
    for field, axes in EYE_TURNS.items():
        turn = list(getattr(motion, field).unbind(1))
        for axis, (plus, minus, full) in enumerate(axes):
            up, down = (motion.expression[:, ARKIT_CHANNELS.index(n)] for n in (plus, minus))
            asked = (up - down) * full
            turn[axis] = torch.where(asked.abs() > turn[axis].abs(), asked, turn[axis])
        found[field] = torch.stack(turn, 1)
    return found
