"""The process that draws the avatar: poses in, pictures out, at an even pace."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from avatar_kit.engine.aligning import Alignment
from avatar_kit.engine.background import check_background, read_background
from avatar_kit.engine.loaded import load_avatar
from avatar_kit.engine.provenance import described_before
from avatar_kit.engine.run import RunFolder
from avatar_kit.errors import UserError
from avatar_kit.io.signing import Signer
from avatar_kit.io.synthetic import Synthetic
from avatar_kit.live.address import Address
from avatar_kit.live.drawing import Drawer
from avatar_kit.live.messages import Face, Order, Pose, Ready, Said, Shown, Started
from avatar_kit.live.performer import Performer
from avatar_kit.live.placing import Placer
from avatar_kit.live.pose_stream import PoseStream
from avatar_kit.live.recording import Recording
from avatar_kit.live.vmc import Sender
from avatar_kit.live.watching import encoded
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS

#: Threads that drawing a picture is cut into at most.
_MOST_THREADS = 4
#: Seconds in which a face that another program sent is shown before the camera's is again.
_FACE_SECONDS = 1.0
#: Share of a new picture in the mean of how long drawing takes, and the longest that counts.
_NEWS, _MOST_AHEAD = 0.2, 0.04
#: Quality of the pictures on the page, of 100.
_QUALITY = 90


@dataclass(frozen=True)
class ShowSettings:
    """What the process is started with.

    Attributes:
        run: Folder of the avatar.
        fps: Pictures a second.
        align: Name of an aligner; None: the avatar's own.
        values: Config values of the aligner.
        strength: Of the aligner, in [0, 1].
        background: As ``render --background``.
        in_place: Keep the avatar over its place.
        device: Where the avatar is drawn.
        send: Where poses go to as VMC; None: nowhere.
        signer: Who signs what is recorded; None: nobody.
    """

    run: Path
    fps: float = 25.0
    align: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    strength: float = 1.0
    background: str = "plate"
    in_place: bool = False
    device: str = "auto"
    send: Address | None = None
    signer: Signer | None = None


def show(link: Connection, settings: ShowSettings) -> None:
    """Serve one session until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends this process
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(min(_MOST_THREADS, max(1, (cores or 1) - 1)))  # one for who watches
    try:
        shower = _Shower(link, settings)
        with contextlib.closing(shower):
            shower.run()
    except (EOFError, ConnectionError):
        pass
    except UserError as error:
        link.send(Said(str(error), wrong=True))


