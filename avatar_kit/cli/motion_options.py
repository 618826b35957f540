"""How a motion file is read: options of every command that reads one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from avatar_kit.io.motion import MotionOptions
    from avatar_kit.scene import Motion

Clip = Annotated[
    str | None,
    typer.Option(
        "--clip", help="Name or number of a clip, if the file has several.", show_default=False
    ),
]
Up = Annotated[
    str,
    typer.Option(
        "--up",
        metavar="AXIS",
        help="Axis of the motion file that points up: y, z, x, -y, -z, -x; auto: the axis along "
        "which the people in it stand.",
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        "--unit",
        help="Unit of the motion file: m, cm, mm or in. Default: found from the size of the "
        "person.",
        show_default=False,
    ),
]
MotionRate = Annotated[
    float | None,
    typer.Option(
        "--motion-fps",
        help="Frames per second of the motion file, if it states none or a wrong value.",
        show_default=False,
    ),
]
JointMap = Annotated[
    Path | None,
    typer.Option(
        "--map",
        help="File (JSON or YAML) that names joints of a skeleton: left_hip: LeftUpLeg ... "
        "Default: found from names and hierarchy.",
        show_default=False,
    ),
]
Face = Annotated[
    Path | None,
    typer.Option(
        "--face",
        help="Another file for the face, e.g. the .csv of Live Link Face; starts with the motion.",
        show_default=False,
    ),
]
Hands = Annotated[
    Path | None,
    typer.Option(
        "--hands",
        help="Another motion file for the fingers; starts with the motion.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class MotionReading:
    """What a person says of a motion file."""

    up: Up = "auto"
    unit: Unit = None
    motion_fps: MotionRate = None
    joints: JointMap = None

    def checked(self) -> MotionOptions:
        """What was said.

        Raises:
            UserError: An axis, unit or rate that there is not.
        """
        from avatar_kit.io.motion import MotionOptions

        return MotionOptions(self.up, self.unit, self.motion_fps, self.joints)  # type: ignore[arg-type]


@dataclass(frozen=True)
class DrivingOptions(MotionReading):
    """How a motion file is read, which motion of it drives, and what comes from other files."""

    clip: Clip = None
    face: Face = None
    hands: Hands = None

    def read(self, path: Path, say: Callable[[str], None]) -> Motion:
        """The motion of a file, with the face and the hands of other files.

        Raises:
            UserError: A file cannot be read, or an option does not fit it.
        """
        from avatar_kit.api.motion import read_motion

        return read_motion(
            path, self.clip, options=self.checked(), face=self.face, hands=self.hands, say=say
        )
