"""Config of Motion Distribution Align. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from avatar_kit.config import AlignerConfig, Config


class PriorConfig(Config):
    """How the pose prior is learned from a corpus. Weights of losses as in VPoser V02_05."""

    steps: int = Field(default=2000, ge=1, le=1_000_000_000, description="Updates.")
    batch: int = Field(default=512, ge=2, le=65_536, description="Poses per update.")
    learning_rate: float = Field(default=1e-3, gt=0, description="Learning rate of Adam.")
    weight_decay: float = Field(default=1e-5, ge=0, description="Weight decay of Adam.")
    divergence: float = Field(
        default=5e-3, ge=0, description="Weight of the KL divergence, per pose."
    )
    rotation: float = Field(
        default=10.0, ge=0, description="Weight of the mean angle of joints, radians."
    )
    position: float = Field(
        default=20.0, ge=0, description="Weight of the mean distance of joints, metres."
    )
    validate_every: int = Field(
        default=100,
        ge=1,
        le=1_000_000_000,
        description="Updates between evaluations on held-out clips.",
    )
    patience: int = Field(
        default=5,
        ge=0,
        le=1_000_000_000,
        description="Evaluations without progress before the rate is halved.",
    )
    distinct: float = Field(
        default=4.0,
        ge=0,
        description="Least rotation of some joint between two poses of a clip, degrees.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="Seed of weights, batches and the embedded corpus."
    )


class FitConfig(Config):
    """How the decoder learns the avatar's own poses."""

    steps: int = Field(default=1000, ge=1, le=1_000_000_000, description="Updates.")
    batch: int = Field(default=128, ge=2, le=65_536, description="Poses per update.")
    learning_rate: float = Field(
        default=1e-3,
        gt=0,
        description="Learning rate of Adam; falls to zero with a cosine schedule.",
    )
    weight_decay: float = Field(default=1e-3, ge=0, description="Weight decay of Adam.")
    own_history: float = Field(
        default=0.4, ge=0, le=1, description="Share of histories made of the decoder's own poses."
    )
    history_noise: float = Field(
        default=0.02, ge=0, description="Deviation of noise on the history."
    )
    history_dropout: float = Field(
        default=0.1, ge=0, le=1, description="Share of histories set to zero."
    )
    code_noise: float = Field(
        default=0.5, ge=0, description="Noise on the latent code, in deviations of the encoder."
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of weights and batches.")


class MdaConfig(AlignerConfig):
    """Motion Distribution Align: reconstruct each pose from poses the avatar has seen."""

    type: Literal["mda"] = "mda"
    prior: Path | None = Field(
        None,
        description="File of 'avatar-kit aligner train'; null: one is learned from the embedded "
        "procedural corpus, and kept in the cache.",
    )
    latent: int = Field(32, ge=1, le=4096, description="Numbers of the latent code.")
    width: int = Field(512, ge=4, le=4096, description="Width of the hidden layers.")
    learn_prior: PriorConfig = Field(
        default_factory=PriorConfig, description="Learning of the prior."
    )
    learn_avatar: FitConfig = Field(
        default_factory=FitConfig, description="Learning of the avatar's poses."
    )
