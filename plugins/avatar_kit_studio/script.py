"""What happens in a clip, row by row, and the habits of people who stand and talk."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from avatar_kit_studio import poses
from avatar_kit_studio.poses import ARMS, euler

#: Frames per second of every clip.
FPS = 25.0


@dataclass(frozen=True)
class Skeleton:
    """Joints of the T-pose relative to the pelvis, metres; left side, the right is its mirror.

    Attributes:
        hip: [3].
        knee: [3].
        ankle: [3].
        upper_arm: Length.
        forearm: Length.
        sole: Height of the ankle above the ground in shoes.
    """

    hip: np.ndarray
    knee: np.ndarray
    ankle: np.ndarray
    upper_arm: float
    forearm: float
    sole: float

    @property
    def height(self) -> float:
        """Of the pelvis over the ground, legs straight."""
        return self.sole - float(self.ankle[1])


@dataclass
class Script:
    """What happens in a clip: one row a frame.

    Attributes:
        times: [T] seconds, 0 where the clip begins.
        yaw: [T] degrees, 0 faces the camera.
        sway: [T, 3] of the pelvis from its home, metres.
        drop: [T] of the pelvis below standing, metres.
        lean: [T, 3] trunk pitch, yaw, roll in degrees.
        gaze: [T, 3] head pitch, yaw, roll relative to the trunk, degrees.
        look: [T, 2] eye pitch and yaw, degrees.
        arms: two [T, 13], columns ``poses.ARM``; left, right.
        feet: two [T, 4] position and yaw [degrees] of each foot on the ground, left, right.
        face: [T, 52] ARKit channels.
    """

    times: np.ndarray
    yaw: np.ndarray
    sway: np.ndarray
    drop: np.ndarray
    lean: np.ndarray
    gaze: np.ndarray
    look: np.ndarray
    arms: list[np.ndarray]
    face: np.ndarray
    feet: list[np.ndarray] = field(default_factory=list)


def idle(times: np.ndarray, rng: np.random.Generator) -> Script:
    """Someone who stands and breathes."""
    n = len(times)
    weight = poses.wander(times, rng, 1, 3.2)[:, 0]
    sway = 0.012 * poses.wander(times, rng, 3, 3.0) * [1, 0, 0.7]
    sway[:, 0] += 0.026 * weight
    breath = np.sin(2 * np.pi * times / 3.4)
    lean = poses.wander(times, rng, 3, 2.6) * [2.0, 3.0, 1.5]
    lean[:, 0] += 0.8 * breath
    lean[:, 2] -= 2.2 * weight
    return Script(
        times=times,
        yaw=np.zeros(n),
        sway=sway,
        drop=0.010 + 0.004 * np.abs(weight),
        lean=lean,
        gaze=poses.wander(times, rng, 3, 1.6) * [5.0, 8.0, 3.0],
        look=np.zeros((n, 2)),
        arms=[np.tile(ARMS["down"], (n, 1)) for _ in range(2)],
        face=np.zeros((n, 52)),
    )


def gesture(script: Script, rng: np.random.Generator, pool: tuple[str, ...]) -> None:
    """Talk with the hands: poses of the pool in turn, with beats while they are held."""
    start, end = script.times[0], script.times[-1]
    both = rng.random() < 0.5
    keys: list[list[tuple[float, np.ndarray]]] = [[], []]
    now = start + 0.1
    while now < end + 1.0:
        name = pool[rng.integers(len(pool))]
        move, hold = rng.uniform(0.38, 0.55), rng.uniform(0.35, 0.8)
        if rng.random() < 0.6:
            both = not both
        lead = int(rng.integers(2))
        for side in range(2):
            active = both or side == lead
            partner = "down" if rng.random() < 0.5 else "low_open"
            pose = ARMS[name if active else partner].copy()
            pose[:3] += rng.normal(size=3) * 0.03
            pose[3:7] += rng.normal(size=4) * [4, 6, 4, 4]
            keys[side].append((now + move + 0.06 * side, pose))
            beat = pose + np.array([0, 0.05, 0.03, 0, 4, -8, 0, 0, 0, 0, 0, 0, 0]) * active
            keys[side].append((now + move + 0.5 * hold, beat))
            keys[side].append((now + move + hold, pose + 0.2 * (beat - pose)))
        now += move + hold
    for side in range(2):
        drift = poses.wander(script.times, rng, 13, 1.3)
        drift *= [0.012] * 3 + [2.0, 3.0, 3.0, 2.0] + [0.03] * 6
        script.arms[side] = poses.ease(keys[side], script.times) + drift


def speak(script: Script, rng: np.random.Generator) -> None:
    """Syllables, blinks, brows and moods."""
    times = script.times
    face = np.zeros((len(times), 52))
    now = times[0]
    while now < times[-1]:
        phrase = rng.uniform(1.0, 2.4)
        t = now
        while t < now + phrase:
            length = rng.uniform(0.13, 0.26)
            shape = poses.expression(poses.VISEMES[rng.integers(len(poses.VISEMES))])
            face += rng.uniform(0.7, 1.15) * np.outer(bump(times, t, length), shape)
            t += 0.8 * length
        now += phrase + rng.uniform(0.25, 0.7)
    now = times[0] + rng.uniform(0, 1)
    names = list(poses.FACES)
    while now < times[-1]:
        length = rng.uniform(1.0, 2.2)
        mood = poses.expression(poses.FACES[names[rng.integers(len(names))]])
        face += rng.uniform(0.6, 1.0) * np.outer(bump(times, now + length / 2, length), mood)
        now += length * rng.uniform(0.8, 1.3)
    blink = np.zeros(len(times))
    now = times[0] + rng.uniform(0, 1.5)
    while now < times[-1]:
        blink = np.maximum(blink, bump(times, now, 0.16) ** 0.6)
        now += rng.uniform(0.9, 3.2)
    lids = poses.expression({"eyeBlink": 1.0})
    face = face * (1 - np.outer(blink, poses.expression({"eyeWide": 1, "eyeSquint": 1})))
    script.face = np.clip(np.maximum(face, np.outer(blink, lids)), 0, 1)
    keys = [(times[0], np.zeros(2))]
    now = times[0]
    while now < times[-1] + 1:
        now += rng.uniform(0.5, 1.4)
        target = rng.normal(size=2) * [3.5, 7.0]
        keys += [(now, keys[-1][1]), (now + 0.08, target)]
    script.look = poses.ease(keys, times)


def bump(times: np.ndarray, middle: float, width: float) -> np.ndarray:
    """A smooth bump of height 1 that is 0 beyond ``width`` of its middle."""
    s = np.clip(1 - np.abs(times - middle) / width, 0, 1)
    return s * s * (3 - 2 * s)


def step_feet(script: Script, skeleton: Skeleton) -> None:
    """Put the feet down: they stand still until the body has turned away, then step after it."""
    dt = 1 / FPS
    half = float(skeleton.ankle[0]) + 0.012
    home = [np.array([half, 0.0, 0.0]), np.array([-half, 0.0, 0.0])]
    splay = [7.0, -7.0]
    n = len(script.times)
    wanted = [
        np.concatenate(
            [euler(("y", script.yaw)) @ home[side], (script.yaw + splay[side])[:, None]], 1
        )
        for side in range(2)
    ]
    feet = [np.zeros((n, 4)), np.zeros((n, 4))]
    planted = [wanted[side][0].copy() for side in range(2)]
    stride = 0.40
    moving, since = -1, 0.0
    source, target = planted[0].copy(), planted[0].copy()
    for i in range(n):
        if moving < 0:
            errors = [abs(wanted[s][i, 3] - planted[s][3]) for s in range(2)]
            side = int(np.argmax(errors))
            if errors[side] > 16.0:
                ahead = min(n - 1, i + round(1.2 * stride / dt))
                moving, since = side, 0.0
                source, target = planted[side].copy(), wanted[side][ahead].copy()
        for side in range(2):
            feet[side][i] = planted[side]
        if moving >= 0:
            since += dt
            s = min(1.0, since / stride)
            smooth = s**3 * (10 - 15 * s + 6 * s * s)
            feet[moving][i] = source + smooth * (target - source)
            feet[moving][i, 1] = 0.045 * np.sin(np.pi * smooth) ** 1.5
            if s >= 1.0:
                planted[moving] = target.copy()
                moving = -1
    script.feet = feet
