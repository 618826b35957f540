"""Poses for other programs: the Virtual Motion Capture protocol, OSC messages over UDP.

Bones and blend shapes go by the names of VRM. VMC's world is Unity's: left-handed, y up, metres,
the person faces +z; ours with x turned round. At zero rotations the bones stand in the T-pose, as
ours do.
"""

from __future__ import annotations

import socket
import time

import roma
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from avatar_kit.errors import UserError
from avatar_kit.io.vmc.bones import BONES, mirrored
from avatar_kit.live.address import Address
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, SMPLX_JOINTS

#: Bones in one packet, so that it fits into one of Ethernet.
_PER_PACKET = 12


class Sender:
    """Sends poses, one after another; what does not arrive is lost, as with all of UDP.

    Args:
        address: Where to.

    Raises:
        UserError: There is no such host.
    """

    def __init__(self, address: Address):
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            raise UserError(f"--send {address}: {error}") from None
        self._socket = socket.socket(found[0], socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._to = found[4]
        self._began = time.monotonic()

    def send(self, motion: Motion) -> None:
        """A pose.

        Args:
            motion: One frame.
        """
        for packet in packets(motion, time.monotonic() - self._began):
            try:
                self._socket.sendto(packet, self._to)
            except OSError:  # nobody listens, or the line is full: the next pose comes soon
                return

    def close(self) -> None:
        """Send nothing more."""
        self._socket.close()


def packets(motion: Motion, seconds: float) -> list[bytes]:
    """OSC bundles that say a pose.

    Args:
        motion: One frame.
        seconds: Since the session began.
    """

    def message(address: str, *values: object) -> object:
        made = OscMessageBuilder(address)
        for value in values:
            made.add_arg(value)  # type: ignore[arg-type]
        return made.build()

    turns, root = bones(motion)
    still = (0.0, 0.0, 0.0)
    said = [message("/VMC/Ext/OK", 1), message("/VMC/Ext/T", float(seconds))]
    said.append(message("/VMC/Ext/Root/Pos", "root", *still, 0.0, 0.0, 0.0, 1.0))
    for bone, turn in turns.items():
        place = root if bone == "Hips" else still
        said.append(message("/VMC/Ext/Bone/Pos", bone, *place, *turn))
    for name, value in zip(ARKIT_CHANNELS, motion.expression[0].tolist(), strict=True):
        said.append(message("/VMC/Ext/Blend/Val", name[0].upper() + name[1:], float(value)))
    said.append(message("/VMC/Ext/Blend/Apply"))
    made = []
    for first in range(0, len(said), _PER_PACKET):
        bundle = OscBundleBuilder(IMMEDIATELY)
        for one in said[first : first + _PER_PACKET]:
            bundle.add_content(one)  # type: ignore[arg-type]
        made.append(bundle.build().dgram)
    return made


def bones(motion: Motion) -> tuple[dict[str, tuple[float, ...]], tuple[float, ...]]:
    """Rotations of the bones of VRM, xyzw relative to their parents, and the place of the hips."""
    turns = mirrored(roma.rotvec_to_unitquat(motion.rotvec()[0]))
    found = {
        BONES[name]: tuple(turns[i].tolist())
        for i, name in enumerate(SMPLX_JOINTS)
        if name in BONES
    }
    x, y, z = motion.transl[0].tolist()
    return found, (-x, y, z)
