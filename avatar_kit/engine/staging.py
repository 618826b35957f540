"""A motion made ready for an avatar: aligned, at a frame rate, placed."""

from __future__ import annotations

from dataclasses import replace

from avatar_kit.engine.aligning import Alignment, Say, align
from avatar_kit.engine.driving import place
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.steps import fit_steps
from avatar_kit.errors import UserError
from avatar_kit.scene import Motion

#: Seconds that a person who stands still is shown for.
STILL = 6.0

#: Frames a second that a video is asked for at most.
_FASTEST = 1000


def still_motion(loaded: LoadedAvatar, fps: float) -> Motion:
    """The first training pose, held."""
    return replace(loaded.training_motion[[0] * max(1, round(STILL * fps))], fps=fps)


def stage(
    loaded: LoadedAvatar,
    motion: Motion | None,
    alignment: Alignment,
    *,
    fps: float | None = None,
    frames: int | None = None,
    in_place: bool = False,
    title: str = "the motion",
    say: Say = lambda line: None,
) -> Motion:
    """Make a motion ready to be rendered: align it, fit its steps, resample it, place it.

    Args:
        loaded: The avatar.
        motion: The driving motion, in a world of its own; None: the first training pose, held for
            :data:`STILL` seconds.
        alignment: The aligner it goes through.
        fps: Frame rate; None: the capture's.
        frames: At most this many frames.
        in_place: See :func:`~avatar_kit.engine.driving.place`.
        title: What the motion is called in lines for a person.
        say: Takes a line for a person.

    Raises:
        UserError: The motion cannot be aligned, or ``fps`` or ``frames`` are out of range.
    """
    if fps is not None and not 0 < fps <= _FASTEST:
        raise UserError(f"fps {fps:g}: expected more than 0 and at most {_FASTEST} frames a second")
    if frames is not None and frames < 1:
        raise UserError(f"frames {frames}: expected at least 1")
    rate = fps or loaded.subject.fps
    if motion is None:
        ready = still_motion(loaded, rate)
    else:
        fitted = fit_steps(loaded, align(loaded, motion, alignment, say).motion)
        if fitted.line():
            say(f"{title}: {fitted.line()}")
        ready = fitted.motion
    if rate != ready.fps:
        say(f"{title}: {ready.fps:g} fps, resampled to {rate:g}")
        ready = ready.resample(rate)
    return place(loaded, ready[: frames or len(ready)], in_place=in_place)
