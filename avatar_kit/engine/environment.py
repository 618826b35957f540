"""With what a run is trained: versions and hardware."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from avatar_kit import __version__


def environment(device: torch.device) -> dict[str, Any]:
    """Versions and hardware, for ``environment.json``."""
    packages: dict[str, str | None] = {}
    for name in ("torch", "numpy", "pydantic", "anny", "numba", "av", "mediapipe", "gsplat"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    cuda = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "avatar_kit": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "device": str(device),
        "gpu": cuda,
        "threads": torch.get_num_threads(),
        "packages": packages,
    }
