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

    Its config declares what it consumes and what it offers besides the picture
    (``RendererConfig.consumes``, ``RendererConfig.offers``).

    Attributes:
        camera_moves: Whether it can render cameras that were not in the training. Set it to False
            if it paints the background of one camera: novel views then move the person, and
            captures with several cameras are refused. May depend on the config.
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
        """Refuse picture sizes that it cannot render; by default it renders any size.

        Called before it renders a picture in a size other than the trained one.

        Args:
            width: Width of the picture in pixels.
            height: Height of the picture in pixels.

        Raises:
            UserError: It cannot render this size; the message states which sizes it can.
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
        """Render the next frame of a stream; see :meth:`Avatar.step`. No state by default.

        Args:
            conditions: As in :meth:`forward`.
            camera: As in :meth:`forward`.
            state: What the previous step returned; None for the first frame.

        Returns:
            The picture and the state for the next frame.
        """
        return self(conditions, camera), None
