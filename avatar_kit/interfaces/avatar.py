"""Avatar: a body, encoders, a renderer and an aligner, wired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from avatar_kit.scene import FrameContext, Plate, RenderOutput, Topology

if TYPE_CHECKING:
    from avatar_kit.interfaces.aligner import Aligner
    from avatar_kit.interfaces.body import Body
    from avatar_kit.interfaces.encoder import Encoder
    from avatar_kit.interfaces.renderer import Renderer


@dataclass(frozen=True)
class Setup:
    """What encoders and renderers may know about the avatar when they are built.

    Attributes:
        topology: The body's surface.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        training_frames: Number of training frames, for per-frame codes.
        plate: The empty scene, for renderers that paint the person alone; None where an avatar is
            read back without its capture: keep what is needed of it in buffers.
    """

    topology: Topology
    width: int
    height: int
    training_frames: int
    plate: Plate | None = None


class Avatar(nn.Module):
    """What training makes and everything else drives.

    Attributes:
        body: The body model.
        shape: [S] identity of the person.
        encoders: Name -> encoder, in the order of the config.
        renderer: The renderer.
        aligner: The motion aligner.
    """

    shape: Tensor

    def __init__(
        self,
        body: Body,
        shape: Tensor,
        encoders: Mapping[str, Encoder],
        renderer: Renderer,
        aligner: Aligner,
    ):
        super().__init__()
        self.body = body
        self.register_buffer("shape", shape)
        self.encoders = nn.ModuleDict(encoders)
        self.renderer = renderer
        self.aligner = aligner

    def forward(self, context: FrameContext) -> RenderOutput:
        """Render B frames."""
        conditions = {name: encoder(context) for name, encoder in self.encoders.items()}
        return self.renderer(conditions, context.camera)

    def learned_parameters(self) -> int:
        """Number of values that training learns; the body model's are not among them."""
        parts = (self.encoders, self.renderer)
        return sum(p.numel() for part in parts for p in part.parameters())

    def learned_state(self) -> dict[str, Tensor]:
        """State to save: everything but the body model, whose licence may forbid copies."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith("body.")}
