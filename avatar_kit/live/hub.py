"""The middle of a live session: its processes, those who look on, and figures of it all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from avatar_kit.live.audience import Audience, Viewer
from avatar_kit.live.child import Child
from avatar_kit.live.figures import Figures
from avatar_kit.live.messages import (
    Calibrated,
    Frame,
    Order,
    Ready,
    Received,
    Said,
    Seen,
    Shown,
    Started,
)
from avatar_kit.live.receiving import ReceiveSettings, receive
from avatar_kit.live.showing import ShowSettings, show
from avatar_kit.live.skeleton import lines
from avatar_kit.live.watching import WatchSettings, watch

#: Seconds that a page takes to encode and send a frame.
_LEAD_SECONDS = 0.04
#: A process that dies more often than this within a minute is not started again.
_RESTARTS = 3
#: Seconds between two reports of the figures to those who look on.
_REPORT_EVERY = 0.5


class Hub:
    """Runs a session inside an event loop.

    Args:
        watching: How the performer is watched; None: nobody is.
        showing: How the avatar is drawn.
        say: Takes a line for a person.
        receiving: What another program sends; None: nothing.
        record: Video to write from the start on.
        on_performer: Takes the performer's file, as JSON, after a calibration.

    Attributes:
        audience: Who looks on.
        performer: JSON of the performer, once known.
        figures: Of the session so far.
        about: What the processes told of themselves.
        background: What is behind the avatar now.
        failed: Why the session cannot go on; None while it can.
        ended: Set when the session is over.
    """

    def __init__(
        self,
        watching: WatchSettings | None,
        showing: ShowSettings,
        say: Callable[[str], None] = lambda line: None,
        *,
        receiving: ReceiveSettings | None = None,
        record: Path | None = None,
        on_performer: Callable[[str], None] = lambda performer: None,
    ):
        self.watching, self.receiving, self.showing = watching, receiving, showing
        self.say, self.on_performer = say, on_performer
        self.audience = Audience()
        self.figures = Figures()
        self.about: dict[str, Any] = {}
        self.performer = next((s.performer for s in (watching, receiving) if s is not None), None)
        self.failed: str | None = None
        self.ended = asyncio.Event()
        self._frame: Frame | None = None
        self._next_one: Callable[[], None] = lambda: None
        self._wants_frame = self._asked = False
        self._strength, self.background = showing.strength, showing.background
        self._mirrored, self._recording = False, record
        self.shower = Child("the process that draws the avatar", show, showing)
        self.watcher = self.receiver = None
        if watching is not None:
            self.watcher = Child("the process that tracks you", watch, watching)
        if receiving is not None:
            self.receiver = Child("the process that receives packets", receive, receiving)

    @property
    def camera(self) -> str | None:
        """Where pictures of the performer come from; None where there is no camera."""
        return None if self.watching is None else self.watching.camera

    @property
    def children(self) -> list[Child]:
        """The processes."""
        return [child for child in (self.watcher, self.receiver, self.shower) if child is not None]

    def start(self) -> None:
        """Start all processes; returns at once."""
        # small systems of equations, beside other work: two threads would wait for each other
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        for child in self.children:
            self._start(child)
        self.audience.spawn(self._report())

    async def stop(self) -> None:
        """End all processes; a recording is finished first."""
        self.ended.set()
        self.audience.end()
        for child in self.children:
            await asyncio.to_thread(child.end)

    # --- what pages and commands ask for ---

    def frame(self, frame: Frame, next_one: Callable[[], None] = lambda: None) -> None:
        """A picture of the performer; the newest replaces one that waits.

        Args:
            frame: The picture.
            next_one: Called when the next picture should be taken: shortly before the tracker is
                free for it, so that it is new when it is looked at and none is encoded in vain.
        """
        if self._frame is not None:
            self.figures.dropped += 1
            self._next_one()
        self._frame, self._next_one = frame, next_one
        self._feed()

    def order(self, name: str, value: Any = None) -> None:
        """What a person asked for."""
        if name in ("calibrate", "neutral", "reset", "mirror"):
            if self.watcher is None:
                self._tell_line(f"{name}: needs a camera, and this session has none", wrong=True)
                return
            if name == "mirror":
                self._mirrored = bool(value)
            self.watcher.send(Order(name, value))
            return
        if name == "strength":
            self._strength = float(value)
        elif name == "background":
            self.background = str(value)
        elif name == "record":
            self._recording = None if value is None else Path(value)
        self.shower.send(Order(name, value))

    def join(self, viewer: Viewer) -> None:
        """Somebody looks on."""
        self.audience.join(viewer)
        self._ask()

    def leave(self, viewer: Viewer) -> None:
        """Somebody went."""
        self.audience.leave(viewer)

    def acknowledge(self, viewer: Viewer, latency: float | None) -> None:
        """A picture has arrived.

        Args:
            viewer: With whom.
            latency: Seconds since the performer was so, where the page has the camera and with it
                the clock; else it is found here, the way back included.
        """
        taken = self.audience.acknowledged(viewer)
        if self.camera != "browser" and taken is not None:
            latency = time.monotonic() - taken
        if latency is not None:
            self.figures.latency.add(latency)
        self._ask()

    def state(self) -> dict[str, Any]:
        """What a page must know that has just come."""
        return {
            "about": self.about,
            "camera": self.camera,
            "receives": None if self.receiving is None else str(self.receiving.address),
            "calibrated": self.performer is not None,
            "strength": self._strength,
            "background": self.background,
            "mirror": self._mirrored,
            "lines": lines(),
            "failed": self.failed,
        }

    # --- what the processes tell ---

    def _start(self, child: Child) -> None:
        child.start()
        threading.Thread(
            target=self._listen,
            args=(child, child.link, asyncio.get_running_loop()),
            daemon=True,
        ).start()

    def _listen(self, child: Child, link: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """On a thread, for an event loop cannot wait for a process on every system."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            while True:
                try:
                    message = link.recv()
                except (EOFError, OSError, TypeError):  # closed, here or there
                    break
                loop.call_soon_threadsafe(self._heard, child, message)
            loop.call_soon_threadsafe(self._died, child)

    def _heard(self, child: Child, message: Any) -> None:
        if isinstance(message, Said):
            self._said(child, message)
        elif isinstance(message, Started):
            self._has_started(child, message)
        elif isinstance(message, Ready):
            self._wants_frame = True
            self._feed()
        elif isinstance(message, Calibrated):
            self._calibrated(message)
        elif isinstance(message, Seen):
            self._seen(message)
        elif isinstance(message, Received):
            self._received(message)
        elif isinstance(message, Shown):
            self._shown(message)

    def _has_started(self, child: Child, message: Started) -> None:
        child.started = True
        self.about |= message.about
        if child is self.shower:
            self._asked = False
            if self.performer is not None:
                child.send(Order("performer", self.performer))
            if self._recording is not None:
                child.send(Order("record", str(self._recording)))
            child.send(Order("strength", self._strength))
            child.send(Order("background", self.background))
            self._ask()
        elif child is self.watcher and self._mirrored:
            child.send(Order("mirror", True))
        self.audience.tell({"state": self.state()})

    def _said(self, child: Child, message: Said) -> None:
        child.last_words = message.text if message.wrong else ""
        self._tell_line(message.text, wrong=message.wrong)

    def _calibrated(self, message: Calibrated) -> None:
        if message.performer is not None:
            self.performer = message.performer
            self.on_performer(message.performer)
            self.shower.send(Order("performer", message.performer))
        self.audience.tell(
            {"calibration": message.share, "calibrated": message.performer is not None}
        )

    def _seen(self, seen: Seen) -> None:
        figures = self.figures
        figures.track.add(seen.track_ms)
        figures.solve.add(seen.solve_ms)
        figures.frames.tick()
        figures.dropped += seen.dropped
        figures.lost += int(seen.lost and self.performer is not None)
        if seen.pose is not None:
            self.shower.send(seen.pose)
        self.audience.seen(seen)

    def _received(self, received: Received) -> None:
        figures = self.figures
        figures.refused += received.refused
        figures.dropped += received.dropped
        if received.new is None:
            return
        figures.read.add(received.read_ms)
        figures.received.tick()
        if self.shower.started:  # nothing piles up before it has loaded everything
            self.shower.send(received.new)

    def _shown(self, shown: Shown) -> None:
        self._asked = False
        self.figures.draw.add(shown.draw_ms)
        self.figures.encode.add(shown.encode_ms)
        self.figures.pictures.tick()
        self.figures.recorded = shown.recording
        self.audience.picture(shown)
        self._ask()

    def _died(self, child: Child) -> None:
        child.close()
        if self.ended.is_set():
            return
        now = time.monotonic()
        child.deaths = [at for at in child.deaths if now - at < 60] + [now]
        reason = child.last_words or "it ended unexpectedly"
        if not child.started or len(child.deaths) > _RESTARTS:
            self.failed = f"{child.name} ended: {reason}"
            self.audience.tell({"state": self.state()})
            self.ended.set()
            return
        self._tell_line(f"{child.name} ended unexpectedly and is restarted", wrong=True)
        if child is self.watcher and self.watching is not None:
            self._wants_frame = False
            child.settings = replace(self.watching, performer=self.performer)
        self._start(child)

    # --- what goes out ---

    def _feed(self) -> None:
        if self._wants_frame and self._frame is not None and self.watcher is not None:
            self._wants_frame = False
            frame, self._frame = self._frame, None
            self.watcher.send(frame)
            busy = 1e-3 * (self.figures.track.median + self.figures.solve.median)
            wait = busy - _LEAD_SECONDS
            asyncio.get_running_loop().call_later(wait if wait > 0 else 0.0, self._next_one)

    def _ask(self) -> None:
        """Ask for a picture if there is somebody who can take one."""
        if self.audience.takes and not self._asked and self.shower.started:
            self._asked = True
            self.shower.send(Ready())

    def _tell_line(self, text: str, *, wrong: bool = False) -> None:
        """A line for the terminal and the pages."""
        self.say(text)
        self.audience.tell({"said": text, "wrong": wrong})

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY)
            self.audience.figures(self.figures.summary())
