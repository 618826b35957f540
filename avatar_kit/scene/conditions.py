"""What encoders hand to renderers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

ConditionKind = Literal["feature_map", "gaussians", "vector"]


@dataclass(frozen=True)
class ConditionSpec:
    """What an encoder promises to yield: the kind, and its channels (or vector size)."""

    kind: ConditionKind
    channels: int


@dataclass(frozen=True)
class FeatureMap:
    """An image of features: ``values`` [B, C, H, W]."""

    values: Tensor


@dataclass(frozen=True)
class Vector:
    """One vector a frame: ``values`` [B, C]."""

    values: Tensor


@dataclass(frozen=True)
class GaussianCloud:
    """A cloud of N anisotropic Gaussians per frame, gsplat's parameterisation.

    Attributes:
        means: [B, N, 3] world metres.
        quaternions: [B, N, 4] wxyz; None with ``covariances``.
        scales: [B, N, 3] standard deviations in metres; None with ``covariances``.
        opacities: [B, N] in [0, 1].
        features: [B, N, C] colours or features.
        covariances: [B, N, 3, 3] square metres, instead of quaternions and scales.
    """

    means: Tensor
    quaternions: Tensor | None
    scales: Tensor | None
    opacities: Tensor
    features: Tensor
    covariances: Tensor | None = None


Condition = FeatureMap | Vector | GaussianCloud
