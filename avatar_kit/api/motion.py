"""Read what drives an avatar."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.io.motion import MotionFile, MotionOptions, read_file
from avatar_kit.io.motion.combine import with_part
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import FIELDS, check_rotations

logger = logging.getLogger(__name__)

Say = Callable[[str], None]

VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"}
VIDEOS |= {".ts", ".mts", ".m2t", ".m2ts", ".mpg", ".mpeg", ".3gp", ".wmv", ".flv", ".ogv"}


def read_motion(
    path: str | Path,
    clip: str | int | None = None,
    *,
    options: MotionOptions | None = None,
    face: str | Path | None = None,
    hands: str | Path | None = None,
    say: Say | None = None,
) -> Motion:
    """Read a motion file, or track the person in a video.

    Args:
        path: A motion file of any layout (docs: formats), or a video. ``FILE#CLIP`` chooses a
            clip, like ``clip``.
        clip: Name or number of a clip, where the file holds several.
        options: Axis, unit, rate and joints of the file, where they are not to be found out.
        face: Another file that the face is taken from, e.g. a table of Live Link Face; both start
            together.
        hands: Another file that the fingers are taken from, likewise.
        say: Takes lines about what was found; None: what was guessed is logged as a warning.

    Returns:
        All its frames at the file's own rate, y up, metres; in the world of the file.

    Raises:
        UserError: It is not there, cannot be read, is no person's motion, or holds several clips
            and none was chosen.
        Unavailable: A video, and the tracker's package or model files are not here.
    """
    motion = _body(Path(path), clip, options, say)
    for part, other in (("face", face), ("hands", hands)):
        if other is not None:
            found = read_file(other)
            _tell(found, say)
            motion, notes = with_part(motion, found, part)
            for note in notes:
                _say(note, say)
    return motion


def _body(
    path: Path, clip: str | int | None, options: MotionOptions | None, say: Say | None
) -> Motion:
    name, _, _ = path.name.partition("#")
    if not path.exists() and not (path.parent / name).exists():
        raise UserError(f"{path}: no such motion file")
    if path.suffix.lower() in VIDEOS:
        if options is not None and options != MotionOptions():
            raise UserError(
                f"{path}: is a video; --up, --unit, --motion-fps and --map are of motion files"
            )
        from avatar_kit.tracking import track_motion

        return track_motion(path)
    found = read_file(path, clip=clip, options=options)
    _tell(found, say)
    return found.motion


def _tell(found: MotionFile, say: Say | None) -> None:
    if say is not None:
        say(found.line())
    for note in found.notes:
        _say(f"{found.path.name}: {note}", say)


def _say(line: str, say: Say | None) -> None:
    if say is None:
        logger.warning(line)
    else:
        say(line)


def as_motion(motion: Motion | str | Path, what: str = "motion") -> Motion:
    """A motion as an avatar takes it: read where it is a file; float32, on the CPU.

    Args:
        motion: The motion, or its file.
        what: What it is called in messages.

    Raises:
        UserError: The file cannot be read, or the motion holds no frame, or what is no rotation.
    """
    if not isinstance(motion, Motion):
        return read_motion(motion)
    if not len(motion):
        raise UserError(f"{what}: it holds no frame")
    check_rotations(motion, what)
    plain = {name: getattr(motion, name).detach().cpu().float() for name in FIELDS}
    return replace(motion, **plain)
