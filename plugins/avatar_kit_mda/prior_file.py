"""The file a pose prior is kept in: safetensors, with what made it written beside the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
from torch import Tensor

from avatar_kit.errors import UserError, shown
from avatar_kit.interfaces import Corpus
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.tensor_file import read_tensors
from avatar_kit_mda.networks import PosePrior
from avatar_kit_mda.training import Figures

#: Marks the layout of the networks; another one is another format.
FORMAT = "avatar-kit mda prior 1"
#: What the metadata say of the prior's origin; a run records it.
_ABOUT = ("corpus", "poses", "figures", "licence")
#: No weight or statistic of a prior that learned poses is larger.
_LARGEST = 1e4
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
    try:
        file = read_tensors(path, fix="make one with 'avatar-kit aligner train'")
    except UserError as error:
        raise UserError(f"aligner.prior: {error}") from None
    metadata, tensors = file.metadata, file.tensors
    if metadata.get("format") != FORMAT:
        raise UserError(
            f"{path}: its metadata say format={shown(metadata.get('format'))}, expected "
            f"{FORMAT!r}; make a prior with 'avatar-kit aligner train'"
        )
    if missing := [key for key in _ABOUT if key not in metadata]:
        raise UserError(
            f"{path}: its metadata lack {', '.join(missing)}, so the source of the prior is "
            "unknown; make a prior with 'avatar-kit aligner train'"
        )
    found = (metadata.get("latent"), metadata.get("width"))
    if found != (str(latent), str(width)):
        raise UserError(
            f"{path}: a prior with latent={shown(found[0])} width={shown(found[1])}, but the "
            f"config has aligner.latent={latent} aligner.width={width}; use the values of the "
            "prior, or train another prior"
        )
    prior = PosePrior(latent, width)
    _check_tensors(path, tensors, prior.state_dict())
    prior.load_state_dict(tensors)
    return prior.eval(), metadata


def _check_tensors(path: Path, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are missing, of another shape or type, or not finite.

    Raises:
        UserError: Names the first of them.
    """
    train = "train the prior again with 'avatar-kit aligner train'"
    if odd := sorted(found.keys() ^ expected.keys()):
        state = "unknown" if odd[0] in found else "missing"
        raise UserError(f"{path}: the tensor {shown(odd[0])} is {state}; {train}")
    for name, tensor in expected.items():
        given = found[name]
        if given.shape != tensor.shape or given.dtype != tensor.dtype:
            raise UserError(
                f"{path}: '{name}' is {tuple(given.shape)} {given.dtype}, expected "
                f"{tuple(tensor.shape)} {tensor.dtype}; {train}"
            )
        if not bool((given.abs() <= _LARGEST).all()):
            raise UserError(f"{path}: '{name}' holds NaN or a value beyond {_LARGEST:g}; {train}")
        if name.endswith("running_var") and bool((given < 0).any()):
            raise UserError(f"{path}: '{name}' holds a negative variance; {train}")
