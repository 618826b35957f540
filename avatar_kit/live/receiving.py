"""The process that takes poses or faces from another program, in place of a camera or beside it."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Protocol

import torch

from avatar_kit.errors import UserError
from avatar_kit.live.address import Address
from avatar_kit.live.live_link import FaceReader
from avatar_kit.live.messages import Calibrated, Face, Order, Pose, Received, Said, Started
from avatar_kit.live.packets import PacketSource
from avatar_kit.live.performer import Performer
from avatar_kit.live.vmc_reader import VmcReader

#: Seconds without a packet after which it is said, and the next pose does not go on from the one
#: before; and those between two lines about what is refused.
_SILENCE, _SAY_EVERY = 5.0, 5.0


class Reader(Protocol):
    """Makes a pose or a face of packets.

    Attributes:
        notes: Lines for a person that nobody has taken yet.
    """

    notes: list[str]

    def take(self, packet: bytes) -> None:
        """One packet; ValueError where it makes no sense, and then nothing of it is taken."""

    def newest(self, at: float) -> Pose | Face | None:
        """What it says since the last time, if anything; ValueError where a part is missing."""


@dataclass(frozen=True)
class ReceiveSettings:
    """What the process is started with.

    Attributes:
        address: To listen at.
        fps: Poses a second, at most.
        performer: JSON of the avatar as a performer; None where only a face comes.
        leg: Length of that performer's legs in metres, thigh and shin.
        head: Whether a face brings the turn of the head, too: nothing else drives the avatar.
    """

    address: Address
    fps: float = 25.0
    performer: str | None = None
    leg: float = 1.0
    head: bool = True


def receive(link: Connection, settings: ReceiveSettings) -> None:
    """Serve one session until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends this process
    torch.set_num_threads(1)  # beside the one that draws
    try:
        with contextlib.closing(PacketSource(settings.address)) as packets:
            Receiver(link, packets, settings).run()
    except (EOFError, ConnectionError):
        pass
    except UserError as error:
        link.send(Said(str(error), wrong=True))


class Receiver:
    """Reads packets as they come and hands on the newest pose, at an even pace.

    Args:
        link: To the session.
        packets: Where they come from.
        settings: Of the process.
    """

    def __init__(self, link: Connection, packets: PacketSource, settings: ReceiveSettings):
        self.link, self.packets, self.settings = link, packets, settings
        vmc = settings.address.scheme == "vmc"
        self.reader: Reader = VmcReader() if vmc else FaceReader(head=settings.head)
        self._bursts = 0  # that came since a pose was handed on
        self._seconds = 0.0
        self._refused = self._all_refused = 0
        self._said_at = self._sent_at = -float("inf")
        self._silent = False
        self._scaled = settings.performer is None

    def run(self) -> None:
        """Until the session ends."""
        self.link.send(Started({}))
        while not self._ended():
            due = self._sent_at + 1 / self.settings.fps
            patience = due - time.monotonic() if self._bursts else 0.25
            burst = self.packets.burst(patience)
            began = time.perf_counter()
            self._bursts += self._take(burst)
            new, dropped = None, 0
            if self._bursts and time.monotonic() >= due:
                new, dropped, self._bursts = self._newest(), self._bursts - 1, 0
            self._seconds += time.perf_counter() - began
            self._say()
            if new is not None:
                self._hand_on(new, dropped)
            elif self._refused:
                self._report(None, dropped)

    def _ended(self) -> bool:
        while self.link.poll():
            if self.link.recv() == Order("end"):
                return True
        return False

    def _take(self, burst: list[bytes]) -> bool:
        """Whether any of the packets made sense."""
        taken = 0
        for packet in burst:
            try:
                self.reader.take(packet)
                taken += 1
            except ValueError as error:
                self.packets.refused.append(str(error))
        return taken > 0

    def _newest(self) -> Pose | Face | None:
        try:
            return self.reader.newest(self.packets.came)
        except ValueError as error:
            self.packets.refused.append(str(error))
            return None

    def _say(self) -> None:
        """What went wrong, not too often."""
        refused, now, where = self.packets.refused, time.monotonic(), self.settings.address
        self._refused += len(refused)
        self._all_refused += len(refused)
        if refused and now - self._said_at > _SAY_EVERY:
            self._said_at = now
            text = f"{where}: packet refused: {refused[-1]} ({self._all_refused} so far)"
            self.link.send(Said(f"{text}; the avatar keeps its last pose", wrong=True))
        refused.clear()
        for note in self.reader.notes:
            self.link.send(Said(f"{where}: {note}"))
        self.reader.notes.clear()
        silent = now - self.packets.came > _SILENCE
        if silent != self._silent:
            self._silent = silent
            text = (
                f"no packet for {_SILENCE:g} seconds; check that the sender sends to this address"
            )
            self.link.send(Said(f"{where}: {text if silent else 'packets arrive'}", wrong=silent))

    def _hand_on(self, new: Pose | Face, dropped: int) -> None:
        now = time.monotonic()
        if isinstance(new, Pose):
            self._scale()
            new = replace(new, new=now - self._sent_at > _SILENCE)
        self._sent_at = now
        self._report(new, dropped)

    def _report(self, new: Pose | Face | None, dropped: int) -> None:
        self.link.send(Received(new, 1e3 * self._seconds, dropped, self._refused))
        self._seconds, self._refused = 0.0, 0

    def _scale(self) -> None:
        """Steps as long as the avatar's legs make them, where the sender tells of its own."""
        if self._scaled or not isinstance(self.reader, VmcReader):
            return
        self._scaled = True
        leg, own = self.reader.leg, self.settings.leg
        if leg is None:
            text = "the sender does not send the length of its legs: steps are in metres"
        else:
            performer = Performer.model_validate_json(self.settings.performer or "")
            sizes = {"height": performer.height * leg / own, "pelvis": performer.pelvis * leg / own}
            performer = performer.model_copy(update=sizes)
            self.link.send(Calibrated(1.0, performer.model_dump_json()))
            text = f"the sender's legs are {leg:.2f} m long, the avatar's {own:.2f} m: steps are "
            text += f"scaled by {own / leg:.2f}"
        self.link.send(Said(f"{self.settings.address}: {text}"))
