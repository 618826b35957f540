"""Aligner: brings a driving motion closer to what the avatar was trained on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.interfaces.body import Asset
from avatar_kit.nn.part import Part
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import check_rotations, concatenate

if TYPE_CHECKING:
    from avatar_kit.config import AlignerConfig


class Aligner(Part, ABC):
    """Maps motion to motion, frame by frame in time order. Built as ``Aligner(config)``.

    What an aligner learns is in parameters and buffers. It is saved with the weights of the avatar
    and loaded without fitting again. The keys are the same before and after fitting; only tensors
    named in ``sized_by_training``, such as stored poses, may change their shape.

    Attributes:
        needs_fit: Whether :meth:`fit` must run before anything is aligned.
        history: How many past output frames a step looks at.
        changes: Fields of :class:`~avatar_kit.scene.Motion` that may differ between the source and
            the aligned motion; all others pass through untouched.
        fitted_to: [32] uint8 sha256 of the body the training poses belong to, zero before fitting.
            Exists only if ``needs_fit`` is True.
        fitted_fps: [] frame rate of the training poses, zero before fitting. Exists only if
            ``needs_fit`` is True.
    """

    needs_fit: ClassVar[bool] = False
    history: int = 0
    changes: ClassVar[tuple[str, ...]] = ("body_pose",)
    fitted_to: Tensor
    fitted_fps: Tensor

    def __init__(self, config: AlignerConfig):
        super().__init__()
        self.config = config
        if self.needs_fit:
            self.register_buffer("fitted_to", torch.zeros(32, dtype=torch.uint8))
            self.register_buffer("fitted_fps", torch.zeros((), dtype=torch.float64))

    def learn(self, clips: Sequence[Motion]) -> None:
        """Learn from the avatar's training poses.

        :meth:`fit` checks the clips and calls this. It must be deterministic: a second call with
        the same clips gives the same result.

        Args:
            clips: Motions that are continuous in time, all at one frame rate, each longer than
                ``history``. The history of a frame never crosses into another clip.
        """

    @abstractmethod
    def step(self, frame: Motion, state: Any) -> tuple[Motion, Any]:
        """Align one frame of a stream.

        Args:
            frame: A motion of length one, on the device of the aligner.
            state: What the previous step returned; None for the first frame of a motion, which
                has no history.

        Returns:
            The aligned frame and the state for the next one.
        """

    def facts(self) -> dict[str, str]:
        """What a reader of the results must know and the config does not contain.

        For example, which corpus a prior was learned from. Printed after fitting and stored in
        ``environment.json``.
        """
        return {}

    def fit(self, clips: Sequence[Motion], body: Asset) -> None:
        """Fit to an avatar's training poses. Does nothing if ``needs_fit`` is False.

        Args:
            clips: The training poses, as clips that are continuous in time. Clips that are not
                longer than ``history`` are not used.
            body: The body that the poses belong to; stored for :meth:`check_body`.

        Raises:
            UserError: No clip is longer than ``history``, or a pose is not a rotation.
        """
        if not self.needs_fit:
            return
        name = f"aligner '{self.config.type}'"
        longest = max((len(clip) for clip in clips), default=0)
        if longest <= self.history:
            raise UserError(
                f"{name}: the longest continuous clip of the training poses has {longest} frames, "
                f"but it looks back {self.history}: at least {self.history + 1} are needed"
            )
        for clip in clips:
            check_rotations(clip, f"{name}: training poses")
        device = self.fitted_to.device
        self.learn([clip.to(device) for clip in clips if len(clip) > self.history])
        self.requires_grad_(False).eval()
        self.fitted_to.copy_(_digest(body))
        self.fitted_fps.fill_(clips[0].fps)

    def check_body(self, body: Asset) -> None:
        """Refuse to drive a body other than the one that the aligner was fitted to.

        Raises:
            UserError: The aligner is not fitted, or is fitted to the poses of another body.
        """
        if not self.needs_fit:
            return
        name, digest = f"aligner '{self.config.type}'", _digest(body).to(self.fitted_to.device)
        if not self.fitted_to.any():
            raise UserError(f"{name}: not fitted to any training poses; train the avatar with it")
        if not torch.equal(self.fitted_to, digest):
            raise UserError(
                f"{name}: fitted to the poses of another body than '{body.name}' (sha256 "
                f"{bytes(self.fitted_to.tolist()).hex()[:12]}, here {body.sha256[:12]}); fit it "
                "again, or install the version of the body the avatar was trained with"
            )

    @torch.no_grad()
    def align(self, motion: Motion) -> Motion:
        """Align a whole motion; equal to stepping through it. Length and rate are kept.

        Args:
            motion: If ``history`` is not zero, at the frame rate of the training poses
                (``fitted_fps``): resample it first.

        Raises:
            UserError: A pose is not a rotation.
        """
        check_rotations(motion, f"aligner '{self.config.type}'")
        device = self.fitted_to.device if self.needs_fit else motion.transl.device
        frames, state, source = [], None, motion.to(device)
        for i in range(len(source)):
            frame, state = self.step(source[i : i + 1], state)
            frames.append(frame)
        return concatenate(frames).to(motion.transl.device) if frames else motion


def _digest(body: Asset) -> Tensor:
    """[32] uint8."""
    return torch.tensor(list(bytes.fromhex(body.sha256)), dtype=torch.uint8)
