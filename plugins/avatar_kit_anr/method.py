"""How ANR and DNR are trained."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from avatar_kit.interfaces import Avatar, Batch, Encoder, Method, Pool, Samples
from avatar_kit.nn.perceptual_loss import PerceptualLoss
from avatar_kit.scene import RenderOutput
from avatar_kit_anr.config import AnrConfig, DeferredConfig, DnrConfig
from avatar_kit_anr.cropping import cropped
from avatar_kit_anr.discriminator import (
    MultiScaleDiscriminator,
    discrimination_loss,
    realism_loss,
)
from avatar_kit_anr.keyframes import key_frames
from avatar_kit_anr.losses import anr_terms, dnr_terms, feature_loss
from avatar_kit_anr.warmstart import take_networks


class Deferred(Method):
    """What ANR and DNR share: random crops, a feature loss, an optimiser each for texture and net.

    Attributes:
        textures: The optimiser of everything in the neural textures, those of all people.
        networks: The optimiser of everything else.
    """

    config: DeferredConfig

    def __init__(self, config: DeferredConfig, avatar: Avatar):
        super().__init__(config, avatar)
        if config.networks_of is not None:
            take_networks(avatar, config.type, config.networks_of)
        rates = config.optimizer
        self.textures = Adam(
            [
                {"params": [chart], "weight_decay": self.decay(level)}
                for person in avatar.people
                for encoder in person.encoders.values()
                for level, chart in enumerate(cast(Encoder, encoder).charts())
            ],
            lr=rates.texture_learning_rate,
            betas=rates.betas,
        )
        mine = {id(p) for group in self.textures.param_groups for p in group["params"]}
        parts = (avatar.encoders, avatar.renderer)
        others = [p for part in parts for p in part.parameters() if id(p) not in mine]
        self.networks = Adam(others, lr=rates.learning_rate, betas=rates.betas)
        self.features: PerceptualLoss | None = None
        if self.feature_weight():
            self.features = PerceptualLoss(config.features.stages).to(avatar.shape.device)

    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One update of texture, networks, or both."""
        self.schedule(step)
        batch = cropped(batch, self.config.crop)
        learning = self.learning(step)
        for optimizer in (self.textures, self.networks):
            freeze(optimizer, optimizer not in learning)
        output = self.avatar(batch.context)
        losses = self.losses(output, batch)
        if self.features is not None:
            crop = self.config.features.crop
            losses["feature"] = feature_loss(self.features, output.rgb.float(), batch, crop)
            losses["loss"] = losses["loss"] + self.feature_weight() * losses["feature"]
        for optimizer in learning:
            optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        for optimizer in learning:
            optimizer.step()
        self.after(output, batch, losses)
        return {name: value.detach() for name, value in losses.items()}

    @abstractmethod
    def losses(self, output: RenderOutput, batch: Batch) -> dict[str, Tensor]:
        """The weighted sum under "loss", and its unweighted terms; the feature loss apart."""

    @abstractmethod
    def feature_weight(self) -> float:
        """Weight of the feature loss."""

    def decay(self, level: int) -> float:
        """L2 penalty of a chart, by its number within its encoder."""
        return 0.0

    def learning(self, step: int) -> list[Adam]:
        """The optimisers that take a step."""
        if self.config.learn == "texture":
            return [self.textures]
        return [self.textures, self.networks]

    def after(self, output: RenderOutput, batch: Batch, losses: dict[str, Tensor]) -> None:
        """What follows the update, such as that of a discriminator."""

    def schedule(self, step: int) -> None:
        """Set the learning rates of a step."""
        rates = self.config.optimizer
        share = 1.0
        if rates.cosine:
            share = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.config.steps)))
        for optimizer, peak in (
            (self.textures, rates.texture_learning_rate),
            (self.networks, rates.learning_rate),
        ):
            for group in optimizer.param_groups:
                group["lr"] = share * peak

    def optimizers(self) -> dict[str, Optimizer]:
        """Texture and networks."""
        return {"textures": self.textures, "networks": self.networks}


