"""Weight files that a machine may have: where they lie, and whether they are the genuine ones.

Nothing here downloads.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from avatar_kit.errors import UserError


def hub_folder() -> Path:
    """Where torch and torchvision keep downloaded weights (``TORCH_HOME`` moves it)."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def package_folder(package: str) -> Path | None:
    """Folder of an installed package, found without importing it; None if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def load_genuine(path: Path, sha256: str, remedy: str) -> dict[str, Tensor]:
    """Read a weight file after its digest was checked.

    Args:
        path: The file.
        sha256: Its digest, or as much of its start as is known.
        remedy: What to do about a file that is not the one we know.

    Raises:
        UserError: The file is another one.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(sha256):
        raise UserError(f"{path}: sha256 is {found[:12]}..., expected {sha256[:12]}...; {remedy}")
    return torch.load(path, map_location="cpu", weights_only=True)
