"""The sound of a driving video, for the video that is rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from avatar_kit.api.motion import VIDEOS
from avatar_kit.io.sound import Sound
from avatar_kit.io.video_writer import CONTAINERS


def driving_sound(motion: Path, out: Path, seconds: float) -> tuple[Sound | None, str]:
    """What is heard in a video of an avatar that another video drives.

    Args:
        motion: The driving file, tracked before.
        out: Where the rendering goes.
        seconds: Length of the rendering.

    Returns:
        The sound of the frames that the motion holds, no longer than the rendering, or None; and a
        line that says what becomes of it, empty where there is nothing to say.

    Raises:
        UserError: The driving video cannot be opened.
    """
    if motion.suffix.lower() not in VIDEOS:
        return None, ""
    sound = Sound.of(motion, ())
    if sound is None:
        return None, ""
    left_out = f"{motion.name}: its sound is left out"
    if out.suffix.lower() not in CONTAINERS or out.is_dir():
        return None, f"{left_out}, {out} holds none"
    from avatar_kit.tracking import tracked_spans

    spans = tracked_spans(motion)
    if spans is None:
        return None, f"{left_out}, it would not keep time: frames of the file are damaged"
    sound = replace(sound, spans=tuple(spans))
    sound = sound.trimmed(seconds)
    cut = "" if len(spans) == 1 else f"; cut where frames were dropped, {len(spans)} pieces"
    return sound, f"{motion.name}: its sound goes along ({sound.becomes(out)}{cut})"