class Anr(Deferred):
    """Articulated Neural Rendering (Raj et al., 2021).

    Attributes:
        key: Of each person, positions of the key frames within the training split; empty before
            ``prepare``, and without split optimisation.
        rest: Of each person, the other positions.
    """

    config: AnrConfig

    def __init__(self, config: AnrConfig, avatar: Avatar):
        super().__init__(config, avatar)
        self.key: dict[int, list[int]] = {}
        self.rest: dict[int, list[int]] = {}
        self.discriminator: MultiScaleDiscriminator | None = None
        if config.loss.adversarial:
            network = MultiScaleDiscriminator(config.discriminator).to(avatar.shape.device)
            rate, betas = config.discriminator.learning_rate, config.optimizer.betas
            self.discriminator = network
            self.critic = Adam(network.parameters(), lr=rate, betas=betas)

    def prepare(self, samples: Samples) -> None:
        """Choose the key frames."""
        split = self.config.split
        if split is None or self.config.learn == "texture" or len(samples) < 2:
            return
        person = samples.context(0).person
        key = key_frames(samples, split.share, split.texels)
        self.key[person] = key
        self.rest[person] = sorted(set(range(len(samples))) - set(key))

    def pool(self, step: int) -> Pool | None:
        """Key frames at a person's even steps, the others at odd ones (equations 9 and 10)."""
        person, own = self.person_at(step)
        if person not in self.key:
            return None
        return Pool((self.rest if own % 2 else self.key)[person], own // 2)

    def learning(self, step: int) -> list[Adam]:
        """The texture learns from key frames, the networks from the others."""
        person, own = self.person_at(step)
        if person not in self.key:
            return super().learning(step)
        return [self.networks if own % 2 else self.textures]

    def losses(self, output: RenderOutput, batch: Batch) -> dict[str, Tensor]:
        """Equation 8."""
        losses = anr_terms(output, batch)
        if self.discriminator is not None:
            freeze(self.critic, True)
            losses["adversarial"] = realism_loss(self.discriminator(output.rgb.float()))
        weights = self.config.loss.model_dump()
        total = [weights[name] * value for name, value in losses.items()]
        return {"loss": torch.stack(total).sum(), **losses}

    def feature_weight(self) -> float:
        """Weight of equation 5."""
        return self.config.loss.feature

    def after(self, output: RenderOutput, batch: Batch, losses: dict[str, Tensor]) -> None:
        """The update of the discriminator."""
        if self.discriminator is None:
            return
        freeze(self.critic, False)
        real, fake = batch.image, output.rgb.detach().float()
        loss = discrimination_loss(self.discriminator(real), self.discriminator(fake))
        self.critic.zero_grad(set_to_none=True)
        loss.backward()
        self.critic.step()
        losses["discriminator"] = loss

    def schedule(self, step: int) -> None:
        """The discriminator has a rate of its own, which falls like the others."""
        super().schedule(step)
        if self.discriminator is not None:
            share = self.networks.param_groups[0]["lr"] / self.config.optimizer.learning_rate
            for group in self.critic.param_groups:
                group["lr"] = share * self.config.discriminator.learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """Texture, networks, and the discriminator where there is one."""
        critic = {"discriminator": self.critic} if self.discriminator is not None else {}
        return {**super().optimizers(), **critic}

    def modules(self) -> dict[str, nn.Module]:
        """The discriminator where there is one."""
        return {} if self.discriminator is None else {"discriminator": self.discriminator}


class Dnr(Deferred):
    """Deferred Neural Rendering (Thies et al., 2019): everything learns at every step."""

    config: DnrConfig

    def losses(self, output: RenderOutput, batch: Batch) -> dict[str, Tensor]:
        """L1 of the picture and of the textured mesh."""
        weights = self.config.loss
        losses = dnr_terms(output, batch, weights)
        total = [getattr(weights, name) * value for name, value in losses.items()]
        return {"loss": torch.stack(total).sum(), **losses}

    def feature_weight(self) -> float:
        """Weight of the feature loss."""
        return self.config.loss.feature

    def decay(self, level: int) -> float:
        """The fine levels pay most, so that they hold only what coarser ones cannot."""
        given = self.config.texture_decay
        return given[min(level, len(given) - 1)]


def freeze(optimizer: Optimizer, frozen: bool) -> None:
    """Whether the parameters of an optimiser take gradients."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.requires_grad_(not frozen)
