"""Read what drives an avatar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.io.motion import load_motion
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import FIELDS, check_rotations

VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"}
VIDEOS |= {".ts", ".mts", ".m2t", ".m2ts", ".mpg", ".mpeg", ".3gp", ".wmv", ".flv", ".ogv"}


def read_motion(path: str | Path, clip: str | int | None = None) -> Motion:
    """Read a motion file, or track the person in a video.

    Args:
        path: Our ``.npz``, an AMASS, SMPL or SMPL-X ``.npz``, TalkSHOW ``.npy``, ``.bvh``, or a
            video. ``FILE#CLIP`` chooses a clip, like ``clip``.
        clip: Name or number of a clip, where the file holds several.

    Returns:
        All its frames at the file's own rate, y up, metres; in the world of the file.

    Raises:
        UserError: It is not there, cannot be read, or holds several clips and none was chosen.
        Unavailable: A video, and the tracker's package or model files are not here.
    """
    path = Path(path)
    name, _, _ = path.name.partition("#")
    if not path.exists() and not (path.parent / name).exists():
        raise UserError(f"{path}: no such motion file")
    if path.suffix.lower() in VIDEOS:
        from avatar_kit.tracking import track_motion

        return track_motion(path)
    return load_motion(path, clip=clip)


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
