"""How `splat` is trained."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Adam, Optimizer

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar, Batch, Method
from avatar_kit.nn import structural_similarity
from avatar_kit.scene import RenderOutput
from avatar_kit_splat.cloud import SurfaceGaussians
from avatar_kit_splat.config import SplatMethodConfig

#: Steps between two looks at what keeps the Gaussians in order; each counts for all of them.
_ORDER_EVERY = 4

#: Metres that offsets and scales are measured in.
_UNIT = 0.05

#: Metres above which a standard deviation costs.
_LARGE = 0.015


class Splat(Method):
    """The person's box is compared by L1 and structural similarity, alpha with the mask.

    Where Gaussians are rarely seen, Adam with the usual epsilon would take full steps of noise, and
    unseen sides become camouflage: the epsilons here are larger than their gradients.
    """

    config: SplatMethodConfig

    def __init__(self, config: SplatMethodConfig, avatar: Avatar):
        super().__init__(config, avatar)
        clouds = [e for e in avatar.encoders.values() if isinstance(e, SurfaceGaussians)]
        if len(clouds) != 1:
            raise UserError(
                f"method 'splat' trains one encoder of type surface_gaussians, there are "
                f"{len(clouds)} (encoders: {', '.join(avatar.encoders)})"
            )
        self.cloud = clouds[0]
        rates, cloud = config.rates, self.cloud
        own = {
            "offsets": (rates.offset, 0.05, 1e-5),
            "log_scales": (rates.scale, 0.2, 1e-6),
            "quaternions": (rates.rotation, 0.2, 1e-6),
            "opacities": (rates.opacity, 0.2, 1e-6),
            "colours": (rates.colour, 0.05, 1e-6),
            "ambient": (rates.colour, 0.05, 1e-6),
            "direct": (rates.colour, 0.05, 1e-6),
        }
        groups = [
            {"params": [getattr(cloud, name)], "peak": peak, "end": end, "eps": eps}
            for name, (peak, end, eps) in own.items()
        ]
        mine = {id(p) for p in cloud.parameters()}
        parts = (avatar.encoders, avatar.renderer)
        rest = [p for part in parts for p in part.parameters() if id(p) not in mine]
        if rest:
            groups.append({"params": rest, "peak": rates.colour, "end": 0.05, "eps": 1e-6})
        self.optimizer = Adam(
            [{**g, "lr": g["peak"]} for g in groups], betas=(0.9, 0.99), fused=True
        )

    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One update."""
        share = min(1.0, step / self.config.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * group["end"] ** share
        boxed = batch.around_person(self.config.margin)
        losses = self.losses(self.avatar(boxed.context), boxed)
        if step % _ORDER_EVERY == 0:
            losses |= self.order()
        weights = self.config.loss.model_dump() | {"background": 1.0}
        factor = {name: _ORDER_EVERY for name in _ORDER}
        loss = torch.stack(
            [weights[name] * factor.get(name, 1) * value for name, value in losses.items()]
        ).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.cloud.colours.clamp_(min=0)  # a file of Gaussians has no darker colour than black
        return {"loss": loss.detach(), **{name: v.detach() for name, v in losses.items()}}

    def losses(self, output: RenderOutput, batch: Batch) -> dict[str, Tensor]:
        """Unweighted losses of the pictures."""
        alpha, background = cast(Tensor, output.alpha), cast(Tensor, output.background)
        rgb = output.rgb
        # what is uncovered teaches the shadow on the scene, and the Gaussians through rgb
        free = (F.max_pool2d(batch.mask, 5, stride=1, padding=2) < 0.05).to(rgb.dtype)
        return {
            "pixel": (rgb - batch.image).abs().mean(),
            "ssim": 1 - structural_similarity(rgb, batch.image),
            "alpha": (alpha - batch.mask).abs().mean(),
            "background": (free * (background - batch.image).abs()).mean(),
        }

    def order(self) -> dict[str, Tensor]:
        """Unweighted losses of the Gaussians: neighbours alike, offsets short, none large."""
        cloud = self.cloud
        # one random neighbour of each: the gradient of all is the same on average
        which = torch.randint(cloud.neighbours.shape[1], (len(cloud.neighbours), 1))
        other = cloud.neighbours.gather(1, which.to(cloud.neighbours.device))[:, 0]
        offsets, colours = cloud.offsets / _UNIT, cloud.colours
        return {
            "smooth_offset": (offsets - offsets[other]).abs().mean(),
            "offset": offsets.square().mean(),
            "scale": ((cloud.log_scales.exp() - _LARGE).clamp(min=0) / _UNIT).mean(),
            "smooth_colour": (colours - colours[other]).abs().mean(),
            "opacity": torch.sigmoid(cloud.opacities).mean(),
        }

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam."""
        return {"adam": self.optimizer}


_ORDER = ("smooth_offset", "offset", "scale", "smooth_colour", "opacity")
