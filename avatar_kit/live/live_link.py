"""The face of a phone: packets of the app Live Link Face (iOS), one a frame over UDP.

Big-endian throughout: a version byte; two strings, each a 32-bit length and UTF-8 (the device and
the name of the subject); the frame number, a float between it and the next, and the frame rate as
a fraction; the number of values, a byte, and that many floats: the 52 channels of ARKit in Unreal
Engine's order, then yaw, pitch and roll of the head, of the left and of the right eye, radians.
Where no face is seen a packet ends after the frame rate.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.live.messages import Face
from avatar_kit.scene.joints import ARKIT_CHANNELS

_VERSION = 6
_TIME = struct.Struct(">ifii")
_SIDES = ("Left", "Right")
_EYE = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
_MOUTH_IN_PAIRS = ("Smile", "Frown", "Dimple", "Stretch")
_MOUTH_AFTER = ("Press", "LowerDown", "UpperUp")

#: The 52 channels in the order of the packets.
ORDER = (
    *(f"eye{part}{side}" for side in _SIDES for part in _EYE),
    *("jawForward", "jawLeft", "jawRight", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
    *(f"mouth{part}{side}" for part in _MOUTH_IN_PAIRS for side in _SIDES),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *(f"mouth{part}{side}" for part in _MOUTH_AFTER for side in _SIDES),
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight"),
    "tongueOut",
)
_CHANNELS = len(ORDER)
#: Values of a packet: the channels, and three angles each of the head and the eyes.
VALUES = _CHANNELS + 9
_TO_ARKIT = [ORDER.index(name) for name in ARKIT_CHANNELS]
#: Channels are in [0, 1]; the app may go a little beyond.
_LEAST, _MOST = -0.1, 1.1


@dataclass(frozen=True)
class LiveLinkFrame:
    """What one packet says.

    Attributes:
        device: Id of the phone.
        subject: Name that was given to it in the app.
        frame: Its number.
        expression: [52] ARKit channels in [0, 1]; None where no face is seen.
        head: Yaw, pitch and roll in radians, as the app tells them.
    """

    device: str
    subject: str
    frame: int
    expression: np.ndarray | None
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)


class FaceReader:
    """The face of one phone, as its packets come.

    Args:
        head: Whether the turn of the head is told, too.

    Attributes:
        notes: Lines for a person that nobody has taken yet.
    """

    def __init__(self, *, head: bool):
        self.head = head
        self.notes: list[str] = []
        self._frame: LiveLinkFrame | None = None
        self._sees = True

    def take(self, packet: bytes) -> None:
        """One datagram.

        Raises:
            ValueError: It makes no sense.
        """
        self._frame = read_packet(packet)

    def newest(self, at: float) -> Face | None:
        """The face since the last time, if there is one.

        Args:
            at: When it came.
        """
        frame, self._frame = self._frame, None
        if frame is None:
            return None
        sees = frame.expression is not None
        if self._sees and not sees:
            self.notes.append(
                f"{frame.subject!r:.40} sees no face; the avatar keeps its last expression"
            )
        self._sees = sees
        if frame.expression is None:
            return None
        return Face(at, frame.expression, head_turn(frame.head).numpy() if self.head else None)


def read_packet(packet: bytes) -> LiveLinkFrame:
    """Read one datagram.

    Raises:
        ValueError: It is none of the app's, cut short, or its values make no sense.
    """
    if not packet or packet[0] != _VERSION:
        found = f"version {packet[0]}" if packet else "nothing"
        raise ValueError(
            f"not a packet of Live Link Face: {found}, expected version {_VERSION} (in the app, "
            "select the mode Live Link, ARKit)"
        )
    device, at = _text(packet, 1)
    subject, at = _text(packet, at)
    frame, part, numerator, denominator = _TIME.unpack(_taken(packet, at, _TIME.size))
    if not math.isfinite(part) or numerator <= 0 or denominator <= 0:
        raise ValueError(f"frame {frame}: a frame rate of {numerator}/{denominator}")
    at += _TIME.size
    if at == len(packet) or packet[at:] == b"\0":
        return LiveLinkFrame(device, subject, frame, None)
    if packet[at] != VALUES or len(packet) != at + 1 + 4 * VALUES:
        raise ValueError(
            f"frame {frame}: {packet[at]} values in {len(packet) - at - 1} bytes, expected {VALUES}"
            f" in {4 * VALUES}"
        )
    values = np.frombuffer(packet, ">f4", VALUES, at + 1).astype(np.float32)
    return LiveLinkFrame(device, subject, frame, *_checked(frame, values))


def head_turn(head: tuple[float, float, float]) -> Tensor:
    """[3] axis-angle of yaw, pitch and roll, against someone who faces the phone.

    A head at rest faces +z with its left along +x: yaw turns it about y, then pitch about x, then
    roll about z.
    """
    return roma.unitquat_to_rotvec(roma.euler_to_unitquat("YXZ", torch.tensor(head)))


def _checked(frame: int, values: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float]]:
    if not np.isfinite(values).all():
        raise ValueError(f"frame {frame}: a value that is not finite (NaN or infinity)")
    channels, head = values[:_CHANNELS], values[_CHANNELS : _CHANNELS + 3]
    if channels.min() < _LEAST or channels.max() > _MOST:
        worst = int(np.abs(channels - 0.5).argmax())
        raise ValueError(
            f"frame {frame}: {ORDER[worst]} is {channels[worst]:g}, expected between 0 and 1"
        )
    if np.abs(values[_CHANNELS:]).max() > math.pi + 1e-3:
        raise ValueError(f"frame {frame}: an angle of more than half a turn, expected radians")
    yaw, pitch, roll = (float(value) for value in head)
    return channels[_TO_ARKIT].clip(0, 1), (yaw, pitch, roll)


def _text(packet: bytes, at: int) -> tuple[str, int]:
    size = struct.unpack(">i", _taken(packet, at, 4))[0]
    data = _taken(packet, at + 4, size)
    try:
        return data.decode("utf-8"), at + 4 + size
    except UnicodeDecodeError:
        raise ValueError("a name in a packet of Live Link Face is not UTF-8") from None


def _taken(packet: bytes, at: int, size: int) -> bytes:
    if size < 0 or at + size > len(packet):
        raise ValueError("a packet of Live Link Face is truncated")
    return packet[at : at + size]
