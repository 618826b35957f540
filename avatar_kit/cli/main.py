"""``avatar-kit``: the commands, and how errors reach a person."""

from __future__ import annotations

import errno
import os
import sys

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
from avatar_kit.cli.process import prepare_process
from avatar_kit.errors import UserError

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


app.command("train", help=train.HELP)(train.train)
app.command("prepare", help=prepare.HELP)(prepare.prepare)
app.command("compare", help=compare.HELP)(compare.compare)
app.command("benchmark", help=benchmark.HELP)(benchmark.benchmark)
app.command("render", help=render.HELP)(render.render)
app.command("export", help=export.HELP)(export.export)
app.command("live", help=live.HELP)(live.live)
app.command("view", help=viewing.HELP)(viewing.view)
app.command("mix", help=mix.HELP)(mix.mix)
app.command("align", help=align.HELP)(align.align)
app.add_typer(aligner.app, name="aligner")
app.command("eval", help=evaluate.HELP)(evaluate.evaluate)
app.add_typer(plugins.app, name="plugins")
app.add_typer(models.app, name="models")
app.add_typer(motion.app, name="motion")
app.add_typer(config.app, name="config")
app.command("doctor", help=doctor.HELP)(doctor.doctor)


def main() -> None:
    """Entry point: what a person can mend is one line and exit code 2, the rest a traceback."""
    prepare_process()
    try:
        app()
    except UserError as error:
        _refuse(str(error), error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _refuse(f"{error.filename or 'output'}: the disk is full; free some space", error)


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
