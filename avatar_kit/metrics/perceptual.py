"""Shift-tolerant LPIPS and its temporal twin."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from avatar_kit.config import MetricConfig
from avatar_kit.metrics.average import FrameMean
from avatar_kit.nn import perceptual


@cache
def shared_distance() -> perceptual.StLpips:
    """The one network that every metric of this process uses."""
    return perceptual.StLpips("alex")


#: Features of pictures that are still alive, with the version of the tensor they were made from.
_FEATURES: MutableMapping[Tensor, tuple[int, list[Tensor]]] = WeakTensorKeyDictionary()


def shared_features(pictures: Tensor) -> list[Tensor]:
    """Unit features of pictures [B, 3, H, W] in [0, 1], computed once for a living tensor.

    A frame is compared by several metrics and with several candidates: the network is what costs.
    """
    version = 0 if pictures.is_inference() else pictures._version
    known = _FEATURES.get(pictures)
    if known is None or known[0] != version:
        known = (version, shared_distance().to(pictures.device).features(pictures))
        _FEATURES[pictures] = known
    return known[1]


class StLpips(FrameMean):
    """Shift-tolerant LPIPS with AlexNet; not comparable to LPIPS."""

    higher_is_better: ClassVar[bool] = False

    def __init__(self, config: MetricConfig):
        super().__init__(config)
        self._distance = shared_distance()
        self.weights_sha256 = self._distance.sha256

    @torch.inference_mode()
    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        """[B] distances, 0 for equal pictures."""
        return self._distance.distance(shared_features(prediction), shared_features(target))


class StTlpips(StLpips):
    """Temporal twin (TecoGAN's tLP on our distance): does the prediction flicker?

    100 x the mean over frames of |d(p[t-1], p[t]) - d(g[t-1], g[t])|, where p is the prediction, g
    the ground truth and d the distance of :class:`StLpips`. Pairs never span two clips.
    """

    @torch.inference_mode()
    def update(self, prediction: Tensor, target: Tensor, *, new_clip: bool = False) -> None:
        """Take in the next frames; the pair with the frame before counts unless ``new_clip``."""
        steps = []
        for name, frames in (("p", prediction), ("g", target)):
            features = shared_features(frames)
            before = self._last.get(name)
            if before is not None and not new_clip:
                features = [torch.cat(pair) for pair in zip(before, features, strict=True)]
            self._last[name] = [f[-1:].clone() for f in features]
            then, now = [f[:-1] for f in features], [f[1:] for f in features]
            steps.append(self._distance.distance(then, now))
        found = (100 * (steps[0] - steps[1]).abs()).double().tolist()
        self._scores += found
        self._values += [math.nan] * (len(target) - len(found)) + found

    def frame_values(self) -> list[float]:
        """The change at every frame; NaN at the first of a clip."""
        return list(self._values)

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._last: dict[str, list[Tensor]] = {}
        self._values: list[float] = []
