"""A training that has only begun: waiting for what there is to see."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from avatar_kit.engine.checkpoint import list_checkpoints
from avatar_kit.engine.run import RunFolder

#: Seconds between two looks.
_PAUSE = 1.0


def first_checkpoint(root: Path, say: Callable[[str], None]) -> None:
    """Wait until a run has a checkpoint.

    Args:
        root: The run folder.
        say: Takes a line for a person, where there is something to wait for.

    Raises:
        UserError: It is no run folder.
    """
    run, said = RunFolder.open_person(root), False
    while not list_checkpoints(run.checkpoints):
        if not said:
            say(f"{root}: waiting for the first checkpoint")
            said = True
        time.sleep(_PAUSE)
