"""One door for motion files of every layout."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from avatar_kit.io.motion.arrays import checked
from avatar_kit.io.motion.axes import find_up, turn_up
from avatar_kit.io.motion.clips import clip_frames, clip_names
from avatar_kit.io.motion.formats import find_format
from avatar_kit.io.motion.found import MotionFile
from avatar_kit.io.motion.options import METRES, UNIT_NAMES, Axis, MotionOptions, Unit, Up
from avatar_kit.io.motion.plausible import check_plausible
from avatar_kit.io.motion.reading import Reading
from avatar_kit.io.motion.smplx_rest import from_smplx_rest
from avatar_kit.io.motion.source import Source
from avatar_kit.scene import Motion

logger = logging.getLogger(__name__)

#: Enough frames to tell which axis is up.
_SAMPLES = 5000

#: Unit -> the height of a pelvis from which it is taken for that.
_FROM: dict[Unit, float] = {"mm": 200.0, "cm": 20.0}


def load_motion(
    path: str | Path,
    fps: float | None = None,
    *,
    clip: str | int | None = None,
    up: Up = "auto",
    options: MotionOptions | None = None,
) -> Motion:
    """Read a motion file of any layout we know; what was guessed is logged as a warning.

    Args:
        path: The file, or a folder with a file for each frame. ``FILE#CLIP`` chooses a clip, like
            ``clip``.
        fps: Resample to this rate; the file's own if None.
        clip: Name or number of the clip in a file that holds several.
        up: Which axis of the file points up. "auto" takes the one people stand along on average
            over the whole file: y, z (AMASS), or -y (fits in camera axes, y down).
        options: Unit, rate and joints of the file, where they are not to be found out; ``up`` goes
            before its own.

    Raises:
        UserError: The file is missing or damaged, its layout is unknown, a clip is not there, it
            holds no frames, a value is not finite, or it is no person's motion. Names the file, the
            key and what mends it.
    """
    found = read_file(path, clip=clip, options=_with_up(options, up))
    for note in found.notes:
        logger.warning("%s: %s", found.path, note)
    return found.motion if fps is None else found.motion.resample(fps)


def read_file(
    path: str | Path, *, clip: str | int | None = None, options: MotionOptions | None = None
) -> MotionFile:
    """Read a motion file of any layout we know, and say what it is.

    Args:
        path: See :func:`load_motion`.
        clip: Likewise.
        options: How to read it, where that is not to be found out.

    Raises:
        UserError: See :func:`load_motion`.
    """
    path, clip = _split_clip(Path(path), clip)
    options = options or MotionOptions()
    reading = _read(path, options)
    name, frames = clip_frames(reading.clips, clip, path)
    return _finished(reading, reading.motion[frames], name, path, options)


def load_clips(path: str | Path, *, up: Up = "auto") -> dict[str, Motion]:
    """Every clip of a motion file by its name, read at once; not checked for plausibility.

    Args:
        path: The file.
        up: See :func:`load_motion`.

    Raises:
        UserError: The file is missing or damaged, or its layout is unknown.
    """
    path = Path(path)
    options = MotionOptions(up=up)
    reading = _read(path, options)
    axis = _up(reading, options)
    motion, _, _ = _placed(reading, reading.motion, axis, options)
    clips = reading.clips or {path.stem: slice(None)}
    return {name: motion[frames] for name, frames in clips.items()}


def list_clips(path: str | Path) -> list[str]:
    """Names of the clips in a motion file; its own name if it holds one motion.

    Raises:
        UserError: The file is missing or damaged.
    """
    path = Path(path)
    source = Source(path)
    if isinstance(source.data, Mapping) and "clip_len" in source.data:
        return clip_names(source.data, path)
    if source.kind in ("bvh", "table"):
        return [path.stem]
    return list(_read(path, MotionOptions()).clips or [path.stem])


def _with_up(options: MotionOptions | None, up: Up) -> MotionOptions:
    options = options or MotionOptions()
    return options if up == "auto" else replace(options, up=up)


def _split_clip(path: Path, clip: str | int | None) -> tuple[Path, str | int | None]:
    name, mark, chosen = path.name.rpartition("#")
    if clip is None and mark and not path.exists():
        return path.with_name(name), chosen
    return path, clip


def _read(path: Path, options: MotionOptions) -> Reading:
    source = Source(path)
    return find_format(source).read(source, options)


def _up(reading: Reading, options: MotionOptions) -> Axis:
    """The axis that points up: as said, or as people stand over the whole file."""
    if options.up != "auto":
        return options.up
    if reading.ours:
        return reading.up
    some = _some(reading.motion)
    motion = replace(some, transl=some.transl + torch.tensor(reading.pelvis))
    finite = motion[motion.is_finite().nonzero()[:, 0].tolist()]
    return find_up(finite, reading.up, sure=reading.sure_up)


def _some(motion: Motion) -> Motion:
    return motion[:: max(1, len(motion) // _SAMPLES)]


def _placed(
    reading: Reading, motion: Motion, up: Axis, options: MotionOptions
) -> tuple[Motion, str, tuple[str, ...]]:
    """The motion with y up and in metres, the unit of the file, and notes."""
    metres, unit = 1.0, reading.unit_said or UNIT_NAMES["m"]
    notes: tuple[str, ...] = ()
    if options.unit is not None and not reading.unit_said:
        metres, unit = METRES[options.unit], UNIT_NAMES[options.unit]
    elif reading.unit is None:
        metres, unit, notes = _unit_by_height(reading, up)
    places = motion.transl * metres + torch.tensor(reading.pelvis)
    motion = turn_up(replace(motion, transl=places), up)
    return from_smplx_rest(motion) if reading.smplx_rest else motion, unit, notes


def _unit_by_height(reading: Reading, up: Axis) -> tuple[float, str, tuple[str, ...]]:
    """Metres in the unit of a file that has no skeleton: nobody's pelvis is 20 m over the floor."""
    motion = turn_up(_some(reading.motion), up)
    height = float(motion.transl[motion.is_finite()][:, 1].median()) if len(motion) else 0.0
    for unit, least in _FROM.items():
        if height > least:
            name = UNIT_NAMES[unit]
            note = f"the pelvis is {height:.0f} units over the floor: taken for {name}"
            return METRES[unit], name, (note,)
    return 1.0, UNIT_NAMES["m"], ()


def _finished(
    reading: Reading, part: Motion, name: str, path: Path, options: MotionOptions
) -> MotionFile:
    """A clip with y up and in metres, checked."""
    whole = checked(part, path)
    up = _up(reading, options)
    motion, unit, notes = _placed(reading, whole, up, options)
    if options.rate is not None:
        motion = replace(motion, fps=options.rate)
    odd = check_plausible(motion, reading, path, options)
    rate = "stated" if options.rate is not None else reading.rate
    guessed = () if rate != "guessed" else (_guessed(motion),)
    return MotionFile(
        path, motion, name, reading.layout, up, unit, rate, reading.placed, reading.hands,
        reading.face, reading.dropped, (*reading.notes, *notes, *guessed, *odd),
    )  # fmt: skip


def _guessed(motion: Motion) -> str:
    return f"does not say its frame rate (key 'fps'): taken for {motion.fps:g} frames/s"
