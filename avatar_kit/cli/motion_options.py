"""How a motion file is read: options of every command that reads one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from avatar_kit.io.motion import MotionOptions

Up = Annotated[
    str,
    typer.Option(
        "--up",
        metavar="AXIS",
        help="Axis of the motion file that points up: y, z, x, -y, -z, -x; auto: the one that "
        "people stand along.",
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        "--unit",
        help="Unit of the motion file: m, cm, mm or in. Default: told by its own sizes.",
        show_default=False,
    ),
]
MotionRate = Annotated[
    float | None,
    typer.Option(
        "--motion-fps",
        help="Frames per second of the motion file, where it says none or a wrong one.",
        show_default=False,
    ),
]
JointMap = Annotated[
    Path | None,
    typer.Option(
        "--map",
        help="File (JSON or YAML) that names joints of a skeleton: left_hip: LeftUpLeg ... Left "
        "out: told by names and hierarchy.",
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


def motion_options(
    up: str, unit: str | None, rate: float | None, joints: Path | None
) -> MotionOptions:
    """What was said of a motion file.

    Raises:
        UserError: An axis, unit or rate that there is not.
    """
    from avatar_kit.io.motion import MotionOptions

    return MotionOptions(up, unit, rate, joints)  # type: ignore[arg-type]
