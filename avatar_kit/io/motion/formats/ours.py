"""Our own motion files."""

from __future__ import annotations

from avatar_kit.io.motion.native import from_native, is_native
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source


def _matches(source: Source) -> bool:
    return is_native(source.keys)


def _read(source: Source, options: MotionOptions) -> Reading:
    motion = from_native(source.data, source.path)
    return Reading("ours", motion, sure_up=True, unit="m", ours=True)


FORMAT = Format("ours (save_motion)", _matches, _read)
