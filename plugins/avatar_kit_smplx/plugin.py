"""Registration of the SMPL family. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_smplx.config import SmplxConfig


@hookimpl
def register_bodies(register) -> None:
    """SMPL-X, SMPL-H and SMPL, by a file that the user has."""
    register("smplx", config=SmplxConfig, target="avatar_kit_smplx.body:SmplxBody")
