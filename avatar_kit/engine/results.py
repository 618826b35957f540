"""What a run folder says of how good its avatar is: figures, pictures, a summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from avatar_kit.capture import CaptureView
from avatar_kit.config import MethodConfig
from avatar_kit.engine.evaluation import evaluate
from avatar_kit.engine.held_out import HeldOutSplit
from avatar_kit.engine.loaded import LoadedAvatar, load_avatar
from avatar_kit.engine.memory import elsewhere, enough_memory
from avatar_kit.engine.people import Person
from avatar_kit.engine.preview import Preview, drawn_coverage
from avatar_kit.engine.provenance import described
from avatar_kit.engine.ranks import Ranks
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import Training, open_view
from avatar_kit.interfaces import Avatar
from avatar_kit.io.signing import Signer

#: Told of every picture of an evaluation: the split, the position in it, [3, H, W] in [0, 1].
Observe = Callable[[HeldOutSplit, int, Tensor], None]


def _unobserved(split: HeldOutSplit, k: int, picture: Tensor) -> None:
    """Nobody watches."""


def measure(
    avatar: Avatar,
    view: CaptureView,
    config: MethodConfig,
    run: RunFolder,
    *,
    step: int,
    seconds: float,
    returns: Sequence[Mapping[str, Any]] = (),
    observe: Observe = _unobserved,
    signer: Signer | None = None,
    ranks: Ranks = Ranks(),
) -> dict[str, Any]:
    """Evaluate an avatar and write what came out into a run folder.

    ``eval/test.json``, ``eval/frames.json``, ``preview.png``, ``preview.mp4``, and at last
    ``summary.json``, whose presence says: measured.

    Args:
        avatar: The avatar.
        view: The capture to evaluate on.
        config: Its config.
        run: Where to write.
        step: Training steps done.
        seconds: Time they took.
        returns: See :class:`~avatar_kit.engine.setting_up.Training`.
        observe: Told of every picture.
        signer: Who signs the pictures; None: nobody.
        ranks: The processes that evaluate together. The first one writes; the others are in
            :func:`~avatar_kit.engine.evaluation.evaluate`.

    Returns:
        As :func:`~avatar_kit.engine.evaluation.evaluate`.
    """
    said = described(run, config, view.capture.name, signer).beside_recorded()
    shown = drawn_coverage(run.root, avatar, view.height - 24)
    with Preview(view, run.root, said, shown) as preview:

        def seen(split: HeldOutSplit, k: int, picture: Tensor) -> None:
            preview.observe(split, k, picture)
            observe(split, k, picture)

        mend = elsewhere(avatar.shape.device, f"avatar-kit eval {run.root} --device cpu")
        with enough_memory(f"{run.root}: evaluation", mend):
            result = evaluate(avatar, view, config, seen, ranks)
    run.write_json("eval/frames.json", result["frames"])
    # what the same avatar gives each time; how long it took is in the summary
    run.write_json("eval/test.json", {key: result[key] for key in ("protocol", "splits")})
    first: dict[str, Any] = next(iter(result["splits"].values()), {})
    summary = {
        "method": config.type,
        "preset": config.preset,
        "capture": view.capture.name,
        "consent": config.consent,
        "steps": step,
        "seconds": round(seconds, 1),
        "returns": list(returns),
        "parameters": avatar.learned_parameters(),
        "milliseconds": result["milliseconds"],
        "psnr": first.get("psnr"),
        "splits": result["splits"],
    }
    run.write_json("summary.json", summary)
    return result


def measure_person(
    training: Training,
    person: Person,
    observe: Observe = _unobserved,
    signer: Signer | None = None,
) -> dict[str, Any]:
    """:func:`measure` one of the people of a training that is done, with all its processes."""
    with training.shown():
        if not training.ranks.first:
            return evaluate(person.avatar, person.view, training.config, ranks=training.ranks)
        return measure(
            person.avatar,
            person.view,
            training.config,
            person.run,
            step=training.step,
            seconds=training.seconds,
            returns=training.returns,
            observe=observe,
            signer=signer,
            ranks=training.ranks,
        )


def reopened(
    root: Path, data: Mapping[str, Any], step: int | None, device: str
) -> tuple[LoadedAvatar, CaptureView, MethodConfig]:
    """What evaluating a run again takes: its avatar, the capture, the config.

    Args:
        root: The run folder, of one person.
        data: What :func:`~avatar_kit.engine.choosing.data_values` gives; empty: the run's own.
        step: Checkpoint to take; None takes the last one that is whole.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        UserError: The run or the capture cannot be opened.
    """
    loaded = load_avatar(RunFolder.open_person(root), step=step, device=device)
    config = loaded.run.read_config(dict(data)) if data else loaded.config
    return loaded, open_view(config), config
