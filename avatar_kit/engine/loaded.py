"""An avatar read back from its run folder, without the data it was trained on."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avatar_kit.config import MethodConfig
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.assemble import build_avatar, build_body
from avatar_kit.engine.coverage import read_coverage
from avatar_kit.engine.device import pick_device
from avatar_kit.engine.memory import buildable, elsewhere, enough_memory
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.subject import Subject
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar
from avatar_kit.io.documents import check_regular
from avatar_kit.io.motion import load_motion
from avatar_kit.scene import Motion

#: The file of a run folder that holds the poses it was trained on.
TRAINING_MOTION = "training_motion.npz"

#: The file that holds how much its pictures showed of the person.
COVERAGE = "coverage.npz"


@dataclass(frozen=True)
class LoadedAvatar:
    """A trained avatar, ready to render.

    Attributes:
        run: Where it was read from.
        avatar: In evaluation mode, without gradients.
        config: The config it was trained with.
        subject: Who it is of and how it was seen.
        step: Training steps of the checkpoint.
        seconds: Time that training had taken then.
        device: Where it lives.
        returns: See :class:`~avatar_kit.engine.setting_up.Training`.
    """

    run: RunFolder
    avatar: Avatar
    config: MethodConfig
    subject: Subject
    step: int
    seconds: float
    device: torch.device
    returns: tuple[dict[str, Any], ...] = ()

    @functools.cached_property
    def training_motion(self) -> Motion:
        """The poses it was trained on, one clip after another."""
        return _training_motion(self.run)

    @functools.cached_property
    def coverage(self) -> Tensor | None:
        """[V] how much the training showed of each vertex; None of a run that does not say."""
        return read_coverage(self.run.root / COVERAGE, len(self.avatar.body.topology.parts))


def _training_motion(run: RunFolder) -> Motion:
    path = run.root / TRAINING_MOTION
    check_regular(path, "motion file", "is the run complete?")
    return load_motion(path)


def _check_pictures(avatar: Avatar, subject: Subject, path: Path) -> None:
    """Refuse cameras of a run whose pictures its renderer cannot draw.

    Raises:
        UserError: There is one.
    """
    for name, camera in subject.cameras.items():
        try:
            avatar.renderer.check_size(camera.width, camera.height)
        except UserError as error:
            said = str(error).removeprefix("camera: ")
            raise UserError(f"{path}: cameras.{name}: {said}") from None


def load_avatar(run: RunFolder, *, step: int | None = None, device: str = "auto") -> LoadedAvatar:
    """Load the avatar of a run.

    Args:
        run: The run folder.
        step: Checkpoint to take; None takes the last one that is whole.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        UserError: No whole checkpoint, one of another config, or another body model is installed.
    """
    config = run.read_config()
    subject = run.read_subject()
    if step is None:
        found, _ = ckpt.latest_checkpoint(run.checkpoints)
    else:
        found = ckpt.load_checkpoint(run.checkpoints / f"step-{step:06d}")
    place = pick_device(device)
    body = build_body(config).to(place)
    subject.check_asset(body, run.root / "subject.json")
    cameras, motion = list(subject.cameras.values()), _training_motion(run)
    # the weights it starts with are seeded: not at the cost of the caller's generator
    with (
        torch.random.fork_rng([place] if place.type == "cuda" else []),
        buildable(str(run.root / "config.yaml")),
    ):
        avatar = build_avatar(
            config, body, subject.shape, subject.training_frames, cameras, motion=motion
        )
    _check_pictures(avatar, subject, run.root / "subject.json")
    ckpt.load_learned(avatar, found)
    with enough_memory(str(run.root), elsewhere(place)):
        avatar = avatar.to(place).eval().requires_grad_(False)
    seconds, returns = found.state["seconds"], tuple(found.state["returns"])
    return LoadedAvatar(run, avatar, config, subject, found.step, seconds, place, returns)
