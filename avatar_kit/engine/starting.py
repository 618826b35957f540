"""How a training begins: in a run folder of its own, or where an earlier one stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avatar_kit.config import MethodConfig
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.claim import check_unclaimed
from avatar_kit.engine.describing import describe
from avatar_kit.engine.device import enough_memory
from avatar_kit.engine.people import check_unchanged, open_views
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import Training, set_up
from avatar_kit.engine.trainer import restore, structural_changes
from avatar_kit.errors import UserError


def start(config: MethodConfig, out: Path | None) -> Training:
    """Set up a new training and write what its run folder says before the first step.

    Args:
        config: The method's config.
        out: Run folder to make; None takes ``runs/METHOD-CAPTURE-TIME``.

    Raises:
        UserError: The folder is in use, or a capture or a part cannot be had; no folder is made
            then.
    """
    if out is not None and out.exists():
        RunFolder.create(out)  # refuse a used folder before any work is done
    views = open_views(config)
    root = out or RunFolder.default_path(config.type, "-".join(v.capture.name for v in views))
    with enough_memory(f"method '{config.type}'"):
        training = set_up(config, RunFolder(root), *views)
    RunFolder.create(root)  # only now: what cannot be set up leaves no folder behind
    describe(training)
    return training


@dataclass(frozen=True)
class Resumption:
    """A run that can go on.

    Attributes:
        run: Its folder.
        config: What it goes on with.
        changed: Key -> (value before, value now), where they differ.
        checkpoint: The latest that is whole.
        damaged: A line for each later one that is not.
    """

    run: RunFolder
    config: MethodConfig
    changed: dict[str, tuple[Any, Any]]
    checkpoint: ckpt.Checkpoint
    damaged: list[str]

    def start(self) -> Training:
        """Set up the training as it was at the checkpoint.

        Raises:
            UserError: The captures have changed, or the checkpoint does not fit.
        """
        try:
            views = open_views(self.config)
        except UserError as error:
            raise UserError(
                f"{error}. If the capture has moved, say where it is: --resume {self.run.root} "
                "data.path=FOLDER"
            ) from None
        check_unchanged(self.run, views)
        with enough_memory(f"method '{self.config.type}'"):
            training = set_up(self.config, self.run, *views, fit=False)
        restore(training, self.checkpoint)
        self.run.write_config(self.config)
        return training


def resumption(root: Path, values: Mapping[str, Any], origin: str = "command line") -> Resumption:
    """Look whether a run can go on, and with what.

    Args:
        root: The run folder.
        values: Nested values laid over its config.
        origin: Where these come from, for errors.

    Raises:
        UserError: It is no run, another process trains there, a value may not change, or no
            checkpoint is whole.
    """
    run = RunFolder.open(root)
    check_unclaimed(root)
    saved = run.read_config()
    config = run.read_config({"stop_at": None, **values}, origin)
    structural, other = structural_changes(saved, config)
    if structural:
        raise UserError(
            f"{root}: a resumed run must keep {', '.join(structural)}; start a new run instead"
        )
    before, after = saved.model_dump(mode="json"), config.model_dump(mode="json")
    changed = {key: (before[key], after[key]) for key in other}
    found, damaged = ckpt.latest_checkpoint(run.checkpoints)
    return Resumption(run, config, changed, found, damaged)
