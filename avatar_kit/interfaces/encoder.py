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

    What it yields is declared by its config (``EncoderConfig.yields``), so that a slot that does
    not fit fails when the config is read.
    """

    def __init__(self, config: EncoderConfig, setup: Setup):
        super().__init__()
        self.config = config
        self.setup = setup

    def charts(self) -> list[nn.Parameter]:
        """Learned textures in the body's UV layout, [1, C, side, side] each; none by default.

        What lies here belongs to the person and can be exchanged between persons, region by region.
        Methods give it a learning rate of its own. A config that declares ``textured`` has some.
        """
        return []

    def begin(self, samples: Samples) -> None:
        """Look at all training samples once, before the first step of a new training.

        Called by the engine without gradients. What is found must live in parameters and buffers,
        so that it is saved; a resumed training reads it back instead. Tensors named in
        ``sized_by_training`` may change their size, in place.
        """

    def observe(self, batch: Batch, step: int) -> None:
        """Look at the pictures a training step is about to train on; nothing by default.

        Called by the engine before every ``Method.training_step``, without gradients. What is found
        must live in buffers, so that it is saved.

        Args:
            batch: The training frames, whole, before the method cuts or crops them.
            step: Number of updates done before.
        """

    def rigged_gaussians(self) -> RiggedGaussians | None:
        """Its Gaussians in the rest pose with what moves and lights them, for export.

        None, as here, for an encoder that has no such Gaussians.
        """
        return None

    @abstractmethod
    def forward(self, context: FrameContext) -> Condition:
        """Encode B frames; a map has the size of ``context.camera``."""

    def step(self, context: FrameContext, state: Any) -> tuple[Condition, Any]:
        """Encode the next frame of a stream; see :meth:`Avatar.step`. By default without a past.

        Args:
            context: B frames of B streams.
            state: What the previous step returned; None for the first frame.

        Returns:
            The condition and the state for the next frame.
        """
        return self(context), None
