"""What arms, hands and faces can be told to do, as parameters that blend well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from avatar_kit.scene.joints import ARKIT_CHANNELS

#: Columns of an arm's parameters: wrist from the shoulder in arm lengths (out, up, forward), turn
#: of the elbow about that line [degrees, positive lifts it], roll of the palm [degrees, positive
#: turns it down], bend and side bend of the wrist [degrees], curl of thumb to little finger and
#: spread [0, 1].
ARM = (
    "out",
    "up",
    "forward",
    "swivel",
    "roll",
    "bend",
    "side",
    "thumb",
    "index",
    "middle",
    "ring",
    "pinky",
    "spread",
)

_RELAXED = (0.25, 0.22, 0.26, 0.30, 0.34, 0.1)
_FLAT = (0.05, 0.04, 0.03, 0.04, 0.06, 0.5)
_POINT = (0.55, 0.0, 0.92, 0.95, 0.95, 0.0)
_FIST = (0.65, 0.95, 0.95, 0.95, 0.95, 0.0)

#: Arm poses by name; left side, the right one is the mirror.
ARMS: dict[str, np.ndarray] = {
    name: np.array([*where, *hand])
    for name, where, hand in (
        ("down", (0.16, -0.95, 0.08, 0, 0, 0, 0), _RELAXED),
        ("low_open", (0.26, -0.60, 0.44, 0, -45, -6, 0), (0.15, 0.16, 0.18, 0.2, 0.22, 0.5)),
        ("explain", (0.10, -0.42, 0.50, 4, -20, -8, 0), (0.2, 0.12, 0.2, 0.25, 0.3, 0.4)),
        ("wide", (0.56, -0.46, 0.44, 6, -40, -10, 0), _FLAT),
        ("chest", (-0.16, -0.36, 0.40, 16, 25, 10, 0), _RELAXED),
        ("together", (-0.24, -0.58, 0.40, 10, -5, 0, 0), (0.3, 0.3, 0.32, 0.34, 0.36, 0.1)),
        ("stop", (0.18, -0.12, 0.62, 0, 75, -50, 0), _FLAT),
        ("pinch", (0.12, -0.28, 0.52, 4, 20, -12, 0), (0.62, 0.42, 0.2, 0.2, 0.22, 0.4)),
        ("point_front", (0.02, -0.12, 0.86, 4, 70, 0, 0), _POINT),
        ("point_side", (0.80, -0.12, 0.36, 0, 70, 0, 0), _POINT),
        ("point_up", (0.24, 0.16, 0.40, -6, 45, 0, 0), _POINT),
        ("count_1", (0.20, 0.02, 0.38, 0, 50, -8, 0), (0.75, 0.0, 0.95, 0.95, 0.95, 0.0)),
        ("count_2", (0.21, 0.02, 0.38, 0, 50, -8, 0), (0.75, 0.0, 0.0, 0.95, 0.95, 0.6)),
        ("count_3", (0.21, 0.03, 0.38, 0, 50, -8, 0), (0.75, 0.0, 0.0, 0.0, 0.95, 0.6)),
        ("count_5", (0.22, 0.04, 0.38, 0, 50, -12, 0), (0.0, 0.0, 0.0, 0.0, 0.0, 0.9)),
        ("fist", (0.16, -0.20, 0.48, 0, 10, 0, 0), _FIST),
        ("wave_out", (0.50, 0.12, 0.34, 0, 10, 0, 0), _FLAT),
        ("wave_in", (0.24, 0.20, 0.38, 0, 10, 0, 0), _FLAT),
        ("hip", (0.34, -0.56, 0.00, 30, 30, 25, 0), _RELAXED),
        ("overhead", (0.34, 0.82, 0.14, 0, -10, 0, 0), _FLAT),
        ("reach_front", (0.02, 0.02, 0.97, 0, 40, 0, 0), _FLAT),
        ("reach_low", (0.10, -0.70, 0.66, 0, 20, 0, 0), _FLAT),
        ("side_up", (0.90, 0.28, 0.12, 0, 30, 0, 0), _FLAT),
        ("brace", (0.10, -0.30, 0.70, 6, 60, -10, 0), _FLAT),
    )
}

#: What each style of clip draws its arm poses from.
GESTURES = ("low_open", "explain", "wide", "chest", "together", "stop", "pinch", "down", "hip")
SIGNS = (
    "point_front",
    "count_1",
    "count_2",
    "count_3",
    "count_5",
    "point_up",
    "point_side",
    "fist",
    "wave_out",
)

#: Mouth shapes of speech, and faces; ARKit channel -> amount, both sides.
VISEMES: tuple[Mapping[str, float], ...] = (
    {"jawOpen": 0.42, "mouthLowerDown": 0.25, "mouthUpperUp": 0.12},
    {"jawOpen": 0.22, "mouthStretch": 0.30, "mouthSmile": 0.20, "mouthLowerDown": 0.25},
    {"jawOpen": 0.16, "mouthFunnel": 0.62, "mouthPucker": 0.20},
    {"jawOpen": 0.06, "mouthPucker": 0.72},
    {"mouthPress": 0.45, "mouthRollLower": 0.30, "mouthRollUpper": 0.25},
    {"jawOpen": 0.10, "mouthRollLower": 0.42, "mouthUpperUp": 0.25},
    {"jawOpen": 0.13, "mouthStretch": 0.18, "mouthLowerDown": 0.32},
    {"jawOpen": 0.28, "tongueOut": 0.10, "mouthLowerDown": 0.22},
)
FACES: dict[str, Mapping[str, float]] = {
    "smile": {"mouthSmile": 0.62, "cheekSquint": 0.45, "eyeSquint": 0.20, "mouthDimple": 0.2},
    "laugh": {
        "mouthSmile": 0.80,
        "cheekSquint": 0.60,
        "jawOpen": 0.30,
        "eyeSquint": 0.40,
        "mouthUpperUp": 0.30,
    },
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 0.7, "eyeWide": 0.6, "jawOpen": 0.25},
    "frown": {"browDown": 0.7, "eyeSquint": 0.3, "mouthFrown": 0.4, "noseSneer": 0.2},
    "doubt": {"browOuterUpLeft": 0.75, "browDownRight": 0.45, "mouthLeft": 0.35},
    "plain": {},
}


def expression(amounts: Mapping[str, float]) -> np.ndarray:
    """[52] ARKit channels; a name without a side means both."""
    out = np.zeros(len(ARKIT_CHANNELS))
    for name, value in amounts.items():
        names = [name] if name in ARKIT_CHANNELS else [f"{name}Left", f"{name}Right"]
        for channel in names:
            out[ARKIT_CHANNELS.index(channel)] = value
    return out


def rotation(rotvec: np.ndarray) -> np.ndarray:
    """[..., 3] axis-angle in radians to matrices [..., 3, 3] (Rodrigues)."""
    rotvec = np.asarray(rotvec, float)
    angle = np.linalg.norm(rotvec, axis=-1)[..., None, None]
    axis = rotvec / np.maximum(angle[..., 0], 1e-12)
    x, y, z = axis[..., 0], axis[..., 1], axis[..., 2]
    o = np.zeros_like(x)
    K = np.stack([o, -z, y, z, o, -x, -y, x, o], -1).reshape(*axis.shape[:-1], 3, 3)
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * (K @ K)


def euler(*turns: tuple[str, np.ndarray]) -> np.ndarray:
    """Product of rotations about named axes, degrees: ``("y", yaw), ("x", pitch)`` is Ry Rx."""
    out = np.eye(3)
    for axis, degrees in turns:
        vector = np.zeros((*np.shape(degrees), 3))
        vector[..., "xyz".index(axis)] = np.radians(degrees)
        out = out @ rotation(vector)
    return out


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def two_links(
    target: np.ndarray, pole: np.ndarray, upper: float, lower: float, ease_from: float
) -> tuple[np.ndarray, np.ndarray]:
    """Directions [T, 3] of two links that reach a target, the middle joint towards ``pole``.

    Args:
        target: [T, 3] from the root of the chain, metres. Farther than the chain: reached for.
        pole: [T, 3] direction the middle joint leans to.
        upper: Length of the first link.
        lower: Length of the second link.
        ease_from: Share of the full reach beyond which it is eased.
    """
    length = np.linalg.norm(target, axis=-1)
    near, far = 1.02 * abs(upper - lower), 0.998 * (upper + lower)
    # A soft limit: the last stretch of the reach is eased, or joints snap as they straighten.
    knee = ease_from * far
    over = np.maximum(0, length - knee)
    length = np.where(over > 0, knee + (far - knee) * (1 - np.exp(-over / (far - knee))), length)
    length = np.maximum(length, near)
    axis = _unit(target)
    side = _unit(pole - (pole * axis).sum(-1, keepdims=True) * axis)
    cosine = (upper**2 + length**2 - lower**2) / (2 * upper * length)
    sine = np.sqrt(np.maximum(0, 1 - cosine**2))
    first = cosine[..., None] * axis + sine[..., None] * side
    return first, _unit(axis * length[..., None] - upper * first)


def hand_rotvecs(curls: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """[T, 15, 3] axis-angle of the left hand in SMPL-X order.

    Args:
        curls: [T, 5] thumb, index, middle, ring, pinky in [0, 1].
        spread: [T] in [0, 1].
    """
    out = np.zeros((len(curls), 15, 3))
    most = np.radians([72.0, 95.0, 60.0])
    fans = {"index": 9.0, "middle": 1.0, "pinky": -14.0, "ring": -6.0}
    for slot, (finger, column) in enumerate(
        (("index", 1), ("middle", 2), ("pinky", 4), ("ring", 3))
    ):
        out[:, 3 * slot : 3 * slot + 3, 2] = -most * curls[:, column, None]
        out[:, 3 * slot, 1] = -np.radians(fans[finger]) * spread * (1 - curls[:, column])
    thumb = curls[:, 0]
    out[:, 12, 0] = np.radians(18) * thumb
    out[:, 12, 1] = np.radians(38) * thumb - np.radians(10) * spread * (1 - thumb)
    out[:, 12, 2] = -np.radians(22) * thumb
    out[:, 13, 1] = np.radians(30) * thumb
    out[:, 14, 1] = np.radians(48) * thumb
    return out


def mirror(rotvecs: np.ndarray) -> np.ndarray:
    """Axis-angle of the other side of the body."""
    return rotvecs * np.array([1.0, -1.0, -1.0])


def ease(keys: Sequence[tuple[float, np.ndarray]], times: np.ndarray) -> np.ndarray:
    """Minimum-jerk moves between keys (time, value); constant before and after them."""
    at = np.array([t for t, _ in keys])
    values = np.stack([np.asarray(v, float) for _, v in keys])
    if len(at) == 1:
        return np.repeat(values, len(times), 0)
    low = np.clip(np.searchsorted(at, times, side="right") - 1, 0, len(at) - 2)
    s = np.clip((times - at[low]) / np.maximum(at[low + 1] - at[low], 1e-6), 0, 1)
    s = (s**3 * (10 - 15 * s + 6 * s * s))[:, None]
    return values[low] * (1 - s) + values[low + 1] * s


def wander(times: np.ndarray, rng: np.random.Generator, width: int, period: float) -> np.ndarray:
    """[T, width] smooth noise of unit size that changes over about ``period`` seconds."""
    total = np.zeros((len(times), width))
    for k in range(4):
        rate = (0.6 + 0.45 * k + 0.2 * rng.random(width)) / period
        total += np.sin(2 * np.pi * (rate * times[:, None] + rng.random(width))) / (1 + 0.6 * k)
    return total / 1.6
