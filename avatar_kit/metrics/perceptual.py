"""Shift-tolerant LPIPS and its temporal twin."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from avatar_kit.config import MetricConfig
from avatar_kit.metrics.average import FrameMean
from avatar_kit.nn import perceptual


class StLpips(FrameMean):
    """Shift-tolerant LPIPS with AlexNet; not comparable to LPIPS."""

    higher_is_better: ClassVar[bool] = False

    def __init__(self, config: MetricConfig):
        super().__init__(config)
        self._distance = perceptual.StLpips("alex")
        self.weights_sha256 = self._distance.sha256

    @torch.inference_mode()
    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        """[B] distances, 0 for equal pictures."""
        return self._distance.to(target.device)(prediction, target)


class StTlpips(StLpips):
    """Temporal twin (TecoGAN's tLP on our distance): does the prediction flicker?

    100 x the mean over frames of |d(p[t-1], p[t]) - d(g[t-1], g[t])|, where p is the prediction, g
    the ground truth and d the distance of :class:`StLpips`. Pairs never span two clips.
    """

    @torch.inference_mode()
    def update(self, prediction: Tensor, target: Tensor, *, new_clip: bool = False) -> None:
        """Take in the next frames; the pair with the frame before counts unless ``new_clip``."""
        distance = self._distance.to(target.device)
        steps = []
        for name, frames in (("p", prediction.clamp(0, 1)), ("g", target)):
            features = distance.features(frames)
            before = self._last.get(name)
            if before is not None and not new_clip:
                features = [torch.cat(pair) for pair in zip(before, features, strict=True)]
            self._last[name] = [f[-1:].clone() for f in features]
            steps.append(distance.distance([f[:-1] for f in features], [f[1:] for f in features]))
        self._scores += (100 * (steps[0] - steps[1]).abs()).double().tolist()

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._last: dict[str, list[Tensor]] = {}
