"""What messages of the Virtual Motion Capture protocol say: a pose.

What a performer sends to a marionette: the root and the bones relative to their parents, by the
names of Unity's humanoid skeleton, and blend shapes. Bones that were never sent are at rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import roma
import torch

from avatar_kit.io.vmc.blend_shapes import expression, is_known
from avatar_kit.io.vmc.bones import BONES, mirrored
from avatar_kit.io.vmc.osc import Message, messages
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS

_JOINTS = {bone: SMPLX_JOINTS.index(joint) for joint, bone in BONES.items()}
_HIPS = _JOINTS["Hips"]
#: Lengths of quaternions that are taken for 1: what rounding leaves.
_UNIT = (0.99, 1.01)
#: Metres that no part of a person is away from its parent, or from the middle of the room.
_FARTHEST = 1000.0
#: Blend shapes are in [0, 1]; programs that go a little beyond mean its ends.
_LEAST, _MOST = -0.1, 1.1
#: Poses a second that a motion of one frame claims; what goes by time takes the true one.
_FPS = 30.0
#: Blend shapes of one sender that are kept.
_MOST_SHAPES = 500
#: Positions of these bones are the lengths of the legs, if a sender gives them.
_LEGS = ("LeftLowerLeg", "LeftFoot", "RightLowerLeg", "RightFoot")
#: Metres below which they are none.
_SHORTEST_LEG = 0.1


class VmcPose:
    """The pose of one sender, kept up to date by its messages.

    Messages that come together are taken all or none.

    Attributes:
        notes: Lines for a person that nobody has taken yet.
        loaded: Whether the sender says that it has a pose.
        changed: Whether anything changed; who reads the pose sets it back.
    """

    def __init__(self):
        self.notes: list[str] = []
        self._places = np.zeros((len(SMPLX_JOINTS), 3))
        self._turns = np.tile([0.0, 0.0, 0.0, 1.0], (len(SMPLX_JOINTS), 1))
        self._root: tuple[np.ndarray, np.ndarray] | None = None
        self._has_hips = self.changed = False
        self.loaded = True
        self._coming: dict[str, float] = {}
        self._values: dict[str, float] = {}

    def take(self, packet: bytes) -> None:
        """One datagram.

        Raises:
            ValueError: It makes no sense; nothing of it is taken.
        """
        self.take_messages(messages(packet))

    def take_messages(self, said: Iterable[Message]) -> None:
        """Messages that came together.

        Raises:
            ValueError: One makes no sense; none is taken.
        """
        changes = [change for message in said for change in self._read(message)]
        for change in changes:
            change()

    @property
    def complete(self) -> bool:
        """Whether root and hips were sent, so that there is a pose."""
        return self._root is not None and self._has_hips

    def motion(self) -> Motion:
        """The pose as it is now, one frame, in our world: y up, metres, where the sender stands.

        Raises:
            ValueError: The root or the hips were never sent.
        """
        if self._root is None or not self.complete:
            lacks = "/VMC/Ext/Root/Pos" if self._root is None else "/VMC/Ext/Bone/Pos of the Hips"
            raise ValueError(f"a pose without {lacks}; let the sender send it")
        place, turn = (torch.from_numpy(value) for value in self._root)
        turns = torch.from_numpy(self._turns).clone()
        hips = place + roma.quat_action(turn, torch.from_numpy(self._places[_HIPS]))
        turns[_HIPS] = roma.quat_product(turn, turns[_HIPS])
        rotvec = roma.unitquat_to_rotvec(mirrored(turns.float()))
        return Motion.from_rotvec(
            _FPS,
            (hips * torch.tensor([-1.0, 1.0, 1.0])).float()[None],
            rotvec[None],
            torch.from_numpy(expression(self._values))[None],
            torch.ones(1),
        )

    @property
    def leg(self) -> float | None:
        """Length of the sender's legs in metres, thigh and shin; None where it does not tell."""
        found = np.linalg.norm([self._places[_JOINTS[bone]] for bone in _LEGS], axis=1).sum() / 2
        return float(found) if found > _SHORTEST_LEG else None

    def _read(self, said: Message) -> list[Callable[[], None]]:
        """What a message changes; nothing where it is not for us."""
        if said.address == "/VMC/Ext/Bone/Pos":
            bone, place, turn = _transform(said)
            if bone not in _JOINTS:
                raise ValueError(f"unknown bone {bone!r:.40}")
            return [lambda: self._bone(_JOINTS[bone], place, turn)]
        if said.address == "/VMC/Ext/Root/Pos":
            _, place, turn = _transform(said)
            return [lambda: self._rooted(place, turn)]
        if said.address == "/VMC/Ext/Blend/Val":
            name, value = _shape(said)
            return [lambda: self._blend(name, value)]
        if said.address == "/VMC/Ext/Blend/Apply":
            return [self._apply]
        if said.address == "/VMC/Ext/OK":
            # loaded; from version 2.7 on the fourth value is 0 where the performer is lost
            good = bool(said.values) and said.values[0] == 1 and 0 not in said.values[3:4]
            return [lambda: self._set_loaded(good)]
        if not said.address.startswith("/VMC/"):
            raise ValueError(f"{said.address!r:.40} is no message of VMC")
        return []

    def _bone(self, joint: int, place: np.ndarray, turn: np.ndarray) -> None:
        self._places[joint], self._turns[joint] = place, turn
        self._has_hips |= joint == _HIPS
        self.changed = True

    def _rooted(self, place: np.ndarray, turn: np.ndarray) -> None:
        self._root, self.changed = (place, turn), True

    def _blend(self, name: str, value: float) -> None:
        if len(self._coming) < _MOST_SHAPES:
            self._coming[name] = value

    def _apply(self) -> None:
        unknown = sorted(n for n in self._coming.keys() - self._values.keys() if not is_known(n))
        if unknown:
            shown = ", ".join(f"{name!r:.30}" for name in unknown[:8])
            more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
            self.notes.append(f"blend shapes without a counterpart in ARKit: {shown}{more}")
        if len(self._values) < _MOST_SHAPES:
            self._values |= self._coming
        else:
            self._values |= {n: v for n, v in self._coming.items() if n in self._values}
        self._coming.clear()
        self.changed = True

    def _set_loaded(self, good: bool) -> None:
        if self.loaded and not good:
            self.notes.append("the sender says that it has no pose; the avatar stays as it was")
        self.loaded = good


