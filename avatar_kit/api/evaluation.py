"""Measure an avatar again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from avatar_kit.engine import evaluation
from avatar_kit.engine.choosing import Data, data_values
from avatar_kit.engine.results import measure, reopened


def evaluate(
    run: str | Path,
    *,
    data: Data | None = None,
    step: int | None = None,
    device: str | torch.device = "auto",
    write: bool = False,
) -> dict[str, Any]:
    """Measure the avatar of a run on the held-out splits, beside two baselines.

    Args:
        run: Run folder of one person.
        data: Another capture than the run's: a folder, a dataset ("studio subject=ben"), or values
            of the config's ``data``.
        step: Checkpoint to take; None takes the last one that is whole.
        device: auto, cpu, cuda or cuda:N.
        write: Also write the files that ``avatar-kit eval`` writes into the run folder: figures,
            preview and summary, over those that are there.

    Returns:
        ``{"protocol": ..., "splits": {name: {"n": pictures, "novelty": "novel pose" (of seen
        cameras), "novel view" (of seen poses), "novel view and pose" or "mixed", metric: value,
        "person": {metric: value}, "baselines": {"mean_frame": ..., "nearest_frame": ...}}},
        "frames": {name: {"full" and "person": {metric: [n] values}}}, "milliseconds": median time
        to pose and render a frame}``. A metric that this machine cannot compute is None.

    Raises:
        UserError: The run or the capture cannot be opened.
    """
    loaded, view, config = reopened(Path(run), data_values(data), step, str(device))
    if not write:
        return evaluation.evaluate(loaded.avatar, view, config)
    return measure(
        loaded.avatar,
        view,
        config,
        loaded.run,
        step=loaded.step,
        seconds=loaded.seconds,
        returns=loaded.returns,
    )
