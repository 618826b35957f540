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
        quaternions: [B, N, 4] wxyz, unit length.
        scales: [B, N, 3] standard deviations in metres.
        opacities: [B, N] in [0, 1].
        features: [B, N, C] colours or features.
    """

    means: Tensor
    quaternions: Tensor
    scales: Tensor
    opacities: Tensor
    features: Tensor


Condition = FeatureMap | Vector | GaussianCloud
