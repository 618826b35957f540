"""Encoder: describes a posed body to a renderer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from torch import nn

from avatar_kit.nn.part import Part
from avatar_kit.scene import Condition, FrameContext, RiggedGaussians

if TYPE_CHECKING:
    from avatar_kit.config import EncoderConfig
    from avatar_kit.interfaces.method import Batch, Samples
    from avatar_kit.interfaces.setup import Setup


class Encoder(Part, ABC):
    """Turns a :class:`~avatar_kit.scene.FrameContext` into one condition.

    Its config declares what it yields (``EncoderConfig.yields``), so an incompatible encoder is
    refused when the config is read.
    """

    def __init__(self, config: EncoderConfig, setup: Setup):
        super().__init__()
        self.config = config
        self.setup = setup

    def charts(self) -> list[nn.Parameter]:
        """Learned textures in the body's UV layout, [1, C, side, side] each; none by default.

        Charts belong to one person and can be exchanged between people, region by region. Methods
        give them their own learning rate. An encoder that has charts declares ``textured`` in its
        config.
        """
        return []

    def begin(self, samples: Samples) -> None:
        """Initialise from all training samples, before the first step of a new training.

        The engine calls this without gradients. Store the results in parameters and buffers, which
        are saved; a resumed training loads them instead. Tensors named in ``sized_by_training`` may
        change their size, in place.
        """

    def observe(self, batch: Batch, step: int) -> None:
        """Use the pictures of the next training step; does nothing by default.

        The engine calls this before every ``Method.training_step``, without gradients. Store the
        results in buffers, which are saved.

        Args:
            batch: The whole training frames, before the method splits or crops them.
            step: Number of updates before this one.
        """

    def rigged_gaussians(self) -> RiggedGaussians | None:
        """The Gaussians in the rest pose, with their rig and light, for export.

        Default: None, for an encoder without such Gaussians.
        """
        return None

    @abstractmethod
    def forward(self, context: FrameContext) -> Condition:
        """Encode B frames; a map has the size of ``context.camera``."""

    def step(self, context: FrameContext, state: Any) -> tuple[Condition, Any]:
        """Encode the next frame of a stream; see :meth:`Avatar.step`. No state by default.

        Args:
            context: B frames of B streams.
            state: What the previous step returned; None for the first frame.

        Returns:
            The condition and the state for the next frame.
        """
        return self(context), None
