"""What the people of the studio do: takes, authored in the SMPL-X joint convention.

Arms and legs are placed by their ends (two-link chains), so hands go where a gesture puts them and
feet stay where they stand; turning is done in steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS
from avatar_kit_studio import poses
from avatar_kit_studio.poses import ARMS, euler, rotation, two_links

#: Frames per second of every take.
FPS = 25.0
#: Seconds played before a take so that cloth and hair have a past.
LEAD_IN = 0.8
#: Degrees per second nobody turns faster than, on foot and at ease.
_FASTEST = 85.0


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
    """What happens in a take: one row a frame.

    Attributes:
        times: [T] seconds, 0 where the take begins.
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
            face += rng.uniform(0.7, 1.15) * np.outer(_bump(times, t, length), shape)
            t += 0.8 * length
        now += phrase + rng.uniform(0.25, 0.7)
    now = times[0] + rng.uniform(0, 1)
    names = list(poses.FACES)
    while now < times[-1]:
        length = rng.uniform(1.0, 2.2)
        mood = poses.expression(poses.FACES[names[rng.integers(len(names))]])
        face += rng.uniform(0.6, 1.0) * np.outer(_bump(times, now + length / 2, length), mood)
        now += length * rng.uniform(0.8, 1.3)
    blink = np.zeros(len(times))
    now = times[0] + rng.uniform(0, 1.5)
    while now < times[-1]:
        blink = np.maximum(blink, _bump(times, now, 0.16) ** 0.6)
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


def _bump(times: np.ndarray, middle: float, width: float) -> np.ndarray:
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


def to_motion(script: Script, skeleton: Skeleton) -> Motion:
    """Solve the chains: a script as joint rotations."""
    n = len(script.times)
    R = {name: np.broadcast_to(np.eye(3), (n, 3, 3)).copy() for name in SMPLX_JOINTS}
    pelvis = euler(
        ("y", script.yaw + 0.25 * script.lean[:, 1]),
        ("x", 0.25 * script.lean[:, 0]),
        ("z", 0.3 * script.lean[:, 2]),
    )
    R["pelvis"] = pelvis
    third = euler(
        ("y", 0.25 * script.lean[:, 1]),
        ("x", 0.25 * script.lean[:, 0]),
        ("z", 0.25 * script.lean[:, 2]),
    )
    for joint in ("spine1", "spine2", "spine3"):
        R[joint] = third
    trunk = pelvis @ third @ third @ third
    for joint, share in (("neck", 0.45), ("head", 0.55)):
        g = share * script.gaze
        R[joint] = euler(("y", g[:, 1]), ("x", g[:, 0]), ("z", g[:, 2]))
    for eye in ("left_eye", "right_eye"):
        R[eye] = euler(("y", script.look[:, 1]), ("x", script.look[:, 0]))
    hands = []
    for side, arm in zip(("left", "right"), script.arms, strict=True):
        solved = _arm(arm, trunk, skeleton)
        hand = poses.hand_rotvecs(np.clip(arm[:, 7:12], 0, 1), np.clip(arm[:, 12], 0, 1))
        if side == "right":
            flip = np.diag([-1.0, 1.0, 1.0])
            solved = {k: flip @ v @ flip for k, v in solved.items()}
            hand = poses.mirror(hand)
        R.update({f"{side}_{k}": v for k, v in solved.items()})
        hands.append(hand)
    yaw = euler(("y", script.yaw))
    where = (yaw @ script.sway[..., None])[..., 0]
    where[:, 1] += skeleton.height - script.drop
    for i, side in enumerate(("left", "right")):
        R.update({f"{side}_{k}": v for k, v in _leg(i, script, where, pelvis, skeleton).items()})
    vectors = _rotvecs(np.stack([R[name] for name in SMPLX_JOINTS], 1))
    vectors[:, 25:40], vectors[:, 40:55] = hands[0], hands[1]
    return Motion.from_rotvec(
        FPS,
        torch.tensor(where, dtype=torch.float32),
        torch.tensor(vectors, dtype=torch.float32),
        torch.tensor(script.face, dtype=torch.float32),
        torch.ones(n),
    )


