"""Those who look on at a session.

Who looks on gets a picture only while fewer than two are on their way to them; what is drawn
meanwhile replaces what was not sent. So a slow page sees fewer pictures, and never old ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from avatar_kit.live.messages import Seen, Shown

#: Pictures on their way to a page that it did not acknowledge.
WINDOW = 2
#: Messages on their way to a page, beside pictures, from which on it is spared what is soon out of
#: date: figures, skeletons, the performer's picture.
_MOST_UNSENT = 4


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


class Audience:
    """Everybody who looks on.

    Attributes:
        viewers: Who they are.
    """

    def __init__(self):
        self.viewers: set[Viewer] = set()
        self._last: Shown | None = None
        self._tasks: set[asyncio.Task] = set()

    def join(self, viewer: Viewer) -> None:
        """Somebody looks on; they see the last picture at once."""
        self.viewers.add(viewer)
        if self._last is not None:
            self._picture_to(viewer, self._last)

    def leave(self, viewer: Viewer) -> None:
        """Somebody went."""
        self.viewers.discard(viewer)

    @property
    def takes(self) -> bool:
        """Whether somebody can take a picture now."""
        return any(len(viewer.under_way) < WINDOW for viewer in self.viewers)

    def acknowledged(self, viewer: Viewer) -> float | None:
        """A picture has arrived with somebody: the time of the performer that it shows."""
        taken = viewer.under_way.popleft() if viewer.under_way else None
        if viewer.waiting is not None:
            waiting, viewer.waiting = viewer.waiting, None
            self._picture_to(viewer, waiting)
        return taken

    def picture(self, shown: Shown) -> None:
        """A new picture, for all."""
        self._last = shown
        for viewer in list(self.viewers):
            self._picture_to(viewer, shown)

    def seen(self, seen: Seen) -> None:
        """What the tracker saw, for those who want it and are not behind."""
        points = [round(float(v), 4) for v in seen.points.reshape(-1)]
        said = {"points": points, "lost": seen.lost, "number": seen.number}
        for viewer in list(self.viewers):
            if viewer.preview and not viewer.behind:
                self.spawn(self._to(viewer, said))
                if seen.preview is not None:
                    self.spawn(self._to(viewer, {"preview": seen.preview}))

    def figures(self, summary: dict[str, Any]) -> None:
        """Figures of the session, for those who are not behind."""
        for viewer in [v for v in self.viewers if not v.behind]:
            self.spawn(self._to(viewer, {"figures": summary}))

    def tell(self, message: dict[str, Any]) -> None:
        """A message for all."""
        for viewer in list(self.viewers):
            self.spawn(self._to(viewer, message))

    def spawn(self, work: Any) -> None:
        """Do something beside all else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        """Send nothing more."""
        for task in list(self._tasks):
            task.cancel()

    def _picture_to(self, viewer: Viewer, shown: Shown) -> None:
        if len(viewer.under_way) >= WINDOW:
            viewer.waiting = shown
            return
        viewer.under_way.append(shown.time)
        self.spawn(self._to(viewer, shown))

    async def _to(self, viewer: Viewer, message: dict[str, Any] | Shown) -> None:
        viewer.unsent += 1
        try:
            await viewer.send(message)
        except (ConnectionError, RuntimeError):
            self.leave(viewer)
        finally:
            viewer.unsent -= 1
