"""What a person says about a motion file, where the file does not say it or says it wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from avatar_kit.errors import UserError

Axis = Literal["y", "-y", "z", "-z", "x", "-x"]
Up = Literal["auto", "y", "-y", "z", "-z", "x", "-x"]
Unit = Literal["m", "cm", "mm", "in"]

#: Unit -> metres.
METRES: dict[Unit, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}

#: Unit -> its name in messages.
UNIT_NAMES: dict[Unit, str] = {
    "m": "metres", "cm": "centimetres", "mm": "millimetres", "in": "inches",
}  # fmt: skip

#: Frames per second that a recording may have.
RATES = (5.0, 480.0)


@dataclass(frozen=True)
class MotionOptions:
    """How to read a motion file; what is left out is found out.

    Attributes:
        up: Axis of the file that points up. "auto": the one that people stand along.
        unit: Unit of the file's places and bones. None: told by the file's own sizes.
        rate: Frames per second of the file. None: what the file or its format says.
        joints: File (JSON or YAML) that says which joint of a skeleton is which of ours. None: told
            by names and hierarchy.
    """

    up: Up = "auto"
    unit: Unit | None = None
    rate: float | None = None
    joints: Path | None = None

    def __post_init__(self):
        if self.up not in get_args(Up):
            raise UserError(f"--up {self.up}: expected one of {', '.join(get_args(Up))}")
        if self.unit is not None and self.unit not in METRES:
            raise UserError(f"--unit {self.unit}: expected one of {', '.join(METRES)}")
        if self.rate is not None and not RATES[0] <= self.rate <= RATES[1]:
            raise UserError(
                f"--motion-fps {self.rate:g}: expected {RATES[0]:g} to {RATES[1]:g} frames per "
                "second"
            )
