"""An avatar written in a format of other programs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from avatar_kit.engine.aligning import Alignment, Say
from avatar_kit.engine.device import autocast
from avatar_kit.engine.driving import contexts
from avatar_kit.engine.export_target import (
    ExportMotion,
    check_leftovers,
    check_shown,
    exporter_for,
    numbered,
)
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.staging import stage
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Encoder, Exported, Exporter, ExportSource, Report
from avatar_kit.io.atomic import temporary_sibling
from avatar_kit.scene import Motion

#: What the system says of a folder that nothing can be written to.
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


@dataclass(frozen=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        files: The files, in the order of their frames.
        bytes: Of all of them.
        shown: Which poses they hold, in words; empty for an avatar without a motion.
        exported: What they hold, in words; of a sequence, what the last file does.
    """

    files: tuple[Path, ...]
    bytes: int
    shown: str
    exported: Exported

    def __str__(self) -> str:
        """One line for a person."""
        first, count = self.files[0], len(self.files)
        name = str(first) if count == 1 else f"{first} to {self.files[-1].name}"
        size = f"{self.bytes / 1e6:.1f} MB" + (f" in {count} files" if count > 1 else "")
        facts = [f"{self.exported.what}, {size}", self.shown, *self.exported.notes]
        return f"{name}: " + "; ".join(fact for fact in facts if fact)


def export(
    loaded: LoadedAvatar,
    to: Path,
    shown: ExportMotion,
    values: Mapping[str, Any] | None = None,
    *,
    say: Say = lambda line: None,
    report: Report = lambda done, total, line: None,
) -> ExportResult:
    """Write an avatar, all files or none.

    A driving motion is aligned, resampled and placed as
    :func:`~avatar_kit.engine.staging.stage` does. A training pose is taken where it was recorded.

    Args:
        loaded: The avatar.
        to: The file; ``%05d`` in its name stands for the number of a frame.
        shown: Which poses.
        values: Options of the format, and ``type`` for the name of an exporter.
        say: Takes a line for a person.
        report: Is told how far it is: done, in all, and a line.

    Raises:
        UserError: The suffix, a value or a frame does not fit, or the format cannot hold the
            avatar.
        MissingExtra: The exporter needs a package that is not installed.
    """
    component, config = exporter_for(to, values or {})
    check_shown(to, config, shown)
    exporter: Exporter = component.load()(config)
    source = ExportSource(
        avatar=loaded.avatar,
        name=loaded.subject.capture,
        method=loaded.config.type,
        training_motion=loaded.training_motion,
        cameras=loaded.subject.cameras,
    )
    if config.holds == "pose":
        motion, wanted, title = _poses(loaded, shown, say, every=numbered(to))
        sources = _pose_sources(loaded, source, motion, wanted)
        files = [to.with_name(to.name % frame) for frame in wanted] if numbered(to) else [to]
    else:
        motion, title = None, ""
        if shown.motion is not None:
            motion = _staged(loaded, shown, say)
            title = f"{shown.title}, {len(motion)} frames at {motion.fps:g} fps"
        given = replace(source, motion=motion, title=shown.title or source.title)
        sources, files = iter([given]), [to]
    if numbered(to):
        check_leftovers(to, files)
    with _all_or_none(files) as partials:
        exported = _write(exporter, sources, partials, report)
    return ExportResult(tuple(files), sum(f.stat().st_size for f in files), title, exported)


@torch.no_grad()
def _write(
    exporter: Exporter, sources: Iterator[ExportSource], partials: list[Path], report: Report
) -> Exported:
    """Write each source to its file."""
    total = len(partials)
    within = report if total == 1 else lambda done, total, line: None
    exported = None
    for done, partial in enumerate(partials, start=1):
        exported = exporter.export(next(sources), partial, within)
        if not partial.is_file():
            raise RuntimeError(f"exporter '{exporter.config.type}' wrote no file")
        if total > 1:
            report(done, total, f"{done} of {total} files")
    return cast(Exported, exported)


def _staged(loaded: LoadedAvatar, shown: ExportMotion, say: Say) -> Motion:
    """The driving motion, placed."""
    return stage(
        loaded,
        shown.motion,
        Alignment(),
        fps=shown.fps,
        frames=shown.frames,
        title=shown.title,
        say=say,
    )


def _poses(
    loaded: LoadedAvatar, shown: ExportMotion, say: Say, *, every: bool
) -> tuple[Motion, range, str]:
    """A motion, which of its frames are exported, and what these are called."""
    driven = shown.motion is not None
    motion = _staged(loaded, shown, say) if driven else loaded.training_motion
    title = shown.title if driven else "the training poses"
    if every:
        text = f"{title}, {len(motion)} frames at {motion.fps:g} fps"
        return motion, range(len(motion)), text
    frame = shown.frame or 0
    if not 0 <= frame < len(motion):
        raise UserError(f"--frame {frame}: {title} has frames 0 to {len(motion) - 1}")
    text = f"frame {frame} of {title}"
    if not driven:  # a pose by itself, as TrainedAvatar.render shows it
        return motion[frame], range(1), text
    encoders = cast("Mapping[str, Encoder]", loaded.avatar.encoders)
    remembers = any(type(e).step is not Encoder.step for e in encoders.values())
    first = 0 if remembers else max(0, frame - 1)
    return motion[first : frame + 1], range(frame - first, frame - first + 1), text


def _pose_sources(
    loaded: LoadedAvatar, source: ExportSource, motion: Motion, wanted: range
) -> Iterator[ExportSource]:
    """What is exported of the wanted frames; the others are encoded before them."""
    camera = loaded.subject.camera.to(loaded.device).expand(len(motion))
    states = None
    for frame, context in enumerate(contexts(loaded, motion, camera)):
        with torch.no_grad(), autocast(loaded.device, loaded.config.precision):
            conditions, states = loaded.avatar.encode(context, states)
        if frame in wanted:
            yield replace(source, motion=motion[frame], context=context, conditions=conditions)


@contextmanager
def _all_or_none(files: list[Path]) -> Iterator[list[Path]]:
    """Temporary names that take the place of the files when the block ends well.

    As :func:`~avatar_kit.io.atomic.atomic_path`, for several files at once.
    """
    partials = [temporary_sibling(file) for file in files]
    folder = files[0].parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield partials
        for partial in partials:
            with open(partial, "rb") as written:
                os.fsync(written.fileno())
        for partial, file in zip(partials, files, strict=True):
            os.replace(partial, file)
    except OSError as error:
        if error.errno not in _CLOSED:
            raise
        raise UserError(
            f"--to {files[0]}: {folder} cannot be written to ({error.strerror})"
        ) from error
    finally:
        with suppress(NotADirectoryError):
            for partial in partials:
                partial.unlink(missing_ok=True)
