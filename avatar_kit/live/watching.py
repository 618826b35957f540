"""The process that watches the performer: tracker, calibration, solver."""

from __future__ import annotations

import io
import os
import signal
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from avatar_kit.config import TrackerConfig
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body, FrameTrack, Tracker
from avatar_kit.live.calibration import calibrate
from avatar_kit.live.messages import Calibrated, Frame, Order, Pose, Ready, Said, Seen, Started
from avatar_kit.live.performer import Performer
from avatar_kit.live.solver import FrameSolver
from avatar_kit.live.sources import NewestFrame
from avatar_kit.registry import catalog
from avatar_kit.tracking.place import static_camera

#: Seconds of a calibration, the frames it needs, and the seconds in which a slow machine must see
#: as many.
CALIBRATION_SECONDS, _CALIBRATION_FRAMES, _LONGEST_CALIBRATION = 3.0, 25, 15.0
#: Seconds of frames that are kept for the face at rest.
_KEPT_SECONDS = 1.0
#: Seconds without a picture after which a camera of this machine is missed.
_PATIENCE = 2.0
#: Width and height above which a picture is not decoded.
LARGEST_PICTURE = 4096
#: Height of the pictures that the page is shown, where it has none of its own.
_PREVIEW_HEIGHT = 360
#: Poses a second that a motion of one frame claims; smoothing goes by the true times.
_FPS = 30.0


@dataclass(frozen=True)
class WatchSettings:
    """What the process is started with.

    Attributes:
        camera: ``browser``, or what :class:`~avatar_kit.live.sources.NewestFrame` takes.
        tracker: Registered name.
        body: Registered name of the body that is fitted to the performer.
        fov: Vertical field of view in degrees; None: the usual one.
        performer: JSON of an earlier calibration; None: calibrate.
    """

    camera: str
    tracker: str
    body: str
    fov: float | None = None
    performer: str | None = None


def watch(link: Connection, settings: WatchSettings) -> None:
    """Serve one session until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends this process
    torch.set_num_threads(1)  # beside the one that draws
    _leave_a_core()
    try:
        _Watcher(link, settings).run()
    except (EOFError, ConnectionError):
        pass
    except UserError as error:
        link.send(Said(str(error), wrong=True))


def _leave_a_core() -> None:
    """Keep the tracker's threads off one core: there the avatar is drawn at an even pace."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[:-1])


