"""How `mmlp` is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import AdamW, Optimizer

from avatar_kit.errors import UserError
from avatar_kit.graphics import host_copy
from avatar_kit.interfaces import Avatar, Batch, Method
from avatar_kit.nn import StLpips
from avatar_kit.scene import GaussianCloud, RenderOutput
from avatar_kit_mmlp.cloud import MlpGaussians
from avatar_kit_mmlp.config import MmlpMethodConfig
from avatar_kit_mmlp.losses import (
    control_smoothness,
    cut,
    large_scales,
    outline,
    patch_window,
    person_window,
)


class Mmlp(Method):
    """L1 and a perceptual distance on the person; control points alike, no Gaussian large."""

    config: MmlpMethodConfig

    def __init__(self, config: MmlpMethodConfig, avatar: Avatar):
        super().__init__(config, avatar)
        clouds = {n: e for n, e in avatar.encoders.items() if isinstance(e, MlpGaussians)}
        if len(clouds) != 1:
            raise UserError(
                f"method 'mmlp' trains one encoder of type mlp_gaussians, there are "
                f"{len(clouds)} (encoders: {', '.join(avatar.encoders)})"
            )
        self.name, self.cloud = next(iter(clouds.items()))
        found = len(self.cloud.setup.cameras)
        if found < config.cameras:
            raise UserError(
                f"method 'mmlp': cameras: the config requires at least {config.cameras} training "
                f"cameras, but the capture's split 'train' has {found}; give a capture with "
                f"more, or  cameras={found}  to train with fewer"
            )
        device = avatar.shape.device
        self.perceptual = StLpips("vgg").to(device) if config.loss.perceptual else None
        rates = config.rates
        self.optimizer = AdamW(
            self._groups(),
            betas=(0.9, rates.beta2),
            eps=rates.epsilon,
            weight_decay=0.0,
            fused=True,
        )

    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One update."""
        schedule, cloud = self.config.schedule, self.cloud
        for live, first in (
            (cloud.live_bases, schedule.bases),
            (cloud.live_harmonics, schedule.harmonics),
        ):
            if bool(host_copy(live)) != (step >= first):
                live.fill_(step >= first)
        share = min(1.0, step / self.config.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * group["end"] ** share
        boxed = cut(batch, person_window(batch.mask, self.config.margin))
        losses = self.losses(boxed, step)
        weights = self.config.loss.model_dump() | {"background": 1.0}
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.detach(), **{name: v.detach() for name, v in losses.items()}}

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Unweighted losses of one step."""
        weights, context = self.config.loss, batch.context
        conditions, _ = self.avatar.encode(context, None)
        cloud = cast(GaussianCloud, conditions[self.name])
        output = self.avatar.renderer(conditions, context.camera)
        painted, wanted = self._compared(output, batch)
        background = cast(Tensor, output.background)
        # what is uncovered teaches the shadow on the scene
        free = (F.max_pool2d(batch.mask, 5, stride=1, padding=2) < 0.05).to(painted)
        found = {
            "pixel": (painted - wanted).abs().mean(),
            "background": (free * (background - batch.image).abs()).mean(),
            "smooth": control_smoothness(cloud.extras["control_offsets"], self.cloud.near_controls),
            "scale": large_scales(cloud.extras["scales"], weights.large),
        }
        if weights.alpha:
            found["alpha"] = (cast(Tensor, output.alpha) - batch.mask).abs().mean()
        if self.perceptual is not None and step >= self.config.schedule.perceptual:
            random = step >= self.config.schedule.patches
            height, width = painted.shape[-2:]
            rows, columns = patch_window(height, width, weights.patch, random)
            pair = (v[..., rows, columns] for v in (painted, wanted))
            found["perceptual"] = self.perceptual(*pair).mean()
        return found

    def _compared(self, output: RenderOutput, batch: Batch) -> tuple[Tensor, Tensor]:
        """What was painted and what it should be, [B, 3, H, W] each."""
        painted, wanted, scene = output.rgb, batch.image, cast(Tensor, output.background)
        if self.config.random_background:
            scene = torch.rand(len(wanted), 3, 1, 1, device=wanted.device)
            alpha, mask = cast(Tensor, output.alpha), batch.mask
            painted = alpha * cast(Tensor, output.person) + (1 - alpha) * scene
            wanted = mask * wanted + (1 - mask) * scene
        if radius := self.config.loss.boundary:
            hidden, scene = outline(batch.mask, radius), scene.detach()
            painted, wanted = (torch.where(hidden, scene, v) for v in (painted, wanted))
        return painted, wanted

    def optimizers(self) -> dict[str, Optimizer]:
        """One AdamW; only the MLPs' weights decay."""
        return {"adam": self.optimizer}

    def facts(self) -> dict[str, str]:
        """Which network the perceptual loss rests on."""
        return {"perceptual loss": "stlpips_pytorch-vgg16"} if self.perceptual else {}

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters with their rates."""
        rates, cloud = self.config.rates, self.cloud
        end, controls_end = rates.end, rates.controls_end
        decay, epsilon = {"weight_decay": rates.mlp_decay}, {"eps": rates.offset_epsilon}
        rows: list[tuple[Sequence[Tensor], float, float, dict[str, float]]] = [
            ([cloud.control_offsets], rates.controls, controls_end, {}),
            ([cloud.control_basis], rates.control_basis, controls_end, {}),
            ([cloud.log_scales, cloud.quaternions], rates.shape, end, {}),
            ([cloud.opacities], rates.opacity, end, {}),
            ([cloud.sh0], rates.colour, end, {}),
            ([cloud.sh1], rates.harmonics, end, {}),
            ([cloud.free], rates.offset, end, epsilon),
            ([cloud.basis], rates.basis, 1.0, {}),
            ([cloud.sh1_basis], rates.harmonics_basis, 1.0, {}),
            (list(cloud.mlps.parameters()), rates.mlp, end, decay),
        ]
        mine = {id(p) for values, *_ in rows for p in values}
        parts = (self.avatar.encoders, self.avatar.renderer)
        rest = [p for part in parts for p in part.parameters() if id(p) not in mine]
        if rest:
            rows.append((rest, rates.light, end, {}))
        return [
            {"params": values, "lr": peak, "peak": peak, "end": share, **more}
            for values, peak, share, more in rows
        ]
