"""FBX animations: Mixamo, Maya, MotionBuilder, Blender."""

from __future__ import annotations

from dataclasses import replace

from avatar_kit.errors import UserError
from avatar_kit.io.fbx import read_fbx
from avatar_kit.io.motion.animated_clips import reading_of_clips
from avatar_kit.io.motion.fbx_animation import animations_in
from avatar_kit.io.motion.fbx_axes import axes_of, in_axes, metres_of
from avatar_kit.io.motion.fbx_skeleton import skeleton_of
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source


def _read(source: Source, options: MotionOptions) -> Reading:
    """Every animation that has keys is a clip."""
    scene = read_fbx(source.path)
    skeleton = skeleton_of(scene)
    (up, turn), metres = axes_of(scene), metres_of(scene)
    animations = animations_in(skeleton)
    if not animations:
        raise UserError(
            f"{source.path}: holds no animation of its skeleton; export it with its animation "
            "(Blender: Bake Animation in the FBX export; Mixamo: download a motion, not a T-pose)"
        )
    clips = (
        replace(clip, skeleton=in_axes(clip.skeleton, turn, metres))
        for clip in (animation.clip(options.rate) for animation in animations)
    )
    reading = reading_of_clips("FBX", clips, source.path, options, up=up)
    left_out = skeleton.left_out
    dropped = (f"{left_out} joints of other skeletons",) if left_out else ()
    return replace(reading, dropped=dropped)


FORMAT = Format("FBX 7, binary and ASCII", lambda source: source.kind == "fbx", _read)
