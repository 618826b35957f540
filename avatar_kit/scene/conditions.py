"""What encoders hand to renderers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

ConditionKind = Literal["feature_map", "gaussians", "vector"]


@dataclass(frozen=True)
class ConditionSpec:
    """What an encoder yields: the kind, and the number of channels (or the vector size)."""

    kind: ConditionKind
    channels: int


@dataclass(frozen=True)
class FeatureMap:
    """An image of features: ``values`` [B, C, H, W]."""

    values: Tensor


@dataclass(frozen=True)
class Vector:
    """One vector per frame: ``values`` [B, C]."""

    values: Tensor


@dataclass(frozen=True)
class GaussianCloud:
    """A cloud of N anisotropic Gaussians per frame, gsplat's parameterisation.

    Quaternions and scales, or covariances, give the shape. Features, or spherical harmonics if the
    colour depends on the view direction, give the colour.

    Attributes:
        means: [B, N, 3] world metres.
        quaternions: [B, N, 4] wxyz, of any length but 0; None with ``covariances``.
        scales: [B, N, 3] standard deviations in metres; None with ``covariances``.
        opacities: [B, N] in [0, 1].
        features: [B, N, C] colours in [0, 1] or features of any range; None with
            ``spherical_harmonics``.
        covariances: [B, N, 3, 3] symmetric, square metres.
        spherical_harmonics: [B, N, K, C] coefficients, K = 1, 4, 9 or 16 for degrees 0 to 3; the
            colour is ``max(0, sum_k c_k Y_k + 0.5)``.
        visible: [B, N] bool, which Gaussians to draw. An encoder that knows which ones face away
            can save the renderer their cost. None: all.
        extras: Name -> [B, ...], further values for the losses of a method, such as offsets.
            Renderers ignore them.

    Raises:
        ValueError: Not exactly one of quaternions with scales and covariances is given, or not
            exactly one of features and spherical harmonics.
    """

    means: Tensor
    quaternions: Tensor | None
    scales: Tensor | None
    opacities: Tensor
    features: Tensor | None = None
    covariances: Tensor | None = None
    spherical_harmonics: Tensor | None = None
    visible: Tensor | None = None
    extras: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self):
        turned = self.quaternions is not None
        scaled = self.scales is not None
        if turned != scaled or turned == (self.covariances is not None):
            raise ValueError("a GaussianCloud has quaternions and scales, or covariances instead")
        if (self.features is None) == (self.spherical_harmonics is None):
            raise ValueError("a GaussianCloud has features, or spherical_harmonics instead")


Condition = FeatureMap | Vector | GaussianCloud
