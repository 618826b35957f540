"""The unit of a skeleton, by the length of its legs."""

from __future__ import annotations

import math
from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.io.motion.options import METRES, UNIT_NAMES, MotionOptions

#: Thigh and shin of a person, metres.
LEGS = (0.5, 1.2)

#: Shorter legs are no grown person's in inches, but those of a skeleton in a unit of its own.
_INCHES_FROM = 0.65

#: Legs of a skeleton whose unit is unknown.
_LEG_LENGTH = 0.8

#: Legs of a skeleton whose unit was said: children and giants.
_SAID_LEGS = (0.25, 2.0)


def leg_scale(
    leg: float, path: Path, options: MotionOptions, stated: float | None = None
) -> tuple[float, str, tuple[str, ...]]:
    """Metres in a unit of a skeleton.

    Args:
        leg: Thigh and shin in the file's unit.
        path: The file, for messages.
        options: What the person said.
        stated: Metres in the unit that the file states; counts if legs fit it.

    Returns:
        The factor, what to call the unit, and notes.

    Raises:
        UserError: The legs have no length, or none that a person has in the unit that was said.
    """
    if not leg > 0:
        raise UserError(f"{path}: the legs of its skeleton have no length")
    if options.unit is not None:
        metres = METRES[options.unit]
        if not _SAID_LEGS[0] <= leg * metres <= _SAID_LEGS[1]:
            fitting = [unit for unit, m in METRES.items() if LEGS[0] <= leg * m <= LEGS[1]]
            hint = f"try --unit {fitting[0]}" if fitting else "leave --unit out"
            raise UserError(
                f"{path}: with --unit {options.unit} its legs are {leg * metres:.3g} m long, "
                f"expected {LEGS[0]} to {LEGS[1]} m; {hint}"
            )
        return metres, UNIT_NAMES[options.unit], ()
    if stated is not None and _SAID_LEGS[0] <= leg * stated <= _SAID_LEGS[1]:
        return stated, _name(stated), ()
    for unit, metres in METRES.items():
        least = _INCHES_FROM if unit == "in" else LEGS[0]
        if least <= leg * metres <= LEGS[1]:
            return metres, UNIT_NAMES[unit], ()
    known = ", ".join(UNIT_NAMES.values())
    note = (
        f"legs of {leg:.3g} units are no person's in {known}: taken for legs of {_LEG_LENGTH} m "
        "(say --unit)"
    )
    return _LEG_LENGTH / leg, f"legs of {_LEG_LENGTH} m", (note,)


def _name(metres: float) -> str:
    """What to call a unit of so many metres."""
    names = {UNIT_NAMES[unit] for unit, size in METRES.items() if math.isclose(size, metres)}
    return names.pop() if names else f"units of {metres:.4g} m"
