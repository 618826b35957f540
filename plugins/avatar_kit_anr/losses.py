"""The losses of ANR (equations 3 to 7) and DNR as pure functions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.interfaces import Batch
from avatar_kit.scene import RenderOutput
from avatar_kit_anr.config import DnrLossConfig
from avatar_kit_anr.cropping import person_window


def masked_l1(picture: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference, weighted by a mask that takes no gradient (equation 3).

    The loss would be least for an empty mask: detached, it tells where to look and learns nothing.
    """
    return (mask.detach() * (picture - truth).abs()).mean()


def total_variation(picture: Tensor) -> Tensor:
    """Mean absolute difference of neighbours along x, plus that along y (equation 6)."""
    along_x = (picture[..., 1:] - picture[..., :-1]).abs().mean()
    along_y = (picture[..., 1:, :] - picture[..., :-1, :]).abs().mean()
    return along_x + along_y


def feature_loss(network: nn.Module, rgb: Tensor, batch: Batch, crop: int | None) -> Tensor:
    """Perceptual distance (equation 5), of the whole picture or of a window around the person."""
    if crop is None or crop >= min(rgb.shape[-2:]):
        return network(rgb, batch.image)
    pairs = []
    for b in range(len(rgb)):
        left, top = person_window(batch.mask[b, 0], crop)
        window = (slice(b, b + 1), ..., slice(top, top + crop), slice(left, left + crop))
        pairs.append((rgb[window], batch.image[window]))
    rendered, recorded = zip(*pairs, strict=True)
    return network(torch.cat(rendered), torch.cat(recorded))


def anr_terms(output: RenderOutput, batch: Batch) -> dict[str, Tensor]:
    """Every unweighted term that needs no network."""
    rgb = output.rgb.float()
    terms = {}
    if output.alpha is not None and output.person is not None:
        alpha = output.alpha.float()
        terms["pixel"] = masked_l1(output.person.float(), batch.image, alpha)
        for name in output.auxiliary:
            colours, counts = auxiliary(output, name)
            terms["pixel"] = terms["pixel"] + masked_l1(colours, batch.image, alpha * counts)
    if output.alpha_logit is not None:
        logit = output.alpha_logit.float()
        terms["mask"] = F.binary_cross_entropy_with_logits(logit, batch.mask)
    terms["tv_image"] = total_variation(rgb)
    if output.alpha is not None:
        terms["tv_mask"] = total_variation(output.alpha.float())
    terms["composite"] = (rgb - batch.image).abs().mean()
    return terms


def dnr_terms(output: RenderOutput, batch: Batch, weights: DnrLossConfig) -> dict[str, Tensor]:
    """L1 of the picture, and of the textured mesh where it is seen."""
    terms = {"pixel": (output.rgb.float() - batch.image).abs().mean()}
    if weights.texture:
        pairs = [auxiliary(output, name) for name in output.auxiliary]
        found = [masked_l1(colours, batch.image, counts) for colours, counts in pairs]
        terms["texture"] = torch.stack(found).sum()
    return terms


def auxiliary(output: RenderOutput, name: str) -> tuple[Tensor, Tensor]:
    """Colours [B, 3, H, W] of an auxiliary picture, and [B, 1, H, W] where they count."""
    colours, counts = output.auxiliary[name].float().split([3, 1], dim=1)
    return colours, counts
