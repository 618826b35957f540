"""Files that animate any skeleton: each animation becomes a clip of a person's motion."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.motion.animated import Animated
from avatar_kit.io.motion.clock import LONGEST
from avatar_kit.io.motion.options import Axis, MotionOptions
from avatar_kit.io.motion.reading import Reading
from avatar_kit.io.motion.retarget import retarget
from avatar_kit.io.motion.tracks import joined_people
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS


@dataclass(frozen=True)
class AnimatedClip:
    """One animation of a file.

    Attributes:
        name: As the file writes it.
        skeleton: The skeleton in motion.
        weights: Name of a blend shape -> [T] its weight; 1: in full.
        stated: Whether the file tells the rate.
        built: Whether the file tells the pose in which the skeleton was built.
        notes: What was omitted.
    """

    name: str
    skeleton: Animated
    weights: Mapping[str, np.ndarray]
    stated: bool
    built: bool = True
    notes: tuple[str, ...] = ()


def reading_of_clips(
    layout: str,
    clips: Iterable[AnimatedClip],
    path: Path,
    options: MotionOptions,
    *,
    up: Axis = "y",
) -> Reading:
    """The motions of all animations, one after another.

    Args:
        layout: Name of the layout, for a person.
        clips: At least one animation.
        path: The file, for messages.
        options: What the person said.
        up: The axis that points up in the file.

    Raises:
        UserError: They have too many frames, or see
            :func:`~avatar_kit.io.motion.retarget.retarget`.
    """
    found: dict[str, Motion] = {}
    said: list[str] = []
    face, stated, frames = "", True, 0
    for number, clip in enumerate(clips):
        name = clip.name if clip.name not in found else f"{clip.name} {number}"
        frames += len(clip.skeleton.rotations)
        if frames > LONGEST:
            raise UserError(f"{path}: its animations have more than {LONGEST} frames; split them")
        done = retarget(clip.skeleton, path, options, built=clip.built)
        found[name], shown = _with_expressions(done.motion, clip.weights)
        face, stated = face or shown, stated and clip.stated
        said += [note for note in (*clip.notes, *done.notes) if note not in said]
    motion, parts = joined_people(found, path)
    return Reading(
        layout, motion, up=up, sure_up=True, unit="m", unit_said=done.unit, hands=done.hands,
        face=face, rate="stated" if stated else "guessed", notes=tuple(said), clips=parts,
    )  # fmt: skip


def expression_of(name: str) -> str | None:
    """The expression of ARKit that a blend shape is called after, in any spelling."""
    return _EXPRESSIONS.get(_plain(name))


def _with_expressions(motion: Motion, weights: Mapping[str, np.ndarray]) -> tuple[Motion, str]:
    """The motion with the blend shapes that are called as ARKit's expressions."""
    named = {expression_of(name): values for name, values in weights.items()}
    shown = [name for name in ARKIT_CHANNELS if name in named]
    if not shown:
        return motion, ""
    expression = motion.expression.clone()
    for name in shown:
        values = torch.from_numpy(named[name]).float()
        expression[:, ARKIT_CHANNELS.index(name)] = values.clamp(0, 1)
    return replace(motion, expression=expression), f"{len(shown)} expressions"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


_EXPRESSIONS = {_plain(name): name for name in ARKIT_CHANNELS}
