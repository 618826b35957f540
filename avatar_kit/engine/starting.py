"""How a training begins: in a run folder of its own, or where an earlier one stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avatar_kit.config import MethodConfig
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.claim import Claim
from avatar_kit.engine.describing import describe
from avatar_kit.engine.memory import buildable
from avatar_kit.engine.people import check_unchanged, open_views
from avatar_kit.engine.ranks import Ranks
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import Training, set_up
from avatar_kit.engine.state import restore, structural_changes
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
    if out is not None:
        RunFolder.check_free(out)  # refuse a used folder before any work is done
    return _started(config, out)


def start_again(config: MethodConfig, root: Path) -> Training:
    """:func:`start` in the folder of a run that ended before its first checkpoint.

    Raises:
        UserError: Another process trains there, there is more in the folder than such a run
            leaves, or as for :func:`start`.
    """
    with Claim(root):
        pass  # refuse a run that is under way before any work is done
    return _started(config, root)


def _started(config: MethodConfig, out: Path | None) -> Training:
    views = open_views(config)
    root = out or RunFolder.default_path(config.type, "-".join(v.capture.name for v in views))
    with buildable(f"method '{config.type}'"):
        training = set_up(config, RunFolder(root), *views)
    training.claim.acquire()  # only now: what cannot be set up leaves no folder behind
    try:
        training.run.forget_start()
        RunFolder.create(root)
        describe(training)
    except BaseException:
        training.claim.release()
        raise
    return training


def lead(training: Training | None, ranks: Ranks) -> Training | None:
    """Tell the other processes what the first one has begun, and train with them.

    Args:
        training: As :func:`start` or :meth:`Resumption.start` gave it; None where there is nothing
            to do.
        ranks: The processes.
    """
    if training is None:
        ranks.told(None)
        return None
    training.ranks = ranks
    ranks.told((training.config, training.run.root, training.step))
    return training


def follow(ranks: Ranks) -> Training | None:
    """In another process, the training that the first one told of; None where it told of none."""
    told = ranks.told(None)
    if told is None:
        return None
    config, root, step = told
    run = RunFolder(root)
    training = set_up(config, run, *open_views(config), fit=step == 0)
    training.ranks = ranks
    if step:
        restore(training, ckpt.latest_checkpoint(run.checkpoints)[0])
    return training


@dataclass(frozen=True)
class Resumption:
    """A run that can go on. It keeps other processes from the run folder.

    Attributes:
        run: Its folder.
        config: What it goes on with.
        changed: Key -> (value before, value now), where they differ.
        checkpoint: The latest that is whole.
        damaged: A line for each later one that is not.
        claim: The right to train there.
    """

    run: RunFolder
    config: MethodConfig
    changed: dict[str, tuple[Any, Any]]
    checkpoint: ckpt.Checkpoint
    damaged: list[str]
    claim: Claim

    @property
    def is_done(self) -> bool:
        """Whether all steps are done and what came out is measured."""
        return self.checkpoint.step >= self.config.steps and self.run.is_measured()

    def start(self) -> Training:
        """Set up the training as it was at the checkpoint.

        Raises:
            UserError: The captures have changed, or the checkpoint does not fit.
        """
        try:
            return self._started()
        except BaseException:
            self.claim.release()
            raise

    def _started(self) -> Training:
        try:
            views = open_views(self.config)
        except UserError as error:
            raise UserError(
                f"{error}. If you moved the capture, name its folder: --resume {self.run.root} "
                "data.path=FOLDER"
            ) from None
        check_unchanged(self.run, views)
        with buildable(f"method '{self.config.type}'"):
            training = set_up(self.config, self.run, *views, fit=False)
        training.claim = self.claim
        restore(training, self.checkpoint)
        self.run.write_config(self.config)
        return training


def resumption(root: Path, values: Mapping[str, Any], origin: str = "command line") -> Resumption:
    """Look whether a run can go on, and with what.

    Args:
        root: The run folder.
        values: Nested values laid over its config; ``type`` and ``preset`` may be given again.
        origin: Where these come from, for errors.

    Raises:
        UserError: It is no run, another process trains there, a value may not change, or no
            checkpoint is whole.
    """
    run = RunFolder.open(root)
    claim = Claim(root)
    claim.acquire()
    try:
        if run.ended_early():
            raise UserError(run.how_to_start_again())
        saved = run.read_config()
        named = {key: values.get(key) or getattr(saved, key) for key in ("type", "preset")}
        kept = [
            f"{key}={getattr(saved, key)}" for key in named if named[key] != getattr(saved, key)
        ]
        if kept:
            raise UserError(_must_keep(root, kept))
        laid = {key: value for key, value in values.items() if key not in named}
        config = run.read_config({"stop_at": None, **laid}, origin)
        if config.refine == "tracked":  # the capture decided that when the run began
            config = config.model_copy(update={"refine": saved.refine})
        structural, other = structural_changes(saved, config)
        if structural:
            raise UserError(_must_keep(root, structural))
        before, after = saved.model_dump(mode="json"), config.model_dump(mode="json")
        changed = {key: (before[key], after[key]) for key in other}
        found, damaged = ckpt.latest_checkpoint(run.checkpoints)
    except BaseException:
        claim.release()
        raise
    return Resumption(run, config, changed, found, damaged, claim)


def _must_keep(root: Path, keys: list[str]) -> str:
    return f"{root}: a resumed run must keep {', '.join(keys)}; start a new run instead"
