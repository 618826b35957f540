"""Registration of ``avatar-kit data``. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl


@hookimpl
def register_commands(register) -> None:
    """What a folder of data is."""
    register(
        "data",
        target="avatar_kit_datasets.data_command:app",
        help="Report what a folder of recordings contains, and what is missing.",
    )
