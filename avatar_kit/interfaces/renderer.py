"""Renderer: turns conditions into a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from avatar_kit.nn.part import Part
from avatar_kit.scene import Camera, Condition, ConditionSpec, RenderOutput

if TYPE_CHECKING:
    from avatar_kit.config import RendererConfig
    from avatar_kit.interfaces.setup import Setup


class Renderer(Part, ABC):
    """Draws B frames from named conditions.

    What it consumes and what it offers besides the picture is declared by its config
    (``RendererConfig.consumes``, ``RendererConfig.offers``).

    Attributes:
        camera_moves: Whether it may be asked for cameras other than the one of the training. Where
            it paints the background of that camera it may not: novel views then move the person,
            and captures with several cameras are refused. May follow the config.
    """

    camera_moves: bool = False

    def __init__(
        self, config: RendererConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]
    ):
        super().__init__()
        self.config = config
        self.setup = setup
        self.conditions = dict(conditions)

    def check_size(self, width: int, height: int) -> None:
        """Refuse pictures of a size that it cannot draw; by default it draws any.

        Called before it is asked for a picture of another size than the trained one.

        Args:
            width: Of the picture in pixels.
            height: Likewise.

        Raises:
            UserError: It cannot; says which sizes it can.
        """

    @abstractmethod
    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """Render.

        Args:
            conditions: One condition per encoder, in the order of the config.
            camera: B cameras, or one for all; the picture has their size.
        """

    def step(
        self, conditions: Mapping[str, Condition], camera: Camera, state: Any
    ) -> tuple[RenderOutput, Any]:
        """Render the next frame of a stream; see :meth:`Avatar.step`. By default without a past.

        Args:
            conditions: As in :meth:`forward`.
            camera: As in :meth:`forward`.
            state: What the previous step returned; None for the first frame.

        Returns:
            The picture and the state for the next frame.
        """
        return self(conditions, camera), None
