"""Pose encoder and decoders: VPoser's layers on six numbers a joint."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from avatar_kit.scene.joints import BODY_JOINTS

#: Numbers of a pose: six a body joint.
POSE = 6 * len(BODY_JOINTS)

#: Of the variance in the first normalisation. A joint that hardly moves in the corpus (some files
#: never bend spine2) must not be blown up when a driving motion moves it.
_FLOOR = 1e-2
#: Keeps the logarithm in the divergence finite.
_LEAST_SPREAD = 1e-4


class PoseEncoder(nn.Module):
    """Pose to the normal distribution of its latent code.

    Fully connected layers between two batch normalisations, as in VPoser V02_05.

    Args:
        latent: Size of the code.
        width: Size of the hidden layers.
    """

    def __init__(self, latent: int, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm1d(POSE, eps=_FLOOR),
            nn.Linear(POSE, width),
            nn.LeakyReLU(),
            nn.BatchNorm1d(width),
            nn.Dropout(0.1),
            nn.Linear(width, width),
            nn.Linear(width, width),
        )
        self.mean = nn.Linear(width, latent)
        self.spread = nn.Linear(width, latent)

    def forward(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Poses [B, 126] to mean and standard deviation [B, latent]."""
        hidden = self.body(pose)
        return self.mean(hidden), softplus(self.spread(hidden)) + _LEAST_SPREAD


class PoseDecoder(nn.Sequential):
    """Latent codes [B, latent] to poses [B, 126], not orthonormal yet."""

    def __init__(self, latent: int, width: int):
        super().__init__(
            nn.Linear(latent, width),
            nn.LeakyReLU(),
            nn.Dropout(0.1),
            nn.Linear(width, width),
            nn.LeakyReLU(),
            nn.Linear(width, POSE),
        )


class PosePrior(nn.Module):
    """The variational autoencoder that knows poses of many people."""

    def __init__(self, latent: int, width: int):
        super().__init__()
        self.encoder = PoseEncoder(latent, width)
        self.decoder = PoseDecoder(latent, width)

    def forward(
        self, pose: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decoded pose [B, 126], mean and deviation of the code [B, latent].

        Args:
            pose: [B, 126].
            generator: Of the noise in training; outside of it the mean is decoded.
        """
        mean, spread = self.encoder(pose)
        code = mean
        if self.training:
            noise = torch.randn(mean.shape, generator=generator, device=mean.device)
            code = mean + spread * noise
        return self.decoder(code), mean, spread


class ConditionalDecoder(nn.Module):
    """Latent code and the poses before to the next pose of one avatar.

    Args:
        latent: Size of the code.
        history: Number of poses before.
        width: Size of the hidden layers.
    """

    def __init__(self, latent: int, history: int, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent + history * POSE, width),
            nn.LeakyReLU(),
            nn.Linear(width, width),
            nn.LeakyReLU(),
            nn.Linear(width, POSE),
        )

    def forward(self, code: Tensor, before: Tensor) -> Tensor:
        """Codes [B, latent] and poses before [B, history, 126], oldest first, to poses [B, 126]."""
        return self.layers(torch.cat((code, before.flatten(1)), dim=1))
