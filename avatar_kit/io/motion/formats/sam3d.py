"""SAM 3D Body: the joints of the Momentum Human Rig (MHR), where they are and how they turn.

Its results say both for all 127 joints of the rig, so the rig itself is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.errors import UserError
from avatar_kit.io.motion.animated import Animated, Joint
from avatar_kit.io.motion.formats.frames import numbered_contents
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.retarget import retarget
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.tracks import joined_people, without_gaps
from avatar_kit.io.motion.values import frame_rate, in_rows, key

#: Joints of the rig.
_JOINTS = 127

_PLACES, _TURNS, _CAMERA = "pred_joint_coords", "pred_global_rots", "pred_cam_t"


def _rig() -> dict[str, tuple[int, str]]:
    """Joint, by the name that Mixamo gives it -> its number in the rig, and its parent."""
    rig = {
        "Hips": (1, ""), "Spine": (34, "Hips"), "Spine1": (35, "Spine"), "Spine2": (37, "Spine1"),
        "Neck": (110, "Spine2"), "Head": (113, "Neck"), "HeadTop_End": (126, "Head"),
    }  # fmt: skip
    for side, leg, arm in (("Left", 2, 74), ("Right", 18, 38)):
        chains = [
            (("UpLeg", leg), ("Leg", leg + 1), ("Foot", leg + 2), ("ToeBase", leg + 6)),
            (("Shoulder", arm), ("Arm", arm + 1), ("ForeArm", arm + 2), ("Hand", arm + 4)),
        ]
        for chain, above in zip(chains, ("Hips", "Spine2"), strict=True):
            for name, number in chain:
                rig[f"{side}{name}"] = (number, above)
                above = f"{side}{name}"
        first = {"Pinky": 6, "Ring": 10, "Middle": 14, "Index": 18, "Thumb": 23}
        for finger, place in first.items():
            above = f"{side}Hand"
            for i in range(4):  # three joints, and the end
                rig[f"{side}Hand{finger}{i + 1}"] = (arm + place + i, above)
                above = f"{side}Hand{finger}{i + 1}"
    return rig


_RIG = _rig()
_NUMBERS = [number for number, _ in _RIG.values()]
_PARTS = tuple(
    Joint(name, list(_RIG).index(above) if above else -1, not name.endswith(("4", "_End")))
    for name, (_, above) in _RIG.items()
)


def _is_person(value: Any) -> bool:
    return isinstance(value, Mapping) and {_PLACES, _TURNS} <= value.keys()


def _first_person(value: Any) -> Any:
    """The first person of a frame, of a list of frames or of a mapping of them."""
    for _ in range(3):
        if _is_person(value) or not isinstance(value, list | Mapping) or not value:
            return value
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    return value


def _matches(source: Source) -> bool:
    if source.kind == "folder":
        return bool(source.frames) and _is_person(_first_person(Source(source.frames[0]).data))
    return isinstance(source.data, list | Mapping) and _is_person(_first_person(source.data))


def _read(source: Source, options: MotionOptions) -> Reading:
    """Each person of a folder, or the first of each frame, in the axes of the camera."""
    path = source.path
    fps, rate = frame_rate({}, path, options)
    people: dict[str, list[tuple[int, Mapping[Any, Any], str]]] = {}
    several = False
    for frame, person, value, where in _people(source):
        several |= person == "1" and source.kind != "folder"
        people.setdefault(person, []).append((frame, value, where))
    kept = people if source.kind == "folder" else dict([next(iter(people.items()))])
    notes: list[str] = []
    motions, filled, hands = {}, 0, ""
    for name, rows in kept.items():
        done = retarget(_skeleton(rows, fps), path, options, built=False)
        frames = np.array([frame for frame, _, _ in rows])
        motions[name], gaps = without_gaps(done.motion, frames, f"{path}: person {name}")
        filled, hands, notes = filled + gaps, done.hands, [*notes, *done.notes]
    motion, clips = joined_people(motions, path)
    if filled:
        notes.append(f"{filled} frames without the person, put between their neighbours")
    if several:
        notes.append("several people without tracks: the first of each frame is taken")
    return Reading(
        "SAM 3D Body (MHR)", motion, up="-y", unit="m", unit_said="metres", grounded=False,
        rate=rate, hands=hands, dropped=("expressions of MHR", "shape"),  # type: ignore[arg-type]
        notes=tuple(dict.fromkeys(notes)), clips=clips,
    )  # fmt: skip


def _people(source: Source) -> Iterator[tuple[int, str, Mapping[Any, Any], str]]:
    """Frame, person, what is said of them, and where."""
    if source.kind == "folder":
        for frame, person, value in numbered_contents(source):
            where = f"{source.path}: frame {frame}"
            found = value if isinstance(value, list) else [value]
            for i, one in enumerate(found):
                yield frame, person or str(i), _checked(one, where), where
        return
    data = source.data
    if _is_person(data):
        data = [data]
    for frame, people in enumerate(data.values() if isinstance(data, Mapping) else data):
        where = f"{source.path}: frame {frame}"
        for i, one in enumerate(people if isinstance(people, list) else [people]):
            yield frame, str(i), _checked(one, where), where


def _checked(value: Any, where: str) -> Mapping[Any, Any]:
    if not _is_person(value):
        raise UserError(f"{where}: expected {_PLACES}, {_TURNS}, {_CAMERA}, as in the first frame")
    return value


def _skeleton(rows: list[tuple[int, Mapping[Any, Any], str]], fps: float) -> Animated:
    """The joints in the axes of the camera: x right, y down, z ahead, metres.

    Places are given in these axes, turns in those of the rig, whose y and z point the other way.
    """
    turns, places = [], []
    for _, value, where in rows:
        at = in_rows(key(value, _PLACES, where), (3,), f"{where}: key '{_PLACES}'")
        turned = in_rows(key(value, _TURNS, where), (3, 3), f"{where}: key '{_TURNS}'")
        if len(at) != _JOINTS or len(turned) != _JOINTS:
            raise UserError(
                f"{where}: {len(at)} places and {len(turned)} turns of joints, expected {_JOINTS}"
            )
        camera = key(value, _CAMERA, where).reshape(-1) if _CAMERA in value else np.zeros(3)
        if camera.shape != (3,):
            raise UserError(f"{where}: key '{_CAMERA}' has {camera.size} values, expected 3")
        turns.append(turned[_NUMBERS] * np.array([[1.0], [-1.0], [-1.0]]))
        places.append(at[_NUMBERS] + camera)
    rotations, positions = (torch.from_numpy(np.stack(value)) for value in (turns, places))
    flattest = int(_straightness(positions).argmax())
    return Animated(_PARTS, fps, rotations, positions, rotations[flattest], positions[flattest])


def _straightness(positions: Tensor) -> Tensor:
    """[T] how straight the fingers are along the hand, the mean cosine."""
    names = list(_RIG)
    found = []
    for side in ("Left", "Right"):
        wrist, knuckle = names.index(f"{side}Hand"), names.index(f"{side}HandMiddle1")
        hand = F.normalize(positions[:, knuckle] - positions[:, wrist], dim=1)
        for finger in ("Index", "Middle", "Ring", "Pinky"):
            joints = [names.index(f"{side}Hand{finger}{i}") for i in (1, 2, 3, 4)]
            bones = F.normalize(positions[:, joints].diff(dim=1), dim=2)
            found.append((bones * hand[:, None]).sum(2).mean(1))
    return torch.stack(found).mean(0)


FORMAT = Format("SAM 3D Body npz, pkl", _matches, _read)
