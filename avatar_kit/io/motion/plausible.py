"""Whether a motion can be a person's, and what is wrong with it if it cannot.

Everything that comes in goes through :func:`check_plausible`. What no person does is refused with
its likely cause and the option that mends it; what is odd is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.motion.options import RATES, MotionOptions
from avatar_kit.io.motion.reading import Reading
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS, SMPLX_JOINTS
from avatar_kit.scene.motion import check_rotations
from avatar_kit.scene.skeleton import body_positions

#: Enough frames to judge by.
_SAMPLES = 500

#: Metres a second that nobody moves at, and the share of steps from which it is no glitch.
_FASTEST, _GLITCHES = 12.0, 0.02

#: How high the head is over the pelvis, as a part of their distance: upside down, and lying.
_UPSIDE_DOWN, _LYING = -0.4, 0.4

#: Metres that somebody who lies is over the floor.
_LYING_HEIGHT = (-0.1, 0.7)

#: Metres that the feet may be off the floor through a clip before it is said, and refused.
_OFF_FLOOR, _FAR_OFF = 0.35, 3.0

#: Degrees that no joint is turned by through most of a clip, where it is less than 170.
_MOST_TURNED = {
    "hip": 140, "knee": 165, "ankle": 100, "foot": 100, "spine1": 100, "spine2": 100,
    "spine3": 100, "neck": 100, "head": 100, "collar": 90, "elbow": 170, "wrist": 140,
}  # fmt: skip

#: Degrees by which a knee that bends the wrong way is bent, through most of a clip.
_WRONG_WAY = 35.0


@dataclass(frozen=True)
class _Facts:
    """What is measured of a motion.

    Attributes:
        upright: [N] height of the head over the pelvis, as a part of their distance.
        lowest: [N] height of the lowest foot, metres.
        turned: [21] median angle of each joint of the body, degrees.
        knees: [2] median of how far the knees bend forward, degrees.
    """

    upright: Tensor
    lowest: Tensor
    turned: Tensor
    knees: Tensor


def check_plausible(
    motion: Motion, reading: Reading, path: Path, options: MotionOptions
) -> tuple[str, ...]:
    """Refuse what no person does, and say what is odd.

    Args:
        motion: y up, metres, at least one frame, finite.
        reading: What its file says of itself.
        path: The file, for messages.
        options: What the person said: what was said is not doubted.

    Returns:
        What is odd, for a person. Of our own files, which were checked on their way in, also what
        is refused of others.

    Raises:
        UserError: It is no person's motion; says why, and what mends it.
    """
    check_rotations(motion, str(path))
    facts = _measure(motion)
    wrong = [
        _rate(motion),
        *_fast(motion, reading, options),
        _upside_down(facts, options),
        _lying_in_the_air(facts, motion, reading, options),
        _off_floor(facts, reading, options, _FAR_OFF),
        *_joints(facts, options),
    ]
    wrong = [text for text in wrong if text]
    if wrong and not reading.ours:
        raise UserError(f"{path}: {wrong[0]}")
    odd = [
        _jumps(motion),
        _lies(facts),
        _off_floor(facts, reading, options, _OFF_FLOOR) if not wrong else "",
    ]
    return (*(text for text in wrong if text), *(text for text in odd if text))


def _measure(motion: Motion) -> _Facts:
    some = motion[:: max(1, len(motion) // _SAMPLES)]
    places = body_positions(some)
    index = SMPLX_JOINTS.index
    up = places[:, index("head")] - places[:, 0]
    feet = [index(f"{side}_{part}") for side in ("left", "right") for part in ("ankle", "foot")]
    body = some.body_pose.unflatten(1, (-1, 3))
    turns = roma.rotmat_to_rotvec(roma.rotvec_to_rotmat(body))  # less than half a turn
    knees = [BODY_JOINTS.index(f"{side}_knee") for side in ("left", "right")]
    return _Facts(
        up[:, 1] / up.norm(dim=1),
        places[:, feet, 1].amin(1),
        torch.rad2deg(turns.norm(dim=2).median(0).values),
        torch.rad2deg(turns[:, knees, 0].median(0).values),
    )


def _rate(motion: Motion) -> str:
    if RATES[0] <= motion.fps <= RATES[1]:
        return ""
    return (
        f"{motion.fps:g} frames per second, expected {RATES[0]:g} to {RATES[1]:g}; say the rate "
        "with --motion-fps"
    )


def _speeds(motion: Motion) -> Tensor:
    """[T - 1] metres a second of the pelvis."""
    return motion.transl.diff(dim=0).norm(dim=1) * motion.fps


def _fast(motion: Motion, reading: Reading, options: MotionOptions) -> list[str]:
    speeds = _speeds(motion)
    if not len(speeds) or float((speeds > _FASTEST).float().mean()) < _GLITCHES:
        return []
    usual = float(speeds[speeds > _FASTEST].median())
    causes = []
    if options.unit is None and not reading.unit_said:
        causes.append("places in centimetres or millimetres (say --unit cm or --unit mm)")
    if options.rate is None:
        causes.append(f"not {motion.fps:g} frames per second (say --motion-fps)")
    return [
        f"the person moves at {usual:.3g} m/s, expected below {_FASTEST:g}: "
        + (" or ".join(causes) or "other places than metres")
    ]


def _jumps(motion: Motion) -> str:
    speeds = _speeds(motion)
    fast = (speeds > _FASTEST).nonzero()[:, 0].tolist()
    if not fast:
        return ""
    step = float(motion.transl.diff(dim=0)[fast[0]].norm())
    more = f", and {len(fast) - 1} times more" if len(fast) > 1 else ""
    return f"the person jumps by {step:.2g} m from frame {fast[0]} to the next{more}"


def _upside_down(facts: _Facts, options: MotionOptions) -> str:
    share = float((facts.upright < _UPSIDE_DOWN).float().mean())
    if share < 0.5 or options.up != "auto":
        return ""
    return (
        f"the head is below the pelvis in {share:.0%} of the frames; is another axis up? say it "
        "with --up y, z, -y ... (say --up, too, if the person does stand on the hands)"
    )


def _lies(facts: _Facts) -> str:
    if float((facts.upright.abs() < _LYING).float().mean()) < 0.5:
        return ""
    return "the person lies through most of the clip; if they should stand, say --up"


def _lying_in_the_air(
    facts: _Facts, motion: Motion, reading: Reading, options: MotionOptions
) -> str:
    """Who lies far from the floor stands along another axis."""
    if not _lies(facts) or options.up != "auto" or not reading.placed or not reading.grounded:
        return ""
    height = float(motion.transl[:, 1].median())
    if _LYING_HEIGHT[0] < height < _LYING_HEIGHT[1]:
        return ""
    return (
        f"the person lies {height:.2f} m over the floor through most of the clip; is another axis "
        "up? say it with --up y, z, x ..."
    )


def _off_floor(facts: _Facts, reading: Reading, options: MotionOptions, least: float) -> str:
    """Feet that never come near the floor: places in another unit, or from elsewhere."""
    if not reading.placed or not reading.grounded or options.unit is not None:
        return ""
    low = float(facts.lowest.quantile(0.1)) - 0.03
    if abs(low) < least or _lies(facts):
        return ""
    where = "above" if low > 0 else "below"
    return (
        f"the feet are {abs(low):.2f} m {where} the floor (height 0); an avatar is put on its own "
        "floor, but are places in another unit? say --unit m, cm, mm or in"
    )


def _joints(facts: _Facts, options: MotionOptions) -> list[str]:
    found = []
    for name, angle in zip(BODY_JOINTS, facts.turned.tolist(), strict=True):
        most = _MOST_TURNED.get(name.rpartition("_")[2], 180)
        if angle > most:
            found.append(
                f"{name} is turned by {angle:.0f} degrees through most of the clip, expected below "
                f"{most}: joints in another order, or named otherwise? say which is which with "
                "--map FILE (skeletons)"
            )
    wrong = [-bend for bend in facts.knees.tolist() if bend < -_WRONG_WAY]
    if wrong:
        found.append(
            f"a knee is bent forward by {max(wrong):.0f} degrees through most of the clip: left "
            "and right exchanged, or joints in another order? say which is which with --map FILE"
        )
    return found
