"""The clips: what the people of the studio do, by split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from avatar_kit.scene import Motion
from avatar_kit_studio import poses
from avatar_kit_studio.poses import ARMS, euler
from avatar_kit_studio.script import FPS, Script, Skeleton, bump, gesture, idle, speak, step_feet
from avatar_kit_studio.solve import to_motion

#: Seconds played before a clip so that cloth and hair have a past.
LEAD_IN = 0.8
#: Degrees per second nobody turns faster than, on foot and at ease.
_FASTEST = 85.0

Director = Callable[[Script, np.random.Generator], None]


def talking(script: Script, rng: np.random.Generator) -> None:
    """Speech with gestures; turns within 35 degrees."""
    gesture(script, rng, poses.GESTURES)
    speak(script, rng)
    script.yaw = 26 * poses.wander(script.times, rng, 1, 4.0)[:, 0].clip(-1.35, 1.35)


def signs(script: Script, rng: np.random.Generator) -> None:
    """Pointing and counting."""
    gesture(script, rng, (*poses.SIGNS, "down"))
    speak(script, rng)
    script.yaw = 22 * poses.wander(script.times, rng, 1, 4.5)[:, 0].clip(-1.4, 1.4)


def slow_turn(script: Script, rng: np.random.Generator) -> None:
    """Once around, as far as the time allows, with small gestures."""
    gesture(script, rng, ("down", "low_open", "explain", "together", "chest"))
    speak(script, rng)
    length = script.times[-1]
    half = min(185.0, 0.5 * _FASTEST * length)
    script.yaw = _steady(-half, half, script.times)


def large_turn(script: Script, rng: np.random.Generator) -> None:
    """Away from the camera: from 70 degrees round the back to 200."""
    gesture(script, rng, ("down", "low_open", "wide", "explain", "point_side"))
    speak(script, rng)
    far = min(200.0, 70.0 + _FASTEST * script.times[-1])
    script.yaw = _steady(70.0, far, script.times)


def _steady(first: float, last: float, times: np.ndarray) -> np.ndarray:
    """A turn from ``first`` to ``last`` degrees that is under way where the clip begins."""
    s = times / max(times[-1], 1e-6)
    return first + (last - first) * np.maximum(s, -0.12)


def squat(script: Script, rng: np.random.Generator) -> None:
    """Down on bent knees, arms ahead, and up again."""
    middle = script.times[-1] * 0.55
    width = max(0.9, script.times[-1] * 0.9)
    bend = bump(script.times, middle, width)
    script.drop = script.drop + 0.36 * bend
    script.sway[:, 2] -= 0.10 * bend
    script.lean[:, 0] += 34 * bend
    script.gaze[:, 0] -= 22 * bend
    for side in range(2):
        script.arms[side] += bend[:, None] * (ARMS["reach_front"] - script.arms[side])
    speak(script, rng)
    script.yaw = script.yaw + rng.uniform(-40, 40)


def lunge(script: Script, rng: np.random.Generator) -> None:
    """One foot far ahead, hands braced."""
    bend = bump(script.times, script.times[-1] * 0.6, max(0.9, script.times[-1]))
    script.drop = script.drop + 0.24 * bend
    script.sway[:, 2] += 0.16 * bend
    script.lean[:, 0] += 12 * bend
    for side in range(2):
        script.arms[side] += bend[:, None] * (ARMS["brace"] - script.arms[side])
    speak(script, rng)
    script.yaw = script.yaw + rng.choice([-1, 1]) * rng.uniform(25, 50)


def overhead(script: Script, rng: np.random.Generator) -> None:
    """Both arms up, a stretch to one side, arms out."""
    end = script.times[-1]
    for side in range(2):
        keys = [
            (-0.6, ARMS["down"]),
            (0.25 * end, ARMS["side_up"]),
            (0.65 * end, ARMS["overhead"]),
            (1.2 * end, ARMS["overhead"]),
        ]
        script.arms[side] = poses.ease(keys, script.times)
    stretch = bump(script.times, 0.9 * end, 0.5 * end + 0.2)
    script.lean[:, 2] += rng.choice([-1, 1]) * 16 * stretch
    speak(script, rng)
    script.yaw = script.yaw + rng.uniform(-30, 30)


def reach(script: Script, rng: np.random.Generator) -> None:
    """Bow and reach for something low."""
    end = script.times[-1]
    bend = bump(script.times, 0.6 * end, max(0.9, end))
    script.lean[:, 0] += 52 * bend
    script.lean[:, 1] += rng.choice([-1, 1]) * 18 * bend
    script.drop = script.drop + 0.10 * bend
    script.sway[:, 2] -= 0.09 * bend
    lead = int(rng.integers(2))
    for side, name in ((lead, "reach_low"), (1 - lead, "hip")):
        script.arms[side] += bend[:, None] * (ARMS[name] - script.arms[side])
    speak(script, rng)
    script.yaw = script.yaw + rng.uniform(-45, 45)


#: Split -> clips and their shares of its frames.
SPLITS: dict[str, tuple[tuple[Director, float], ...]] = {
    "train": ((talking, 0.33), (signs, 0.21), (slow_turn, 0.46)),
    "in_distribution": ((talking, 0.5), (signs, 0.5)),
    "large_rotation": ((large_turn, 1.0),),
    "out_of_distribution": ((squat, 0.25), (lunge, 0.25), (overhead, 0.25), (reach, 0.25)),
}


def make_clip(
    director: Director, frames: int, rng: np.random.Generator, skeleton: Skeleton
) -> tuple[Motion, int]:
    """A clip with its lead-in.

    Returns:
        The motion, and how many of its first frames are lead-in.
    """
    lead = round(LEAD_IN * FPS)
    times = np.arange(-lead, frames) / FPS
    script = idle(times, rng)
    director(script, rng)
    step_feet(script, skeleton)
    if director is lunge:
        _stride(script)
    return to_motion(script, skeleton), lead


def _stride(script: Script) -> None:
    """Put the left foot ahead and the right one back as the body goes down."""
    bend = np.clip(script.drop / 0.24, 0, 1)[:, None]
    ahead = euler(("y", script.yaw)) @ np.array([0.0, 0.0, 1.0])
    script.feet[0][:, :3] += 0.42 * bend * ahead
    script.feet[1][:, :3] -= 0.30 * bend * ahead
    script.feet[1][:, 1] += 0.06 * bend[:, 0]
