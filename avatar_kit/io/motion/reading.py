"""What the reader of a format makes of a file, before axes, units and plausibility."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from avatar_kit.io.motion.options import Axis, MotionOptions
from avatar_kit.scene import Motion

if TYPE_CHECKING:
    from avatar_kit.io.motion.source import Source


@dataclass(frozen=True)
class Reading:
    """A motion in the axes of its file, and what the file says of itself.

    Attributes:
        layout: Name of the layout, for a person.
        motion: All frames, in the file's axes; places in ``unit``.
        up: The axis that usually points up in this layout.
        sure_up: Whether the layout fixes it, so that who lies is left lying.
        unit: What places are in: metres, or None where their size has to tell.
        unit_said: What to call the unit, if a skeleton told it; the motion is in metres then.
        pelvis: [3] metres from the given places to the pelvis, in the file's axes.
        smplx_rest: Whether joints turn from the rest pose of SMPL-X, whose arms hang a little.
        placed: Whether the file says where the person is.
        grounded: Whether places count from a floor, not from a camera.
        rate: Whether the file states its rate, its format has one, or it was guessed.
        hands: What of hands was read, for a person; empty: none.
        face: What of the face was read, for a person; empty: none.
        dropped: What the file holds and we cannot show.
        notes: What was guessed or mended.
        clips: Clip -> its frames; None: the file holds one motion.
        ours: Whether we wrote the file: it was checked on its way in.
    """

    layout: str
    motion: Motion
    up: Axis = "y"
    sure_up: bool = False
    unit: Literal["m"] | None = None
    unit_said: str = ""
    pelvis: tuple[float, float, float] = (0.0, 0.0, 0.0)
    smplx_rest: bool = False
    placed: bool = True
    grounded: bool = True
    rate: Literal["stated", "usual", "guessed"] = "stated"
    hands: str = ""
    face: str = ""
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    clips: Mapping[str, slice] | None = None
    ours: bool = False


@dataclass(frozen=True)
class Format:
    """A layout that can be read.

    Attributes:
        name: For a person: what the layout is called, in the list of known ones.
        matches: Whether a file is of this layout, by its content.
        read: Reads it.
    """

    name: str
    matches: Callable[[Source], bool]
    read: Callable[[Source, MotionOptions], Reading]
    kinds: frozenset[str] = field(default_factory=frozenset)
