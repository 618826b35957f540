"""``avatar-kit aligner``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avatar_kit.cli.given import Checked
from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from avatar_kit.config import AlignerConfig
    from avatar_kit.interfaces import Corpus, LearnsPrior

app = typer.Typer(help="Train the priors of aligners.", no_args_is_help=True)

#: Refused files that are named one by one.
_NAMED = 5

TRAIN_HELP = """Learn the prior of an aligner from a corpus of motion, once for all avatars.

[dim]avatar-kit aligner train --corpus AMASS/ --corpus walk.bvh --out prior.safetensors[/dim]

[dim]avatar-kit train --method ram aligner.type=mda aligner.prior=prior.safetensors[/dim]   then
uses it

A corpus is a file, or a folder that is searched with all its subfolders: .npz (AMASS, SMPL, SMPL-X,
ours), TalkSHOW .npy, BVH.
"""


@app.callback()
def root() -> None:
    """Learn what aligners rest on."""


@app.command("train", cls=Checked, help=TRAIN_HELP)
def train(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Prior to write (.safetensors).", show_default=False)
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH|KEY=VALUE]...",
            help="More corpora, and config values of the aligner.",
            show_default=False,
        ),
    ] = None,
    corpus: Annotated[
        list[Path] | None,
        typer.Option(
            "--corpus",
            help="Motion file or folder (may be repeated). Default: a small procedural corpus, "
            "embedded in the aligner.",
            show_default=False,
        ),
    ] = None,
    leave_out: Annotated[
        str | None,
        typer.Option(
            "--leave-out",
            metavar="REGEX",
            help="Regular expression: clips whose name matches are not used for training, so "
            "that you can measure on them.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--type", help="Aligner. Default: the one that has a prior.", show_default=False
        ),
    ] = None,
) -> None:
    """Learn a prior."""
    import time

    from rich.console import Console

    from avatar_kit.config import parse_overrides
    from avatar_kit.engine.aligning import aligner_config, prior_class

    console = Console()
    if out.suffix != ".safetensors":
        raise UserError(f"{out}: a prior is a .safetensors file")
    paths = [*(corpus or []), *(Path(w) for w in words or [] if "=" not in w)]
    name, learner = prior_class(kind)
    config = aligner_config(name, parse_overrides(w for w in words or [] if "=" in w))
    started = time.perf_counter()
    if paths:
        found = _gather(paths, leave_out, console)
    else:
        console.print(
            f"[yellow]no --corpus: using the procedural corpus embedded in '{name}'; recorded "
            "motion gives a better prior[/]",
            soft_wrap=True,
        )
        found = learner.embedded_corpus(config)
    console.print(f"{name}: {len(found.clips)} clips, {found.frames} poses", highlight=False)
    reached = _learn(learner, config, found, out, console)
    for key, value in reached.items():
        console.print(f"{key}: {value}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"{out}: {time.perf_counter() - started:.0f} s", highlight=False, soft_wrap=True)
    console.print(
        f"use it with  [bold]avatar-kit train aligner.type={name} aligner.prior={out}[/]",
        highlight=False,
        soft_wrap=True,
    )


def _gather(paths: list[Path], leave_out: str | None, console: Console) -> Corpus:
    from rich.progress import Progress

    from avatar_kit.engine.corpus import gather_corpus

    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("read", total=None)
        observe = lambda n, of: bar.update(task, completed=n, total=of)  # noqa: E731
        found = gather_corpus(paths, observe, leave_out)
    for line in found.refused[:_NAMED]:
        console.print(f"left out: {line}", style="yellow", highlight=False, soft_wrap=True)
    if len(found.refused) > _NAMED:
        console.print(f"[yellow]left out: {len(found.refused) - _NAMED} more[/]", highlight=False)
    return found.corpus


def _learn(
    learner: type[LearnsPrior], config: AlignerConfig, corpus: Corpus, out: Path, console: Console
) -> dict[str, str]:
    """Train with a progress bar; where there is no terminal, a line at each tenth."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (
        "[bold]prior",
        BarColumn(24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        "{task.fields[line]}",
    )
    printed = -1
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("prior", total=None, line="")

        def report(done: int, total: int, line: str) -> None:
            nonlocal printed
            bar.update(task, completed=done, total=total, line=line)
            if not console.is_terminal and 10 * done // total > printed:
                printed = 10 * done // total
                console.print(f"step {done}/{total}  {line}", highlight=False, soft_wrap=True)

        return dict(learner.train_prior(config, corpus, out, report))
