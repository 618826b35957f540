"""The method: what is compared, and how the weights move."""

from __future__ import annotations

from torch import Tensor
from torch.optim import Adam, Optimizer

from avatar_kit.interfaces import Avatar, Batch, Method
from avatar_kit_blobs.config import BlobsConfig


class Blobs(Method):
    """Absolute errors of picture and mask, Adam with a falling rate."""

    config: BlobsConfig

    def __init__(self, config: BlobsConfig, avatar: Avatar):
        super().__init__(config, avatar)
        learned = [*avatar.encoders.parameters(), *avatar.renderer.parameters()]
        self.optimizer = Adam(learned, lr=config.learning_rate)

    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One whole update; the losses are returned detached."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * 0.1 ** (step / self.config.steps)
        output = self.avatar(batch.context)
        picture = (output.rgb - batch.image).abs().mean()
        mask = (output.alpha - batch.mask).abs().mean()
        self.optimizer.zero_grad(set_to_none=True)
        (picture + 0.2 * mask).backward()
        self.optimizer.step()
        return {"picture": picture.detach(), "mask": mask.detach()}

    def optimizers(self) -> dict[str, Optimizer]:
        """What a resumed training needs beside the weights."""
        return {"adam": self.optimizer}
