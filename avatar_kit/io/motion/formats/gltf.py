"""glTF animations: Mixamo, Blender, and whatever else writes .glb."""

from __future__ import annotations

import re
from dataclasses import replace

import torch

from avatar_kit.errors import UserError
from avatar_kit.io.gltf_file import GltfFile
from avatar_kit.io.motion.gltf_animation import clock_of, skeleton_in_motion, weights_in_motion
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.retarget import retarget
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.tracks import joined_people
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS


def _read(source: Source, options: MotionOptions) -> Reading:
    """Every animation is a clip."""
    file = GltfFile(source.path)
    animations = file.items("animations")
    if not animations:
        raise UserError(
            f"{source.path}: holds no animation; export it with its animation (Blender: Animation "
            "in the glTF export)"
        )
    rate, found, notes, face = options.rate, {}, [], ""
    stated = True
    for number, animation in enumerate(animations):
        name = str(animation.get("name") or number)
        name = name if name not in found else f"{name} {number}"
        clock = clock_of(file, animation, rate)
        rate, stated = rate or clock.fps, stated and clock.stated
        done = retarget(
            skeleton_in_motion(file, animation, clock), source.path, options, built=True
        )
        weights = weights_in_motion(file, animation, clock)
        found[name], shown = _with_expressions(done.motion, weights)
        face = face or shown
        notes += [note for note in done.notes if note not in notes]
    motion, clips = joined_people(found, source.path)
    return Reading(
        "glTF", motion, sure_up=True, unit="m", unit_said=done.unit, hands=done.hands, face=face,
        rate="stated" if stated else "guessed", notes=tuple(notes), clips=clips,
    )  # fmt: skip


def _with_expressions(motion: Motion, weights: dict) -> tuple[Motion, str]:
    """The motion with the morph targets that are called as ARKit's expressions."""
    plain = {_plain(name): values for name, values in weights.items()}
    shown = [name for name in ARKIT_CHANNELS if _plain(name) in plain]
    if not shown:
        return motion, ""
    expression = motion.expression.clone()
    for name in shown:
        values = torch.from_numpy(plain[_plain(name)]).float()
        expression[:, ARKIT_CHANNELS.index(name)] = values.clamp(0, 1)
    return replace(motion, expression=expression), f"{len(shown)} expressions"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


FORMAT = Format("glTF .glb and .gltf", lambda source: source.kind == "gltf", _read)
