"""``avatar-kit``: the commands, and how errors reach a person."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from avatar_kit import __version__
from avatar_kit.cli import (
    align,
    aligner,
    benchmark,
    compare,
    config,
    doctor,
    evaluate,
    export,
    fleet,
    licences,
    live,
    mix,
    models,
    motion,
    plugins,
    prepare,
    render,
    train,
    viewing,
)
from avatar_kit.cli.commands import Commands
from avatar_kit.cli.given import Checked
from avatar_kit.cli.process import prepare_process
from avatar_kit.errors import UserError, out_of_memory, why

app = typer.Typer(
    name="avatar-kit",
    cls=Commands,
    help="Turn a video of one person into an avatar you can drive: body, hands and face.",
    epilog="Start with:  avatar-kit train --method ram",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"avatar-kit {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Turn a video of one person into an avatar you can drive: body, hands and face."""


app.command("train", cls=Checked, help=train.HELP)(train.train)
app.command("prepare", cls=Checked, help=prepare.HELP)(prepare.prepare)
app.command("compare", cls=Checked, help=compare.HELP)(compare.compare)
app.add_typer(benchmark.app, name="benchmark")
app.command("fleet", cls=Checked, help=fleet.HELP)(fleet.fleet)
app.command("render", cls=Checked, help=render.HELP)(render.render)
app.command("export", cls=Checked, help=export.HELP)(export.export)
app.command("live", cls=Checked, help=live.HELP)(live.live)
app.command("view", cls=Checked, help=viewing.HELP)(viewing.view)
app.command("mix", cls=Checked, help=mix.HELP)(mix.mix)
app.command("align", cls=Checked, help=align.HELP)(align.align)
app.add_typer(aligner.app, name="aligner")
app.command("eval", cls=Checked, help=evaluate.HELP)(evaluate.evaluate)
app.add_typer(plugins.app, name="plugins")
app.add_typer(models.app, name="models")
app.command("licences", cls=Checked, help=licences.HELP)(licences.licences)
app.add_typer(motion.app, name="motion")
app.add_typer(config.app, name="config")
app.command("doctor", cls=Checked, help=doctor.HELP)(doctor.doctor)


def main(words: Sequence[str] | None = None) -> None:
    """Entry point: what a person can mend is one line and exit code 2, the rest a traceback.

    Args:
        words: The command line without the program's name; None: that of the process.
    """
    prepare_process()
    try:
        app(args=words)
    except UserError as error:
        _refuse(str(error), error)
    except OSError as error:
        if error.errno is None:  # not the system's
            raise
        _refuse(f"{error.filename or 'output'}: {why(error)}", error)
    except (MemoryError, RuntimeError) as error:
        if not (said := out_of_memory(error)):
            raise
        _refuse(f"{said}; end other programs that use it, or take a smaller size", error)


def _refuse(text: str, error: Exception) -> None:
    if os.environ.get("AVATAR_KIT_STRICT") == "1":
        raise error
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    console.print(
        f"[bold red]error[/]: {escape(text)}", highlight=False, soft_wrap=True, emoji=False
    )
    sys.exit(2)


if __name__ == "__main__":
    main()
