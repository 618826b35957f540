"""Gathering a corpus of motion from files and folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Corpus
from avatar_kit.io.digest import file_digest
from avatar_kit.io.motion import load_clips
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import check_rotations

_SUFFIXES = {".npz", ".npy", ".bvh", ".glb", ".fbx", ".pkl", ".pt"}

#: Faster clips are thinned to about this many frames per second.
FPS = 30.0


@dataclass
class Gathered:
    """What was found.

    Attributes:
        clips: Clip name -> motion.
        sources: File name -> sha256.
        refused: A line for each file or clip that cannot be used.
    """

    clips: dict[str, Motion] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def corpus(self) -> Corpus:
        """The clips as a corpus."""
        return Corpus(self.clips, self.sources)


def gather_corpus(
    paths: Sequence[Path],
    observe: Callable[[int, int], None] = lambda done, total: None,
    leave_out: str | None = None,
) -> Gathered:
    """Read every motion file at or below the paths.

    Layouts are those of :func:`~avatar_kit.io.motion.load_motion`. Files that cannot be read and
    clips whose poses are no rotations are left out.

    Args:
        paths: Files and folders, such as that of AMASS.
        observe: Called with files done and files in all.
        leave_out: Regular expression; clips whose name (``FILE#CLIP``) holds it are not taken.

    Raises:
        UserError: A path does not exist, ``leave_out`` is no regular expression, or there is no
            usable pose in any file.
    """
    unwanted = _pattern(leave_out)
    files = [(path, root) for root in paths for path in motion_files(root)]
    found = Gathered()
    for done, (path, root) in enumerate(files, start=1):
        name = path.name if path == root else f"{root.name}/{path.relative_to(root).as_posix()}"
        _read(path, name, found, unwanted)
        observe(done, len(files))
    if not found.clips:
        where = ", ".join(map(str, paths))
        why = f"; the first: {found.refused[0]}" if found.refused else ""
        raise UserError(
            f"corpus {where}: no usable poses in {len(files)} motion file(s) "
            f"({', '.join(sorted(_SUFFIXES))}){why}"
        )
    return found


def motion_files(root: Path) -> list[Path]:
    """The motion files below a folder in a fixed order; a file is its own.

    Raises:
        UserError: There is nothing at that path.
    """
    if not root.exists():
        raise UserError(f"corpus {root}: no such file or folder")
    if root.is_file():
        return [root]
    return sorted(p for p in root.rglob("*") if p.suffix.lower() in _SUFFIXES)


def _pattern(leave_out: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(leave_out) if leave_out else None
    except re.error as error:
        raise UserError(f"--leave-out '{leave_out}': not a regular expression ({error})") from None


def _read(path: Path, name: str, found: Gathered, unwanted: re.Pattern[str] | None) -> None:
    try:
        clips = load_clips(path)
    except UserError as error:
        found.refused.append(str(error))
        return
    before = len(found.clips)
    for clip, motion in clips.items():
        label = name if len(clips) == 1 else f"{name}#{clip}"
        if unwanted and unwanted.search(label):
            continue
        motion = motion[:: max(1, round(motion.fps / FPS))]
        try:
            check_rotations(motion, f"{path}#{clip}")
        except UserError as error:
            found.refused.append(str(error))
            continue
        if len(motion):
            found.clips[label] = motion
    if len(found.clips) > before:
        found.sources[name] = file_digest(path)
