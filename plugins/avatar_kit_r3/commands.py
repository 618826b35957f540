"""Registration of the command of `r3`: apart, for every ``avatar-kit --help`` loads it."""

from __future__ import annotations

from avatar_kit import hookimpl


@hookimpl
def register_commands(register) -> None:
    """Look at what is retrieved."""
    register(
        "r3-times",
        target="avatar_kit_r3.times_command:r3_times",
        help="Which training times an avatar of method r3 retrieves for a motion.",
    )
