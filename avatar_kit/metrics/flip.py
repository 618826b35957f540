"""LDR-FLIP by its makers' package, an optional extra."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from avatar_kit.config import MetricConfig
from avatar_kit.errors import MetricUnavailable
from avatar_kit.metrics.average import FrameMean
from avatar_kit.nn.weights import package_folder

#: How much of the eye's field a pixel fills. The package's default: a screen of 3840 pixels that
#: is 0.7 m wide, seen from 0.7 m. Values at another number do not compare.
PIXELS_PER_DEGREE = 3840 * np.pi / 180


class Flip(FrameMean):
    """LDR-FLIP (Andersson et al. 2020): the mean of its error map, 0 equal, 1 black on white.

    Pictures are taken for sRGB and seen at 67 pixels per degree.

    Raises:
        MetricUnavailable: The package ``flip-evaluator`` is not installed.
    """

    higher_is_better: ClassVar[bool] = False

    def __init__(self, config: MetricConfig):
        super().__init__(config)
        if package_folder("flip_evaluator") is None:
            raise MetricUnavailable(
                "flip needs the package 'flip-evaluator', which is not installed: "
                'run  pip install "avatar-kit[metrics]"'
            )

    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        """[B] in [0, 1]."""
        from flip_evaluator import evaluate

        values = []
        for image, reference in zip(_arrays(prediction), _arrays(target), strict=True):
            _, value, _ = evaluate(
                reference,
                image,
                "LDR",
                applyMagma=False,
                parameters={"ppd": PIXELS_PER_DEGREE},
            )
            values.append(value)
        return torch.tensor(values, dtype=torch.float64)


def _arrays(pictures: Tensor) -> np.ndarray:
    """[B, H, W, 3] float32 in [0, 1]."""
    channels_last = pictures.detach().clamp(0, 1).permute(0, 2, 3, 1)
    return np.ascontiguousarray(channels_last.float().cpu().numpy())
