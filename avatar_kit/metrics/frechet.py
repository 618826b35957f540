"""Fréchet distances between the features of rendered and of true pictures.

Both sets of features are taken for Gaussian; their distance (Dowson and Landau 1982; Heusel et al.
2017, equation 6) is

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

The estimate is biased upwards and the bias shrinks with the number of frames; with fewer frames
than features the covariances are singular. So values compare only at equal numbers of frames.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cache
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from avatar_kit.config import MetricConfig
from avatar_kit.errors import MetricUnavailable
from avatar_kit.interfaces import Metric
from avatar_kit.metrics.inception import Inception
from avatar_kit.metrics.perceptual import shared_distance, shared_features
from avatar_kit.nn.weights import hub_folder, load_genuine

#: One file under two names: as pytorch-fid and as torch-fidelity publish it.
INCEPTION_FILES = (
    "pt_inception-2015-12-05-6726825d.pth",
    "weights-inception-2015-12-05-6726825d.pth",
)
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
_INCEPTION_URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"


class Moments:
    """Mean and covariance of a stream of vectors, in float64 (Chan et al. 1983).

    Attributes:
        n: How many vectors were taken in.
        mean: [D]
    """

    def __init__(self) -> None:
        self.n = 0
        self.mean = torch.zeros(())
        self._scatter = torch.zeros(())

    def add(self, vectors: Tensor) -> None:
        """Take in vectors [B, D]."""
        vectors = vectors.double()
        count, mean = len(vectors), vectors.mean(0)
        centred = vectors - mean
        if self.n == 0:
            self.mean, self._scatter = torch.zeros_like(mean), mean.new_zeros(len(mean), len(mean))
        step = mean - self.mean
        total = self.n + count
        self._scatter.addmm_(centred.T, centred)
        self._scatter.addr_(step, step, alpha=self.n * count / total)
        self.mean = self.mean + step * (count / total)
        self.n = total

    def covariance(self) -> Tensor:
        """[D, D], unbiased: needs two vectors."""
        return self._scatter / (self.n - 1)


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Squared Fréchet (Wasserstein-2) distance between two Gaussians.

    With C = A A^T the trace of (C1 C2)^(1/2) is the sum of the singular values of A1^T A2. That
    holds for singular covariances too, never leaves the real numbers, and loses no digits to a
    square.

    Args:
        mean1: [D] float64.
        cov1: [D, D] float64, symmetric and positive semidefinite.
        mean2: [D] likewise.
        cov2: [D, D] likewise.
    """
    cross = torch.linalg.svdvals(_factor(cov1).T @ _factor(cov2)).sum()
    distance = (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * cross
    return max(0.0, distance.item())


def _factor(matrix: Tensor) -> Tensor:
    """[D, R] A with A A^T = matrix of rank R; what rounding left in its null space is dropped."""
    values, vectors = torch.linalg.eigh(matrix)
    kept = values > values[-1] * len(values) * torch.finfo(values.dtype).eps
    return vectors[:, kept] * values[kept].sqrt()


class Frechet(Metric):
    """The distance between what two sets of pictures look like to a network.

    Subclasses give :meth:`features`. Memory does not grow with the number of frames. NaN below two
    frames.
    """

    higher_is_better: ClassVar[bool] = False

    def __init__(self, config: MetricConfig):
        super().__init__(config)
        self.reset()

    @abstractmethod
    def features(self, pictures: Tensor) -> Tensor:
        """[B, D] of pictures [B, 3, H, W] in [0, 1]."""

    @torch.inference_mode()
    def update(self, prediction: Tensor, target: Tensor, *, new_clip: bool = False) -> None:
        """Take in the next frames, in [0, 1]."""
        self._prediction.add(self.features(prediction))
        self._target.add(self.features(target))

    def compute(self) -> float:
        """The distance between all predictions and all targets."""
        p, t = self._prediction, self._target
        if p.n < 2:
            return math.nan
        return frechet_distance(p.mean, p.covariance(), t.mean, t.covariance())

    def reset(self) -> None:
        """Forget everything."""
        self._prediction, self._target = Moments(), Moments()


class FrechetAlex(Frechet):
    """Fréchet distance on the bundled shift-tolerant AlexNet. **Not FID**, nor comparable to it.

    Features are the 256 channels of the last stage, each pixel's vector scaled to length 10 (which
    brings the distance to about the range 0.1 to 10), averaged over the picture. With fewer than
    257 frames the covariances are singular: compare only at equal numbers of frames.
    """

    def __init__(self, config: MetricConfig):
        super().__init__(config)
        self.weights_sha256 = shared_distance().sha256

    def features(self, pictures: Tensor) -> Tensor:
        """[B, 256]"""
        return 10 * shared_features(pictures)[-1].mean((2, 3))


class FidInception(Frechet):
    """FID (Heusel et al. 2017): 2048 features of the genuine Inception network.

    Pictures are rounded to 8 bits and resized as in the original graph. Published FIDs use tens of
    thousands of pictures; with a test split's few hundred the bias is large.

    Raises:
        MetricUnavailable: The weights are not in torch's hub folder.
        UserError: The file there is not the genuine one.
    """

    weights_sha256 = INCEPTION_SHA256

    def __init__(self, config: MetricConfig):
        super().__init__(config)
        places = [hub_folder() / name for name in INCEPTION_FILES]
        path = next((p for p in places if p.exists()), None)
        if path is None:
            raise MetricUnavailable(
                f"{places[0]}: missing; fid_inception needs it: put "
                f"{_INCEPTION_URL}{INCEPTION_FILES[0]} there"
            )
        self._network = _inception(path)

    def features(self, pictures: Tensor) -> Tensor:
        """[B, 2048]"""
        return self._network.to(pictures.device)(pictures)


@cache
def _inception(path: Path) -> Inception:
    return Inception(
        load_genuine(path, INCEPTION_SHA256, "remove it, or put the genuine one there")
    )
