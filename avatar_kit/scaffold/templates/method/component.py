"""The method: losses, optimisers, schedule."""

from __future__ import annotations

from avatar_kit_myplugin.config import MyPluginConfig
from torch import Tensor
from torch.optim import Adam, Optimizer

from avatar_kit.interfaces import Avatar, Batch, Method


class MyPlugin(Method):
    """Mean absolute error on whole pictures, Adam with a falling rate."""

    config: MyPluginConfig

    def __init__(self, config: MyPluginConfig, avatar: Avatar):
        super().__init__(config, avatar)
        learned = [*avatar.encoders.parameters(), *avatar.renderer.parameters()]
        self.optimizer = Adam(learned, lr=config.learning_rate, betas=(0.9, 0.99))

    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One whole update; the losses are returned detached."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * (1 - 0.9 * step / self.config.steps)
        output = self.avatar(batch.context)
        loss = (output.rgb - batch.image).abs().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.detach()}

    def optimizers(self) -> dict[str, Optimizer]:
        """What a resumed training needs beside the weights."""
        return {"adam": self.optimizer}
