"""``python -m avatar_kit``: the command ``avatar-kit``, for launchers as ``torchrun``."""

from avatar_kit.cli.main import main

main()
