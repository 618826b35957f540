"""How a sketch is trained."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from avatar_kit.interfaces import Avatar, Batch, Method
from avatar_kit.scene import RenderOutput
from avatar_kit_sketch.config import SketchConfig


class Sketch(Method):
    """A robust difference of colours, heavier on the person, and of alpha if it is offered."""

    config: SketchConfig

    def __init__(self, config: SketchConfig, avatar: Avatar):
        super().__init__(config, avatar)
        learned = [*avatar.encoders.parameters(), *avatar.renderer.parameters()]
        self.optimizer = Adam(learned, lr=config.learning_rate, betas=(0.9, 0.99))

    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One update of everything."""
        share = min(1.0, step / self.config.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * 0.1**share
        losses = self.losses(self.avatar(batch.context), batch)
        self.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        self.optimizer.step()
        return {name: value.detach() for name, value in losses.items()}

    def losses(self, output: RenderOutput, batch: Batch) -> dict[str, Tensor]:
        """The sum under "loss", and its terms."""
        error = F.smooth_l1_loss(
            output.rgb.float(), batch.image, beta=self.config.softness, reduction="none"
        )
        colour = (error * (1 + self.config.person * batch.mask)).mean()
        losses = {"loss": colour, "colour": colour}
        if output.alpha is not None:
            losses["alpha"] = (output.alpha.float() - batch.mask).square().mean()
            losses["loss"] = losses["loss"] + losses["alpha"]
        return losses

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam."""
        return {"adam": self.optimizer}
