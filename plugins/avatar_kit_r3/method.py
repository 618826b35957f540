"""How `r3` is trained."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar, Batch, Method, Samples
from avatar_kit.nn import PerceptualLoss, structural_similarity
from avatar_kit.scene import GaussianCloud, RenderOutput
from avatar_kit_r3.cloud import RecordedGaussians
from avatar_kit_r3.config import R3MethodConfig, R3RatesConfig
from avatar_kit_r3.density import DensityControl, picture_gradients

#: Metres that offsets and scales are measured in, and above which a standard deviation costs.
_UNIT, _LARGE = 0.05, 0.015

#: What rates fall to, and what harmonics learn at, as shares.
_END, _HARMONICS = 0.05, 0.05


class R3(Method):
    """The person's box is compared by L1, structure and features, alpha with the mask.

    Every training frame is decoded at its own time; retrieval plays no part in the training.
    """

    config: R3MethodConfig

    def __init__(self, config: R3MethodConfig, avatar: Avatar):
        super().__init__(config, avatar)
        clouds = [n for n, e in avatar.encoders.items() if isinstance(e, RecordedGaussians)]
        if len(clouds) != 1:
            raise UserError(
                f"method 'r3' trains one encoder of type recorded_gaussians, there are "
                f"{len(clouds)} (encoders: {', '.join(avatar.encoders)})"
            )
        self.name = clouds[0]
        self.cloud = cast(RecordedGaussians, avatar.encoders[self.name])
        seen_by = len(self.cloud.setup.cameras)
        if seen_by < config.cameras:
            raise UserError(
                f"method 'r3': cameras={config.cameras}: the split 'train' has {seen_by} "
                "camera(s); use a capture with more, or give cameras=1 (surface that one camera "
                "does not see is estimated)"
            )
        groups = _groups(avatar, self.cloud, config.rates)
        self.optimizer = Adam(groups, betas=(0.9, 0.99), fused=True)
        self.density = DensityControl(config.density) if config.density else None
        self.perceptual = PerceptualLoss() if config.loss.perceptual else None

    def prepare(self, samples: Samples) -> None:
        """Begin to count for density control."""
        if self.density is not None:
            self.density.reset(len(self.cloud.offsets), self.cloud.offsets.device)

    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One update."""
        share = min(1.0, step / self.config.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * _END**share
        boxed = batch.around_person(self.config.margin)
        conditions, _ = self.avatar.encode(boxed.context, None)
        cloud = cast(GaussianCloud, conditions[self.name])
        cloud.means.retain_grad()
        output = self.avatar.renderer(conditions, boxed.context.camera)
        losses = self.losses(output, cloud, boxed)
        weights = self.config.loss.model_dump()
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.cloud.colours.clamp_(min=0)
        found = {name: value.detach() for name, value in losses.items()}
        if self.density is not None and step < self.density.config.stop:
            self._control(self.density, cloud, boxed, step)
            found["gaussians"] = torch.tensor(float(len(self.cloud.offsets)))
        return {"loss": loss.detach(), **found}

    def losses(self, output: RenderOutput, cloud: GaussianCloud, batch: Batch) -> dict[str, Tensor]:
        """Unweighted losses, those whose weight is not zero."""
        alpha, background = cast(Tensor, output.alpha), cast(Tensor, output.background)
        rgb, weights = output.rgb, self.config.loss
        free = (F.max_pool2d(batch.mask, 5, stride=1, padding=2) < 0.05).to(rgb.dtype)
        found = {
            "pixel": (rgb - batch.image).abs().mean(),
            "alpha": (alpha - batch.mask).square().mean(),
            "background": (free * (background - batch.image).abs()).mean(),
        }
        if weights.ssim:
            found["ssim"] = 1 - structural_similarity(rgb, batch.image)
        if self.perceptual is not None:
            found["perceptual"] = self.perceptual.to(rgb.device)(rgb, batch.image)
        if weights.offset:
            found["offset"] = (cloud.extras["offset"] / _UNIT).square().mean()
        if weights.scale:
            found["scale"] = ((cloud.extras["scale"] - _LARGE).clamp(min=0) / _UNIT).mean()
        return found

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam."""
        return {"adam": self.optimizer}

    def modules(self) -> dict[str, nn.Module]:
        """What density control has counted."""
        return {} if self.density is None else {"density": self.density}

    def facts(self) -> dict[str, str]:
        """Which network the perceptual loss rests on."""
        return {} if self.perceptual is None else {"perceptual loss": self.perceptual.source}

    @torch.no_grad()
    def _control(
        self, density: DensityControl, cloud: GaussianCloud, batch: Batch, step: int
    ) -> None:
        gradients, cameras = cast(Tensor, cloud.means.grad), batch.context.camera
        for b in range(len(batch)):
            camera = cameras[b] if len(cameras) > 1 else cameras
            lengths = picture_gradients(gradients[b], cloud.means[b], camera)
            density.count(lengths, cloud.opacities[b])
        if density.due(step):
            time = self.cloud.training_poses.times[batch.context.index[0]]
            density.round(self.cloud, time, [self.optimizer])


def _groups(avatar: Avatar, cloud: RecordedGaussians, rates: R3RatesConfig) -> list[dict]:
    """Groups of Adam: who learns at which rate."""
    planes = cloud.record.tables
    kept = {id(table) for table in planes}
    decoder: list[Tensor] = [p for p in cloud.record.parameters() if id(p) not in kept]
    own: dict[str, tuple[list[Tensor], float, float]] = {
        "planes": (planes, rates.planes, 1e-8),
        "decoder": (decoder, rates.decoder, 1e-8),
        "rig": (list(cloud.rig.parameters()), rates.rig, 1e-8),
        "offsets": ([cloud.offsets], rates.offset, 1e-5),
        "colours": ([cloud.colours], rates.colour, 1e-6),
        "harmonics": ([cloud.harmonics], _HARMONICS * rates.colour, 1e-6),
    }
    taken = {id(p) for parameters, _, _ in own.values() for p in parameters}
    rest = [p for part in (avatar.encoders, avatar.renderer) for p in part.parameters()]
    own["rest"] = ([p for p in rest if id(p) not in taken], rates.colour, 1e-6)
    return [
        {"params": learned, "lr": rate, "peak": rate, "eps": eps}
        for parameters, rate, eps in own.values()
        if (learned := [p for p in parameters if p.requires_grad])
    ]
