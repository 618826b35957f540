"""Which aligner drives a trained avatar, and what it makes of a motion."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from avatar_kit.aligners.blend import blend
from avatar_kit.aligners.measure import knn_distance
from avatar_kit.config import AlignerConfig
from avatar_kit.engine.assemble import load_class
from avatar_kit.engine.driving import keep_footing
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Aligner, LearnsPrior
from avatar_kit.io.documents import explain
from avatar_kit.io.motion import load_motion
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion

#: What a person writes for no alignment.
NONE = "none"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Alignment:
    """What a motion is brought closer to an avatar with.

    Attributes:
        name: Of an aligner; ``none`` for no alignment; None for the avatar's own.
        values: Config values of the aligner, other than its defaults.
        strength: 0 is the motion as it is, 1 the aligned one.
    """

    name: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    strength: float = 1.0


def training_clips(run: RunFolder) -> list[Motion]:
    """The poses an avatar was trained on, clip by clip in their order.

    Raises:
        UserError: The lengths on record are not those of the poses.
    """
    path = run.root / "training_motion.npz"
    motion, lengths = load_motion(path), run.read_subject().clips
    if sum(lengths) != len(motion):
        raise UserError(
            f"{run.root / 'subject.json'}: clips add up to {sum(lengths)} frames, but {path.name} "
            f"holds {len(motion)}; the run was altered"
        )
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    return [motion[end - n : end] for end, n in zip(ends, lengths, strict=True)]


def aligner_config(name: str, values: Mapping[str, Any]) -> AlignerConfig:
    """The config of an aligner by its name.

    Raises:
        UserError: No such aligner, or a value it does not take.
    """
    kind = catalog().get("aligner", name).config
    try:
        return cast(AlignerConfig, kind.model_validate({**values, "type": name}))
    except ValidationError as error:
        raise UserError(f"aligner '{name}': {explain(error, kind)}") from None


def prior_class(name: str | None) -> tuple[str, type[LearnsPrior]]:
    """Name and class of an aligner that rests on a prior.

    Args:
        name: Of the aligner; None takes the first that has one.

    Raises:
        UserError: None has one, or the named one has not.
    """
    classes = {n: catalog().get("aligner", n).load() for n in catalog().names("aligner")}
    able = {n: c for n, c in classes.items() if issubclass(c, LearnsPrior)}
    if name is None and able:
        return next(iter(able.items()))
    if name in able:
        return name, able[name]
    known = ", ".join(able) or "none that is installed"
    if name is None:
        raise UserError("no installed aligner needs a prior; see  avatar-kit plugins")
    catalog().get("aligner", name)
    raise UserError(f"aligner '{name}' needs no prior; aligners that do: {known}")


def choose_aligner(
    loaded: LoadedAvatar,
    name: str | None,
    values: Mapping[str, Any],
    say: Say = lambda line: None,
) -> Aligner:
    """The avatar's own aligner, or another one, fitted here to the avatar's training poses.

    Args:
        loaded: The avatar.
        name: Of an aligner; ``none`` for no alignment; None for the avatar's own.
        values: Config values of the aligner, other than its defaults.
        say: Takes a line for a person.

    Raises:
        UserError: No such aligner, or it cannot be fitted.
    """
    own, body = loaded.avatar.aligner, loaded.avatar.body.asset
    if name is None and values:
        raise UserError(f"{next(iter(values))}=...: values of an aligner need --align NAME")
    if name is None or (name == own.config.type and not values):
        own.check_body(body)
        return own
    config = aligner_config("identity" if name == NONE else name, values)
    aligner: Aligner = load_class("aligner", config)(config)
    if aligner.needs_fit:
        clips = training_clips(loaded.run)
        say(f"fitting {name} to {sum(map(len, clips))} training poses")
        aligner.fit(clips, body)
        for key, value in aligner.facts().items():
            say(f"{key}: {value}")
    return aligner


def align(
    loaded: LoadedAvatar, motion: Motion, alignment: Alignment, say: Say = lambda line: None
) -> Aligned:
    """Choose the aligner, fit it where it must be, and align.

    Args:
        loaded: The avatar.
        motion: The driving motion.
        alignment: With what.
        say: Takes a line for a person.

    Raises:
        UserError: The strength is not in [0, 1], no such aligner, or it cannot be fitted.
    """
    check_strength(alignment.strength)
    aligner = choose_aligner(loaded, alignment.name, alignment.values, say)
    return align_motion(loaded, aligner, motion, strength=alignment.strength, say=say)


@dataclass(frozen=True)
class Aligned:
    """A motion before and after.

    Attributes:
        source: At the frame rate it was aligned at.
        motion: The same frames, aligned.
    """

    source: Motion
    motion: Motion


def align_motion(
    loaded: LoadedAvatar,
    aligner: Aligner,
    motion: Motion,
    *,
    strength: float = 1.0,
    say: Say = lambda line: None,
) -> Aligned:
    """Align a motion of any frame rate; its lowest points stay as high as they were.

    Args:
        loaded: The avatar, whose legs tell how high that is.
        aligner: Fitted.
        motion: The driving motion. It is resampled to the rate of the training poses, because what
            the aligner knows of motion holds at that rate.
        strength: See :func:`~avatar_kit.aligners.blend.blend`.
        say: Takes a line for a person.

    Raises:
        UserError: The strength is not in [0, 1], or a pose is no rotation.
    """
    check_strength(strength)
    name = aligner.config.type
    if aligner.needs_fit and float(aligner.fitted_fps) != motion.fps:
        rate = float(aligner.fitted_fps)
        say(
            f"the motion has {motion.fps:g} fps; it is resampled to {rate:g} fps, the rate that "
            f"{name} was trained at"
        )
        motion = motion.resample(rate)
    if len(motion) <= aligner.history:
        say(
            f"the motion has {len(motion)} frame(s), but {name} uses the {aligner.history} "
            "previous frames: the result depends on how the motion starts"
        )
    aligned = blend(motion, aligner.align(motion), strength)
    return Aligned(motion, keep_footing(loaded, motion, aligned))


def training_distances(run: RunFolder, aligned: Aligned) -> tuple[float, float]:
    """How far the poses are from those an avatar was trained on, before and after alignment.

    Returns:
        Mean angle of joints to the five nearest training poses, degrees.
    """
    training = load_motion(run.root / "training_motion.npz").body_pose
    before, after = (
        math.degrees(knn_distance(m.body_pose, training).mean())
        for m in (aligned.source, aligned.motion)
    )
    return before, after


def check_strength(strength: float, called: str = "strength") -> None:
    """Refuse a strength outside [0, 1].

    Args:
        strength: The number.
        called: What it is called where it was given, for the error.

    Raises:
        UserError: It is outside, or NaN.
    """
    if not 0 <= strength <= 1:
        raise UserError(f"{called} {strength:g}: must lie between 0 and 1")