class _Shower:
    def __init__(self, link: Connection, settings: ShowSettings):
        self.link, self.settings = link, settings
        loaded = load_avatar(RunFolder.open_person(settings.run), device=settings.device)
        self.loaded = loaded
        self.drawer = Drawer(loaded, Alignment(settings.align, settings.values, settings.strength))
        self._set_background(settings.background)
        self.stream = PoseStream()
        self.placer: Placer | None = None
        self.recording: Recording | None = None
        self.sender = None if settings.send is None else Sender(settings.send)
        self.face: Face | None = None
        self.number = self.wanted = 0
        self.drawn_at = -np.inf
        self.takes = 0.0  # seconds that drawing a picture takes, in the mean of late
        self.stale = True  # something else than the pose has changed
        self.resting = replace(loaded.training_motion[0:1], fps=settings.fps)

    def run(self) -> None:
        camera = self.loaded.subject.camera
        self.drawer.draw(self.resting)  # compiles kernels
        self.drawer.reset()
        about = {
            "width": camera.width,
            "height": camera.height,
            "name": self.loaded.subject.capture,
            "method": self.loaded.config.type,
            "aligner": self.drawer.aligner.config.type if self.drawer.aligns else None,
            "strength": self.drawer.strength,
            "background": self.settings.background,
            "backgrounds": self._replaceable(),
        }
        self.link.send(Started(about))
        period, due = 1 / self.settings.fps, time.monotonic()
        while True:
            self._listen(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if now < due:
                continue
            due = max(due + period, now)
            changed = self.stale or self.stream.moves(self.drawn_at)
            taken = self.wanted or (self.sender is not None and self.stream)
            if (taken and changed) or (self.recording is not None and self.stream):
                self._show(now)

    def close(self) -> None:
        """Finish what is being recorded."""
        if self.recording is not None:
            self.recording.end()
        if self.sender is not None:
            self.sender.close()

    def _listen(self, seconds: float) -> None:
        """Obey what has come, and wait for more."""
        ends = time.monotonic() + seconds
        pose: Pose | None = None
        while self.link.poll(max(0.0, ends - time.monotonic())):
            message = self.link.recv()
            if isinstance(message, Pose):
                pose = replace(message, new=message.new or (pose is not None and pose.new))
            elif isinstance(message, Face):
                self._wear(message)
            elif isinstance(message, Ready):
                self.wanted += 1
            elif isinstance(message, Order):
                self._obey(message)
            if pose is not None and not self.link.poll():  # of those that came, the newest
                self._move(pose)
                pose = None

    def _move(self, pose: Pose) -> None:
        if self.placer is None:
            return
        if pose.new:
            self.placer.reset()
            self.drawer.reset()
        placed = self.placer.place(pose.motion(self.settings.fps))
        self.stream.add(placed, pose.time, time.monotonic(), new=pose.new)

    def _wear(self, face: Face) -> None:
        """A face is a pose where nothing else drives; else it takes the place of the camera's."""
        if face.head is not None:
            posed = wearing(self.resting, face)
            self.stream.add(posed, face.time, time.monotonic(), new=not self.stream)
        else:
            self.face, self.stale = face, True

    def _posed(self, now: float) -> tuple[Motion, float | None]:
        """The pose to show, and when the performer was so."""
        motion, at = self.stream.at(now) if self.stream else (self.resting, None)
        if self.face is None or now - self.face.time > _FACE_SECONDS:
            return motion, at
        return wearing(motion, self.face), at

    def _obey(self, order: Order) -> None:
        if order.name == "end":
            raise EOFError
        self.stale = True
        try:
            if order.name == "performer":
                self._place(Performer.model_validate_json(order.value))
            elif order.name == "strength":
                self.drawer.strength = float(order.value)
            elif order.name == "background":
                self._set_background(str(order.value))
                if self.recording is not None and self.recording.synthetic != self._said():
                    self._record(None)  # what it says of recorded pixels would no longer be true
            elif order.name == "record":
                self._record(None if order.value is None else Path(order.value))
        except (UserError, OSError) as error:
            self.link.send(Said(str(error), wrong=True))

    def _place(self, performer: Performer) -> None:
        avatar = self.loaded.avatar
        self.placer = Placer(
            avatar.body,
            avatar.shape,
            self.loaded.training_motion,
            performer,
            in_place=self.settings.in_place,
        )

    def _set_background(self, name: str) -> None:
        background = read_background(name)
        check_background(self.loaded, background)
        self.drawer.background = background

    def _replaceable(self) -> bool:
        try:
            check_background(self.loaded, read_background("transparent"))
        except UserError:
            return False
        return True

    def _record(self, out: Path | None) -> None:
        if self.recording is not None:
            ended, self.recording = self.recording, None
            self.link.send(Said(ended.end()))
        if out is not None:
            self.recording = Recording(out, self.settings.fps, self._said())

    def _said(self) -> Synthetic:
        """What a recording says of itself."""
        return described_before(self.loaded, self.drawer.background, self.settings.signer)

    def _show(self, now: float) -> None:
        began = time.perf_counter()
        done = now + self.takes  # a picture shows the pose of the moment at which it is done
        motion, at = self._posed(done)
        picture = self.drawer.draw(motion)
        self.drawn_at, self.stale = done, False
        drawn = time.perf_counter()
        self.takes += _NEWS * (min(drawn - began, _MOST_AHEAD) - self.takes)
        if self.sender is not None and self.drawer.pose is not None and at is not None:
            self.sender.send(self.drawer.pose.to("cpu"))
        if self.recording is not None and at is not None:  # from the first pose on
            try:
                self.recording.add(picture, now)
            except (UserError, OSError) as error:
                lost, self.recording = self.recording, None
                lost.abandon()
                self.link.send(Said(f"{lost.out}: recording stopped: {error}", wrong=True))
        if not self.wanted:
            return
        self.wanted -= 1
        self.number += 1
        data = encoded(Image.fromarray(picture), _QUALITY)
        shown = Shown(
            self.number,
            at,
            data,
            picture.shape[2] == 4,
            1e3 * (drawn - began),
            1e3 * (time.perf_counter() - drawn),
            None if self.recording is None else self.recording.seconds,
        )
        self.link.send(shown)


def wearing(motion: Motion, face: Face) -> Motion:
    """A pose of one frame with the expression of another face, and its head where it has one.

    Half of the turn of the head is the neck's, so that together they turn by the whole. Jaw and
    eyes are told by the channels alone.
    """
    still = torch.zeros(1, 3)
    body = motion.body_pose.clone()
    if face.head is not None:
        for joint in ("neck", "head"):
            first = 3 * BODY_JOINTS.index(joint)
            body[0, first : first + 3] = torch.from_numpy(face.head) / 2
    return replace(
        motion,
        body_pose=body,
        expression=torch.from_numpy(face.expression)[None],
        jaw_pose=still,
        leye_pose=still,
        reye_pose=still,
    )
