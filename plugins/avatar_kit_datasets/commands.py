"""Registration of ``avatar-kit data``. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl


@hookimpl
def register_commands(register) -> None:
    """What a folder of data is."""
    register(
        "data",
        target="avatar_kit_datasets.data_command:app",
        help="Say what a folder of recordings is, and what is missing.",
    )
