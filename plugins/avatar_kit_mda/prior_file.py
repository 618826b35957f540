"""The file a pose prior is kept in: safetensors, with what made it written beside the weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import safetensors.torch

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Corpus
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.tensor_file import read_tensors
from avatar_kit_mda.networks import PosePrior
from avatar_kit_mda.training import Figures

#: Marks the layout of the networks; another one is another format.
FORMAT = "avatar-kit mda prior 1"
LICENCE = (
    "Weights learned from motions may be used as the licences of these motions allow: those from a "
    "corpus for non-commercial use are for non-commercial use."
)


def save_prior(path: Path, prior: PosePrior, corpus: Corpus, poses: int, figures: Figures) -> None:
    """Write a prior, whole or not at all.

    Args:
        path: Where to.
        prior: The trained prior.
        corpus: What it was learned from; the sources are named with their sha256.
        poses: Number of poses learned from.
        figures: Reached on held-out poses.
    """
    latent, width = prior.encoder.mean.weight.shape
    metadata = {
        "format": FORMAT,
        "latent": str(latent),
        "width": str(width),
        "corpus": json.dumps(dict(corpus.sources) or "embedded procedural corpus"),
        "poses": str(poses),
        "figures": json.dumps(asdict(figures)),
        "licence": LICENCE,
    }
    with atomic_path(path) as partial:
        safetensors.torch.save_file(prior.state_dict(), partial, metadata)


def load_prior(path: Path, latent: int, width: int) -> tuple[PosePrior, dict[str, str]]:
    """Read a prior.

    Args:
        path: Of the file.
        latent: Numbers of the latent code that the config asks for.
        width: Width of the hidden layers that the config asks for.

    Returns:
        The prior in evaluation mode, and what is written beside its weights.

    Raises:
        UserError: No such file, another kind of file, or a prior of another layout.
    """
    if not path.is_file():
        raise UserError(f"aligner.prior: no file {path}; make one with 'avatar-kit aligner train'")
    file = read_tensors(path)
    metadata, tensors = file.metadata, file.tensors
    if metadata.get("format") != FORMAT:
        raise UserError(
            f"{path}: its metadata say format={metadata.get('format')!r}, expected {FORMAT!r}; "
            "make a prior with 'avatar-kit aligner train'"
        )
    found = (metadata.get("latent"), metadata.get("width"))
    if found != (str(latent), str(width)):
        raise UserError(
            f"{path}: a prior of latent={found[0]} width={found[1]}, but the config says "
            f"aligner.latent={latent} aligner.width={width}; take these or train another"
        )
    prior = PosePrior(latent, width)
    try:
        prior.load_state_dict(tensors)
    except RuntimeError:
        raise UserError(f"{path}: its tensors are not those of a prior; train it again") from None
    return prior.eval(), metadata
