"""The middle of a live session: two processes, those who look on, and figures of it all.

Who looks on gets a picture only while fewer than two are on their way to them; what is drawn
meanwhile replaces what was not sent. So a slow page sees fewer pictures, and never old ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from avatar_kit.live.child import Child
from avatar_kit.live.figures import Figures
from avatar_kit.live.messages import Calibrated, Frame, Order, Ready, Said, Seen, Shown, Started
from avatar_kit.live.showing import ShowSettings, show
from avatar_kit.live.skeleton import lines
from avatar_kit.live.watching import WatchSettings, watch

#: Pictures on their way to a page that it did not acknowledge.
WINDOW = 2
#: Seconds that a page takes to encode and send a frame.
_LEAD_SECONDS = 0.04
#: A process that dies more often than this within a minute is not started again.
_RESTARTS = 3
#: Messages on their way to a page, beside pictures, from which on it is spared what is soon out of
#: date: figures, skeletons, the performer's picture.
_MOST_UNSENT = 4
#: Seconds between two reports of the figures to those who look on.
_REPORT_EVERY = 0.5


@dataclass(eq=False)
class Viewer:
    """Somebody who looks on.

    Attributes:
        send: Takes what is for them: a message as a dict, or a picture.
        preview: Whether they want the pictures of the performer too.
        under_way: Times of the pictures that they did not acknowledge yet.
        waiting: The newest picture that they cannot take yet.
        unsent: Messages that they have not been sent whole.
    """

    send: Callable[[dict[str, Any] | Shown], Awaitable[None]]
    preview: bool = True
    under_way: deque[float | None] = field(default_factory=deque)
    waiting: Shown | None = None
    unsent: int = 0

    @property
    def behind(self) -> bool:
        """Whether what is soon out of date is better left out."""
        return self.unsent >= _MOST_UNSENT


class Hub:
    """Runs a session inside an event loop.

    Args:
        watching: How the performer is watched.
        showing: How the avatar is drawn.
        say: Takes a line for a person.
        record: Video to write from the start on.
        on_performer: Takes the performer's file, as JSON, after a calibration.

    Attributes:
        viewers: Who looks on.
        performer: JSON of the performer, once known.
        figures: Of the session so far.
        about: What the processes told of themselves.
        background: What is behind the avatar now.
        failed: Why the session cannot go on; None while it can.
        ended: Set when the session is over.
    """

    def __init__(
        self,
        watching: WatchSettings,
        showing: ShowSettings,
        say: Callable[[str], None] = lambda line: None,
        *,
        record: Path | None = None,
        on_performer: Callable[[str], None] = lambda performer: None,
    ):
        self.watching, self.showing = watching, showing
        self.say, self.on_performer = say, on_performer
        self.viewers: set[Viewer] = set()
        self.figures = Figures()
        self.about: dict[str, Any] = {}
        self.performer = watching.performer
        self.failed: str | None = None
        self.ended = asyncio.Event()
        self._frame: Frame | None = None
        self._next_one: Callable[[], None] = lambda: None
        self._wants_frame = False
        self._last: Shown | None = None
        self._asked = False
        self._tasks: set[asyncio.Task] = set()
        self._strength, self.background = showing.strength, showing.background
        self._mirrored, self._recording = False, record
        self.watcher = Child("the process that tracks you", watch, watching)
        self.shower = Child("the process that draws the avatar", show, showing)

    def start(self) -> None:
        """Start both processes; returns at once."""
        # small systems of equations, beside other work: two threads would wait for each other
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        for child in (self.watcher, self.shower):
            self._start(child)
        self._spawn(self._report())

    async def stop(self) -> None:
        """End both processes; a recording is finished first."""
        self.ended.set()
        for task in list(self._tasks):
            task.cancel()
        for child in (self.watcher, self.shower):
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
        self.viewers.add(viewer)
        if self._last is not None:
            self._picture_to(viewer, self._last)
        self._ask()

    def leave(self, viewer: Viewer) -> None:
        """Somebody went."""
        self.viewers.discard(viewer)

    def acknowledge(self, viewer: Viewer, latency: float | None) -> None:
        """A picture has arrived.

        Args:
            viewer: With whom.
            latency: Seconds since the performer was so, where the page has the camera and with it
                the clock; else it is found here, the way back included.
        """
        taken = viewer.under_way.popleft() if viewer.under_way else None
        if self.watching.camera != "browser" and taken is not None:
            latency = time.monotonic() - taken
        if latency is not None:
            self.figures.latency.add(latency)
        if viewer.waiting is not None:
            waiting, viewer.waiting = viewer.waiting, None
            self._picture_to(viewer, waiting)
        self._ask()

    def state(self) -> dict[str, Any]:
        """What a page must know that has just come."""
        return {
            "about": self.about,
            "camera": self.watching.camera,
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
        elif self._mirrored:
            child.send(Order("mirror", True))
        self._tell({"state": self.state()})

    def _said(self, child: Child, message: Said) -> None:
        child.last_words = message.text if message.wrong else ""
        self.say(message.text)
        self._tell({"said": message.text, "wrong": message.wrong})

    def _calibrated(self, message: Calibrated) -> None:
        if message.performer is not None:
            self.performer = message.performer
            self.on_performer(message.performer)
            self.shower.send(Order("performer", message.performer))
        self._tell({"calibration": message.share, "calibrated": message.performer is not None})

    def _seen(self, seen: Seen) -> None:
        figures = self.figures
        figures.track.add(seen.track_ms)
        figures.solve.add(seen.solve_ms)
        figures.frames.tick()
        figures.dropped += seen.dropped
        figures.lost += int(seen.lost and self.performer is not None)
        if seen.pose is not None:
            self.shower.send(seen.pose)
        points = [round(float(v), 4) for v in seen.points.reshape(-1)]
        said = {"points": points, "lost": seen.lost, "number": seen.number}
        for viewer in list(self.viewers):
            if viewer.preview and not viewer.behind:
                self._spawn(self._to(viewer, said))
                if seen.preview is not None:
                    self._spawn(self._to(viewer, {"preview": seen.preview}))

    def _shown(self, shown: Shown) -> None:
        self._asked = False
        self.figures.draw.add(shown.draw_ms)
        self.figures.encode.add(shown.encode_ms)
        self.figures.pictures.tick()
        self.figures.recorded = shown.recording
        self._last = shown
        for viewer in list(self.viewers):
            self._picture_to(viewer, shown)
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
            self._tell({"state": self.state()})
            self.ended.set()
            return
        line = f"{child.name} ended unexpectedly and starts again"
        self.say(line)
        self._tell({"said": line, "wrong": True})
        if child is self.watcher:
            self._wants_frame = False
            child.settings = replace(self.watching, performer=self.performer)
        self._start(child)

    # --- what goes out ---

    def _feed(self) -> None:
        if self._wants_frame and self._frame is not None:
            self._wants_frame = False
            frame, self._frame = self._frame, None
            self.watcher.send(frame)
            busy = 1e-3 * (self.figures.track.median + self.figures.solve.median)
            wait = busy - _LEAD_SECONDS
            asyncio.get_running_loop().call_later(wait if wait > 0 else 0.0, self._next_one)

    def _ask(self) -> None:
        """Ask for a picture if there is somebody who can take one."""
        open_hands = any(len(v.under_way) < WINDOW for v in self.viewers)
        if open_hands and not self._asked and self.shower.started:
            self._asked = True
            self.shower.send(Ready())

    def _picture_to(self, viewer: Viewer, shown: Shown) -> None:
        if len(viewer.under_way) >= WINDOW:
            viewer.waiting = shown
            return
        viewer.under_way.append(shown.time)
        self._spawn(self._to(viewer, shown))

    def _tell(self, message: dict[str, Any]) -> None:
        for viewer in list(self.viewers):
            self._spawn(self._to(viewer, message))

    async def _to(self, viewer: Viewer, message: dict[str, Any] | Shown) -> None:
        viewer.unsent += 1
        try:
            await viewer.send(message)
        except (ConnectionError, RuntimeError):
            self.leave(viewer)
        finally:
            viewer.unsent -= 1

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY)
            said = {"figures": self.figures.summary()}
            for viewer in [v for v in self.viewers if not v.behind]:
                self._spawn(self._to(viewer, said))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