def _transform(said: Message) -> tuple[str, np.ndarray, np.ndarray]:
    """Name, place [3] and unit quaternion [4] xyzw of a bone or the root."""
    name, *numbers = said.values[:8] or ("",)
    if not isinstance(name, str) or len(numbers) != 7:
        raise ValueError(f"{said.address}: expected a name and seven numbers")
    values = np.array([_number(said, name, number) for number in numbers])
    place, turn = values[:3], values[3:]
    if np.abs(place).max() > _FARTHEST:
        raise ValueError(f"{name!r:.40}: {np.abs(place).max():g} m away; expected metres")
    length = float(np.linalg.norm(turn))
    if not _UNIT[0] < length < _UNIT[1]:
        raise ValueError(f"{name!r:.40}: a quaternion of length {length:.3g}, expected 1")
    return name, place, turn / length


def _shape(said: Message) -> tuple[str, float]:
    if len(said.values) != 2 or not isinstance(said.values[0], str):
        raise ValueError(f"{said.address}: expected a name and a number")
    name = said.values[0]
    value = _number(said, name, said.values[1])
    if not _LEAST <= value <= _MOST:
        raise ValueError(f"blend shape {name!r:.40}: {value:g}, expected between 0 and 1")
    return name, min(max(value, 0.0), 1.0)


def _number(said: Message, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{said.address}: {name!r:.40}: expected numbers")
    if not math.isfinite(value):
        raise ValueError(f"{name!r:.40}: a number that is not finite (NaN or infinity)")
    return float(value)
