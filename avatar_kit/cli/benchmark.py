"""``avatar-kit benchmark``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from avatar_kit.cli import benchmark_render
from avatar_kit.cli.compare import Methods, Threads, Workers
from avatar_kit.cli.given import Checked
from avatar_kit.cli.options import Preset
from avatar_kit.errors import UserError

HELP = """Compare methods on a dataset's benchmark, with its captures, seeds and protocol.

[dim]avatar-kit benchmark studio[/dim]   every installed method

[dim]avatar-kit benchmark studio --method mine[/dim]   adds your method to the report

Two reports are comparable if the hashes of their protocols are equal.
"""


#: The command that a dataset's name alone means.
_DATASET = "dataset"


class Benchmarks(TyperGroup):
    """``benchmark studio`` is ``benchmark dataset studio``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line of the group."""
        own = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return super().parse_args(ctx, args if own else [_DATASET, *args])


app = typer.Typer(
    cls=Benchmarks,
    help="Compare methods on a dataset's benchmark, or time a frame of an avatar.",
    no_args_is_help=True,
)
app.command("render", cls=Checked, help=benchmark_render.HELP)(benchmark_render.render)


def benchmark(
    name: Annotated[str, typer.Argument(help="The dataset.", show_default=False)],
    methods: Methods = None,
    preset: Preset = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder. Default: benchmarks/NAME-VERSION.", show_default=False
        ),
    ] = None,
    workers: Workers = 1,
    threads: Threads = None,
) -> None:
    """Run a benchmark."""
    from rich.console import Console

    from avatar_kit.cli.compare import run_comparison, with_words
    from avatar_kit.config import DatasetConfig
    from avatar_kit.engine.comparison.plan import Plan, keep_plan
    from avatar_kit.registry import catalog

    config = catalog().get("dataset", name).config
    asked = config.benchmark if issubclass(config, DatasetConfig) else None
    if asked is None:
        configs = {n: catalog().get("dataset", n).config for n in catalog().names("dataset")}
        known = [n for n, c in configs.items() if getattr(c, "benchmark", None)]
        raise UserError(f"dataset '{name}' has no benchmark; these have one: {', '.join(known)}")
    plan = Plan(
        benchmark=f"{name}-{asked.version}",
        captures={key: {"type": name, **values} for key, values in asked.captures.items()},
        seeds=asked.seeds,
        values=asked.values,
    )
    plan = with_words(plan, methods or list(catalog().names("method")), [], [], preset, [])
    for contender, values in plan.contenders.items():
        if fixed := sorted({"data", "seed", *asked.values} & values.keys()):
            raise UserError(f"{contender}: the benchmark fixes {', '.join(fixed)}")
    folder = out or Path("benchmarks") / f"{name}-{asked.version}"
    run_comparison(keep_plan(plan, folder), folder, workers, threads, Console())


app.command(_DATASET, cls=Checked, help=HELP)(benchmark)
