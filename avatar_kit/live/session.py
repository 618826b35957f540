"""A live session from start to end: the processes, the pages, and what is said meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from avatar_kit.errors import UserError
from avatar_kit.live.address import Address
from avatar_kit.live.audience import Viewer
from avatar_kit.live.figures import Figures
from avatar_kit.live.hub import Hub
from avatar_kit.live.messages import Shown
from avatar_kit.live.receiving import ReceiveSettings
from avatar_kit.live.server import Server, is_local
from avatar_kit.live.showing import ShowSettings
from avatar_kit.live.watching import WatchSettings

Say = Callable[[str], None]

#: Seconds a check may take to load everything and to calibrate.
_CHECK_PATIENCE = 180.0


@dataclass(frozen=True)
class LiveOptions:
    """Of a session.

    Attributes:
        watching: How the performer is watched; None: nobody is.
        showing: How the avatar is drawn.
        receiving: What another program sends; None: nothing.
        host: Address to listen on.
        port: To listen on; 0: any that is free.
        record: Video to write from the first picture on.
        recordings: Folder of what is recorded from the page.
        performer: Where a new calibration is kept; None: nowhere.
        browser: Whether to open the page.
    """

    watching: WatchSettings | None
    showing: ShowSettings
    receiving: ReceiveSettings | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    record: Path | None = None
    recordings: Path = Path()
    performer: Path | None = None
    browser: bool = True


async def serve(options: LiveOptions, say: Say) -> None:
    """Run a session until Ctrl-C.

    Raises:
        UserError: The port is taken, or a process cannot go on.
    """
    hub = _hub(options, say)
    server = Server(
        hub, options.host, options.port, lambda: recording_name(options.recordings, hub.background)
    )
    _stop_with_signals(hub)
    hub.start()
    await server.start()
    try:
        if not is_local(options.host):
            say(
                f"listening on {options.host}: everybody who reaches this machine and knows the "
                "token can see the avatar and drive it; without https, browsers deny camera "
                "access to pages from other machines"
            )
        if options.receiving is not None:
            say(_received_at(options.receiving.address))
        say(f"page           {server.address}")
        say(f"avatar alone   {server.view_address}   (OBS: a browser source)")
        say("Ctrl-C ends the session")
        if options.browser:
            webbrowser.open(server.address)
        await hub.ended.wait()
    finally:
        await server.stop()
        await hub.stop()
    if hub.failed:
        raise UserError(hub.failed)


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        figures: Of its seconds.
        pictures: Pictures a second at their end.
        poses: Poses a second at their end.
    """

    figures: Figures
    pictures: float
    poses: float


async def check(options: LiveOptions, seconds: float, say: Say) -> Checked:
    """Look on for some seconds after the avatar moves, and give the figures.

    Raises:
        UserError: A process cannot go on, or nothing moves the avatar in time: the performer cannot
            be calibrated, or nothing is received.
    """
    hub = _hub(options, say)
    _stop_with_signals(hub)
    hub.start()
    moved = asyncio.Event()

    async def look(message: dict[str, Any] | Shown) -> None:
        if isinstance(message, Shown):
            if message.time is not None:
                moved.set()
            hub.acknowledge(viewer, None)

    viewer = Viewer(look, preview=True)
    hub.join(viewer)
    try:
        moving = asyncio.ensure_future(moved.wait())
        ended = asyncio.ensure_future(hub.ended.wait())
        await asyncio.wait(
            [moving, ended], timeout=_CHECK_PATIENCE, return_when=asyncio.FIRST_COMPLETED
        )
        if not moved.is_set() and hub.failed is None:
            raise UserError(
                f"--check: the avatar did not move within {_CHECK_PATIENCE:g} seconds; "
                f"{_advice(options)}"
            )
        hub.figures.forget()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hub.ended.wait(), seconds)
        poses = hub.figures.received if options.watching is None else hub.figures.frames
        found = Checked(hub.figures, hub.figures.pictures.now, poses.now)
        moving.cancel()
        ended.cancel()
    finally:
        await hub.stop()
    if hub.failed:
        raise UserError(hub.failed)
    return found


def _advice(options: LiveOptions) -> str:
    if options.receiving is None:
        return "give a clip that shows one person from head to feet, or --performer"
    return f"send poses from the other program to {options.receiving.address} meanwhile"


def _received_at(address: Address) -> str:
    text = f"receiving      {address}"
    if is_local(address.host):
        return text
    return f"{text}   (everybody who reaches this address can move the avatar)"


def _hub(options: LiveOptions, say: Say) -> Hub:
    def keep(performer: str) -> None:
        if options.performer is not None:
            from avatar_kit.live.performer import Performer

            Performer.model_validate_json(performer).save(options.performer)
            say(
                f"{options.performer}: calibration saved; reuse it with --performer "
                f"{options.performer}"
            )

    return Hub(
        options.watching,
        options.showing,
        say,
        receiving=options.receiving,
        record=options.record,
        on_performer=keep,
    )


def _stop_with_signals(hub: Hub) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: KeyboardInterrupt ends the loop
            loop.add_signal_handler(number, lambda: hub.ended.set())


def recording_name(folder: Path, background: str) -> str:
    """A new file for a recording: one that holds alpha where nothing is behind the avatar."""
    suffix = ".mov" if background == "transparent" else ".mp4"
    return str(folder / f"live-{datetime.now():%Y%m%d-%H%M%S}{suffix}")


def table(checked: Checked) -> Any:
    """The stages of a session, for a terminal."""
    from rich.table import Table

    figures = checked.figures
    shown = Table("stage", "median", "95 %", title="live", title_justify="left")
    for name, spread in (
        ("tracking", figures.track),
        ("solving", figures.solve),
        ("reading packets", figures.read),
        ("rendering", figures.draw),
        ("encoding", figures.encode),
    ):
        if spread.values:
            shown.add_row(name, f"{spread.median:.1f} ms", f"{spread.high:.1f} ms")
    late = figures.latency
    name = "camera to picture" if figures.track.values else "packet to picture"
    shown.add_row(name, f"{1e3 * late.median:.0f} ms", f"{1e3 * late.high:.0f} ms")
    shown.add_row("pictures", f"{checked.pictures:.1f} per second", "")
    shown.add_row("poses", f"{checked.poses:.1f} per second", "")
    shown.add_row("dropped, lost", f"{figures.dropped}, {figures.lost}", "")
    if figures.read.values or figures.refused:
        shown.add_row("packets refused", str(figures.refused), "")
    return shown
