"""glTF animations: Mixamo, Blender, and whatever else writes .glb."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from avatar_kit.errors import UserError
from avatar_kit.io.gltf_file import GltfFile
from avatar_kit.io.motion.animated_clips import AnimatedClip, reading_of_clips
from avatar_kit.io.motion.gltf_animation import clock_of, skeleton_in_motion, weights_in_motion
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source


def _read(source: Source, options: MotionOptions) -> Reading:
    """Every animation is a clip."""
    file = GltfFile(source.path)
    animations = file.items("animations")
    if not animations:
        raise UserError(
            f"{source.path}: holds no animation; export it with its animation (Blender: Animation "
            "in the glTF export)"
        )
    clips = _clips(file, animations, options.rate)
    return reading_of_clips("glTF", clips, source.path, options)


def _clips(
    file: GltfFile, animations: list[dict[str, Any]], rate: float | None
) -> Iterator[AnimatedClip]:
    """All animations, at the rate of the first."""
    for number, animation in enumerate(animations):
        clock = clock_of(file, animation, rate)
        rate = rate or clock.fps
        yield AnimatedClip(
            str(animation.get("name") or number),
            skeleton_in_motion(file, animation, clock),
            weights_in_motion(file, animation, clock),
            clock.stated,
        )


FORMAT = Format("glTF .glb and .gltf", lambda source: source.kind == "gltf", _read)
