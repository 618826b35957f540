"""``avatar-kit view``."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from avatar_kit.cli.align import Device, sayer
from avatar_kit.cli.grouped import grouped
from avatar_kit.cli.motion_options import DrivingOptions
from avatar_kit.errors import MissingExtra, UserError

HELP = """View an avatar, a capture or a motion from all sides, on a page in your browser.

[dim]avatar-kit view runs/splat-studio-...[/dim]   its training poses, or --motion walk.npz

[dim]avatar-kit view runs/splat-studio-... --follow[/dim]   a training that is running

[dim]avatar-kit view captures/me[/dim]   the tracked body, its cameras and their pictures

[dim]avatar-kit view walk.npz[/dim]

Needs the extra  view.
"""


@grouped
def view(
    what: Annotated[
        Path, typer.Argument(help="Run folder, capture folder or motion file.", show_default=False)
    ],
    motion: Annotated[
        Path | None,
        typer.Option(
            "--motion",
            help="Motion that drives the avatar of a run. Default: its training poses.",
            show_default=False,
        ),
    ] = None,
    reading: DrivingOptions = DrivingOptions(),
    follow: Annotated[
        bool, typer.Option("--follow", help="Follow a training: show each new checkpoint.")
    ] = False,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on. The page has no password: everybody who can reach it "
            "can see it.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; if it is in use, the next free one.")
    ] = 8080,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    device: Device = "auto",
) -> None:
    """Look at an avatar, a capture or a motion."""
    import webbrowser

    from rich.console import Console

    check_installed()
    from avatar_kit.engine.stopping import handled
    from avatar_kit.viewer import Viewer, open_subject
    from avatar_kit.viewer.following import first_checkpoint

    say = sayer(Console())
    if reading.clip is not None and motion is None and what.is_dir():
        raise UserError("--clip: selects a clip of a motion; give --motion FILE too")
    if follow:
        first_checkpoint(what, say)
    options = reading.checked()
    driving = None
    if motion is not None:
        driving = reading.read(motion, say)
    elif reading.face is not None or reading.hands is not None:
        raise UserError("--face, --hands: add to a motion; give --motion FILE too")
    subject = open_subject(
        what, driving, clip=reading.clip, options=options, device=device, say=say
    )
    if follow and subject.avatar is None:
        raise UserError(f"--follow: needs the folder of a run, but {what} is not one")
    viewer = Viewer(subject, host=host, port=port, follow=follow, say=say)
    say(f"{subject.title}: {viewer.address}   (Ctrl-C ends)")
    with handled(lambda *_: viewer.stop(), "SIGINT", "SIGTERM"):
        if browser:
            webbrowser.open(viewer.address)
        viewer.run()


def check_installed() -> None:
    """Refuse to go on without the viewer's package.

    Raises:
        MissingExtra: It is not installed.
    """
    if importlib.util.find_spec("viser") is None:
        raise MissingExtra("the viewer", "view", "viser")


@contextlib.contextmanager
def beside(run: Path) -> Iterator[None]:
    """The viewer of a run, in a process of its own, as long as the block lasts."""
    words = ["-P", "-m", "avatar_kit.cli.main", "view", str(run), "--follow", "--no-browser"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}  # the training needs the others
    viewer = subprocess.Popen([sys.executable, *words], env=env)
    try:
        yield
    finally:
        viewer.terminate()
        viewer.wait(10)