class _Watcher:
    def __init__(self, link: Connection, settings: WatchSettings):
        self.link, self.settings = link, settings
        tracker = catalog().get("tracker", settings.tracker)
        body = catalog().get("body", settings.body)
        tracking = cast(TrackerConfig, tracker.config(type=tracker.name)).live()
        self.tracker = cast(Tracker, tracker.load()(tracking))
        self.body = cast(Body, body.load()(body.config(type=body.name)).eval())
        self.performer = None
        if settings.performer is not None:
            self.performer = Performer.model_validate_json(settings.performer)
        own = settings.camera != "browser"
        self.source = NewestFrame(settings.camera) if own else None
        self.round = 1
        self.solver: FrameSolver | None = None
        self.size: tuple[int, int] | None = None
        self.mirrored = self.lost = self.silent = False
        self.kept: deque[tuple[float, FrameTrack]] = deque()
        self.last = -np.inf

    def run(self) -> None:
        self.link.send(Started({"tracker": self.settings.tracker}))
        while True:
            frame = self._next()
            if frame is not None:
                self.link.send(self._seen(*frame))

    def _next(self) -> tuple[int, float, np.ndarray, int] | None:
        """The next picture; None where an order came instead."""
        if self.source is not None:
            while self.link.poll():
                self._obey(cast(Order, self.link.recv()))
            frame = self.source.take(_PATIENCE)
            self._notice(frame is None)
            if self.source.round != self.round:  # the clip has begun anew
                self.round = self.source.round
                self._forget(calibrating=self.performer is None)
            return frame
        self.link.send(Ready())
        while True:
            message = self.link.recv()
            if isinstance(message, Frame):
                picture = decoded(message.picture)
                if picture is None:
                    self.link.send(Said("a picture from the page could not be read", wrong=True))
                    return None
                return message.number, message.time, picture, 0
            self._obey(message)

    def _notice(self, silent: bool) -> None:
        """Say once that no pictures come any more, and once that they are back."""
        if silent and not self.silent:
            camera = f"no picture from camera {self.settings.camera}"
            self.link.send(Said(f"{camera}; driving continues when it is back", wrong=True))
        elif self.silent and not silent:
            self.link.send(Said(f"camera {self.settings.camera} is back"))
        self.silent = silent

    def _obey(self, order: Order) -> None:
        if order.name == "end":
            raise EOFError
        if order.name == "mirror":
            self.mirrored = bool(order.value)
            self._forget()
        elif order.name == "calibrate":
            self.performer = self.solver = None
            self.kept.clear()
        elif order.name == "neutral":
            self._rest_face()
        elif order.name == "reset":
            self._forget()

    def _forget(self, *, calibrating: bool = False) -> None:
        """What comes does not follow from what came; frames for a calibration may be kept."""
        self.tracker.reset()
        if not calibrating:
            self.kept.clear()
        self.last, self.lost = -np.inf, False
        if self.solver is not None:
            self.solver.reset()

    def _seen(self, number: int, at: float, picture: np.ndarray, dropped: int) -> Seen:
        height, width = picture.shape[:2]
        if self.size not in (None, (width, height)) or at <= self.last:
            self._forget()
        if self.size != (width, height):
            self.size, self.solver = (width, height), None
        if self.mirrored:
            picture = np.ascontiguousarray(picture[:, ::-1])
        began = time.perf_counter()
        track = self.tracker.stream(picture)
        tracked = time.perf_counter()
        pose = self._pose(track, at)
        self.last = at
        return Seen(
            number,
            at,
            pose,
            self.lost,
            _points(track, width, height),
            1e3 * (tracked - began),
            1e3 * (time.perf_counter() - tracked),
            dropped,
            None if self.source is None else _preview(picture),
        )

    def _pose(self, track: FrameTrack, at: float) -> Pose | None:
        self.kept.append((at, track))
        kept = _KEPT_SECONDS if self.performer else _LONGEST_CALIBRATION
        while at - self.kept[0][0] > kept:
            self.kept.popleft()
        if self.performer is None:
            self._calibrate(at)
            return None
        if self.solver is None:
            camera, _ = static_camera(*cast(tuple[int, int], self.size), fov=self.settings.fov)
            self.solver = FrameSolver(self.body, self.performer, camera, _FPS)
            self.lost = True
        solved = self.solver.solve(track, at)
        new = self.lost and not solved.lost
        self.lost = solved.lost
        return None if solved.lost else Pose.of(solved.motion, at, new=new)

    def _calibrate(self, at: float) -> None:
        seconds, count = at - self.kept[0][0], len(self.kept)
        share = min(seconds / CALIBRATION_SECONDS, count / _CALIBRATION_FRAMES)
        if share < 1 and seconds < 0.9 * _LONGEST_CALIBRATION:
            self.link.send(Calibrated(0.5 * share))
            return
        camera, _ = static_camera(*cast(tuple[int, int], self.size), fov=self.settings.fov)
        try:
            performer = calibrate(
                self.body,
                [track for _, track in self.kept],
                camera,
                tracker=self.settings.tracker,
                report=self._report,
            )
        except UserError as error:
            self.link.send(Said(str(error), wrong=True))
        else:
            self.performer = performer
            self.link.send(Calibrated(1.0, performer.model_dump_json()))
            for note in performer.notes:
                self.link.send(Said(f"calibration: {note}"))
        self._forget()

    def _report(self, done: int, total: int, *rest: object) -> None:
        self.link.send(Calibrated(0.5 + 0.5 * done / max(total, 1)))

    def _rest_face(self) -> None:
        """Take the face of the last second for the face at rest."""
        if self.performer is None:
            return
        faces = [t.expression for _, t in self.kept if t.expression_confidence > 0.5]
        if not faces:
            self.link.send(Said("no face was seen in the last second; look at the camera", True))
            return
        rest = np.median(np.stack(faces), 0).clip(0, 1).tolist()
        self.performer = self.performer.model_copy(update={"neutral": tuple(rest)})
        self.solver = None
        self.link.send(Calibrated(1.0, self.performer.model_dump_json()))


def decoded(picture: bytes) -> np.ndarray | None:
    """[H, W, 3] uint8 RGB of a JPEG or WebP; None where it is none, or too large."""
    try:
        with Image.open(io.BytesIO(picture), formats=("JPEG", "WEBP")) as image:
            if max(image.size) > LARGEST_PICTURE:
                return None
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None


def _points(track: FrameTrack, width: int, height: int) -> np.ndarray:
    hands = track.hands.reshape(-1, 2)
    sure = np.concatenate([track.body_confidence, np.repeat(track.hands_confidence, 21)])
    places = np.concatenate([track.body, hands]) / (width, height)
    return np.nan_to_num(np.concatenate([places, sure[:, None]], axis=1)).astype(np.float32)


def _preview(picture: np.ndarray) -> bytes:
    image = Image.fromarray(picture)
    if image.height > _PREVIEW_HEIGHT:
        size = round(image.width * _PREVIEW_HEIGHT / image.height), _PREVIEW_HEIGHT
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)  # 2 ms, not 12
    return encoded(image)


def encoded(image: Image.Image, quality: int = 80) -> bytes:
    """A picture as JPEG, or as WebP where it has alpha."""
    held = io.BytesIO()
    if image.mode == "RGBA":
        image.save(held, "WEBP", quality=quality, method=0)
    else:
        image.save(held, "JPEG", quality=quality)
    return held.getvalue()