def _arm(arm: np.ndarray, trunk: np.ndarray, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Collar, shoulder, elbow and wrist of the left arm, each relative to its parent."""
    a, b = skeleton.upper_arm, skeleton.forearm
    target = arm[:, :3] * (a + b)
    up = np.clip(arm[:, 1] + 0.35, 0, 1.3)
    forward = np.clip(arm[:, 2] - 0.4, 0, 0.6)
    collar = euler(("z", 14.0 * up), ("y", -14.0 * forward))
    # The elbow hangs down and back, and out when the hand is raised.
    pole = np.tile(np.array([0.55, -0.75, -0.55]), (len(arm), 1))
    pole[:, 0] += 0.9 * np.clip(arm[:, 1], 0, 1)
    pole[:, 2] -= 0.5 * np.clip(-arm[:, 1] - 0.5, 0, 1)
    axis = target / np.maximum(np.linalg.norm(target, axis=1, keepdims=True), 1e-9)
    pole = (rotation(axis * np.radians(-arm[:, 3:4])) @ pole[..., None])[..., 0]
    upper, lower = two_links(target, pole, a, b, 0.94)
    hinge = np.cross(upper, lower)
    hinge /= np.maximum(np.linalg.norm(hinge, axis=1, keepdims=True), 1e-9)
    # The T-pose arm points along x and its elbow bends about -y.
    shoulder = np.stack([upper, -hinge, np.cross(upper, -hinge)], -1)
    bend = np.degrees(np.arccos(np.clip((upper * lower).sum(1), -1, 1)))
    return {
        "collar": collar,
        "shoulder": np.swapaxes(collar, 1, 2) @ shoulder,
        "elbow": euler(("y", -bend)),
        "wrist": euler(("x", arm[:, 4]), ("z", -arm[:, 5]), ("y", arm[:, 6])),
    }


def _leg(
    index: int, script: Script, where: np.ndarray, pelvis: np.ndarray, skeleton: Skeleton
) -> dict[str, np.ndarray]:
    """Hip, knee and ankle that put a foot where the script wants it."""
    sign = np.array([1.0 if index == 0 else -1.0, 1.0, 1.0])
    hip, knee, ankle = (sign * v for v in (skeleton.hip, skeleton.knee, skeleton.ankle))
    foot = script.feet[index]
    turn = euler(("y", foot[:, 3]))
    top = where + (pelvis @ hip)
    ground = foot[:, :3] + [0, skeleton.sole, 0]
    target = (np.swapaxes(pelvis, 1, 2) @ (ground - top)[..., None])[..., 0]
    ahead = turn @ np.array([0.20 * sign[0], 0.0, 1.0])
    pole = (np.swapaxes(pelvis, 1, 2) @ ahead[..., None])[..., 0]
    a, b = knee - hip, ankle - knee
    upper, lower = two_links(
        target, pole, float(np.linalg.norm(a)), float(np.linalg.norm(b)), 0.992
    )
    side = np.cross(upper, pole)  # for a leg pointing down and a knee ahead: the rest x axis
    rest_side = np.cross(a / np.linalg.norm(a), [0.0, 0.0, 1.0])
    hip_r = _frame(upper, side) @ _frame(a, rest_side).T
    shin_r = _frame(lower, side) @ _frame(b, rest_side).T
    level = np.swapaxes(pelvis, 1, 2) @ turn
    # A lifted foot points a little down.
    level = level @ euler(("x", 260.0 * np.clip(foot[:, 1], 0, 0.1)))
    return {
        "hip": hip_r,
        "knee": np.swapaxes(hip_r, 1, 2) @ shin_r,
        "ankle": np.swapaxes(shin_r, 1, 2) @ level,
    }


def _frame(along: np.ndarray, side: np.ndarray) -> np.ndarray:
    """[..., 3, 3] orthonormal frame with its first axis ``along``, second nearest to ``side``."""
    x = along / np.linalg.norm(along, axis=-1, keepdims=True)
    y = side - (side * x).sum(-1, keepdims=True) * x
    y = y / np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], -1)


def _rotvecs(matrices: np.ndarray) -> np.ndarray:
    """[T, J, 3] axis-angle of [T, J, 3, 3], without jumps by a full turn over time."""
    import roma

    vectors = roma.rotmat_to_rotvec(torch.from_numpy(matrices)).numpy()
    for i in range(1, len(vectors)):
        angle = np.linalg.norm(vectors[i], axis=-1, keepdims=True)
        other = vectors[i] * (1 - 2 * np.pi / np.maximum(angle, 1e-9))
        near = np.linalg.norm(vectors[i] - vectors[i - 1], axis=-1, keepdims=True)
        far = np.linalg.norm(other - vectors[i - 1], axis=-1, keepdims=True)
        vectors[i] = np.where((far < near) & (angle > 1e-3), other, vectors[i])
    return vectors


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
    """A turn from ``first`` to ``last`` degrees that is under way where the take begins."""
    s = times / max(times[-1], 1e-6)
    return first + (last - first) * np.maximum(s, -0.12)


def squat(script: Script, rng: np.random.Generator) -> None:
    """Down on bent knees, arms ahead, and up again."""
    middle = script.times[-1] * 0.55
    width = max(0.9, script.times[-1] * 0.9)
    bend = _bump(script.times, middle, width)
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
    bend = _bump(script.times, script.times[-1] * 0.6, max(0.9, script.times[-1]))
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
    stretch = _bump(script.times, 0.9 * end, 0.5 * end + 0.2)
    script.lean[:, 2] += rng.choice([-1, 1]) * 16 * stretch
    speak(script, rng)
    script.yaw = script.yaw + rng.uniform(-30, 30)


def reach(script: Script, rng: np.random.Generator) -> None:
    """Bow and reach for something low."""
    end = script.times[-1]
    bend = _bump(script.times, 0.6 * end, max(0.9, end))
    script.lean[:, 0] += 52 * bend
    script.lean[:, 1] += rng.choice([-1, 1]) * 18 * bend
    script.drop = script.drop + 0.10 * bend
    script.sway[:, 2] -= 0.09 * bend
    lead = int(rng.integers(2))
    for side, name in ((lead, "reach_low"), (1 - lead, "hip")):
        script.arms[side] += bend[:, None] * (ARMS[name] - script.arms[side])
    speak(script, rng)
    script.yaw = script.yaw + rng.uniform(-45, 45)


#: Split -> takes and their shares of its frames.
SPLITS: dict[str, tuple[tuple[Director, float], ...]] = {
    "train": ((talking, 0.33), (signs, 0.21), (slow_turn, 0.46)),
    "in_distribution": ((talking, 0.5), (signs, 0.5)),
    "large_rotation": ((large_turn, 1.0),),
    "out_of_distribution": ((squat, 0.25), (lunge, 0.25), (overhead, 0.25), (reach, 0.25)),
}


def make_take(
    director: Director, frames: int, rng: np.random.Generator, skeleton: Skeleton
) -> tuple[Motion, int]:
    """A take with its lead-in.

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
