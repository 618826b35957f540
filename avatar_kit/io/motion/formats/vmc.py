"""Recordings of the Virtual Motion Capture protocol: packets of a network, or lines of oscdump."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.tracks import at_even_times, joined_people
from avatar_kit.io.motion.values import checked_rate
from avatar_kit.io.vmc.osc import Message, messages
from avatar_kit.io.vmc.oscdump import printed_messages
from avatar_kit.io.vmc.packet_capture import is_packet_capture, udp_packets
from avatar_kit.io.vmc.pose import VmcPose
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import concatenate

#: What a sender says anew with every pose.
_BEGINS = ("/VMC/Ext/Bone/Pos", "Hips")

#: Seconds in which a sender says one pose; between poses there are more.
_TOGETHER = 1e-3

#: Seconds without a pose that nobody can tell what happened in.
_LONGEST_GAP = 5.0

#: Frames per second where times do not tell.
_USUAL = 30.0


def _matches(source: Source) -> bool:
    return source.kind == "packets"


def _read(source: Source, options: MotionOptions) -> Reading:
    """What performers sent, each port a clip, at the mean rate of its poses."""
    told: dict[str, list[tuple[float, tuple[Message, ...]]]] = {}
    try:
        for time, port, said in _packets(source):
            if any(message.address.startswith("/VMC/") for message in said):
                told.setdefault(port, []).append((time, said))
    except ValueError as error:
        raise UserError(f"{source.path}: is damaged ({error})") from None
    people, notes, known = {}, [], "guessed"
    for port, packets in told.items():
        sent = _poses(packets)
        notes += [f"port {port}: {note}" if len(told) > 1 else note for note in sent.notes]
        if sent.motions:
            people[port], known = _timed(sent, options, source)
    if not people:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise UserError(f"{source.path}: holds no pose of VMC, with its root and its hips{why}")
    fps = next(iter(people.values())).fps
    motion, clips = joined_people({n: m.resample(fps) for n, m in people.items()}, source.path)
    hands = bool(motion.left_hand_pose.any() or motion.right_hand_pose.any())
    face = "expressions" if bool(motion.expression.any()) else ""
    return Reading(
        "VMC recording", motion, sure_up=True, unit="m", rate=known,  # type: ignore[arg-type]
        hands="fingers" if hands else "", face=face, notes=tuple(notes), clips=clips,
    )  # fmt: skip


def _packets(source: Source) -> Iterator[tuple[float, str, tuple[Message, ...]]]:
    """When, to which port, and the messages of each packet; what is no OSC is passed over."""
    content = source.bytes()
    if not is_packet_capture(content):
        for time, message in printed_messages(source.text()):
            yield time, "", (message,)
        return
    for time, port, data in udp_packets(content):
        try:
            yield time, str(port), tuple(messages(data))
        except ValueError:
            continue


@dataclass
class _Sent:
    """What one performer sent.

    Attributes:
        times: Seconds at which each pose began.
        motions: The poses, a frame each.
        notes: What is odd, for a person.
    """

    times: list[float]
    motions: list[Motion]
    notes: list[str]


def _poses(packets: Iterable[tuple[float, tuple[Message, ...]]]) -> _Sent:
    """The poses: each ends where the next begins, with its hips."""
    pose, sent = VmcPose(), _Sent([], [], [])
    begun: float | None = None
    faults: list[str] = []

    def ended() -> None:
        if begun is not None and pose.complete and pose.loaded:
            sent.times.append(begun)
            sent.motions.append(pose.motion())

    for time, said in packets:
        begins = any((message.address, *message.values[:1]) == _BEGINS for message in said)
        if begins:
            ended()
        try:
            pose.take_messages(said)
        except ValueError as error:
            faults.append(str(error))
            begun = None if begins else begun  # this pose is not whole
            continue
        begun = time if begins else begun
    ended()
    sent.notes += dict.fromkeys(pose.notes)
    if faults:
        sent.notes.append(f"{len(faults)} packets make no sense, left out: {faults[0]}")
    return sent


def _timed(sent: _Sent, options: MotionOptions, source: Source) -> tuple[Motion, str]:
    """The motion at even times, and how its rate is known."""
    times = np.array(sent.times)
    steps = np.diff(times)
    told = len(steps) > 0 and float(np.median(steps)) > _TOGETHER
    if not told:
        fps, rate = options.rate or _USUAL, "stated" if options.rate else "guessed"
        return _joined(sent.motions, fps), rate
    if (steps <= 0).any():
        late = int((steps <= 0).argmax()) + 1
        raise UserError(f"{source.path}: pose {late} is not later than the one before")
    if steps.max() > _LONGEST_GAP:
        raise UserError(
            f"{source.path}: nothing was sent for {steps.max():.0f} s; record it in parts"
        )
    mean = round(1 / float(np.median(steps)), 2)
    fps = options.rate or checked_rate(mean, f"{source.path}: the rate of its poses")
    even, _ = at_even_times(_joined(sent.motions, fps), (times - times[0]) * fps)
    return even, "stated"


def _joined(motions: list[Motion], fps: float) -> Motion:
    return concatenate([replace(motion, fps=fps) for motion in motions])


FORMAT = Format("VMC recordings (pcap, pcapng, oscdump)", _matches, _read)
