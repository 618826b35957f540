"""Packets over UDP: from one sender at a time, in bursts that belong together."""

from __future__ import annotations

import socket
import time

from avatar_kit.errors import UserError
from avatar_kit.live.address import Address

#: Bytes of a packet that are read; programs send what fits into one or a few of Ethernet's.
LARGEST_PACKET = 32768
#: A pose comes in packets that follow each other at once: it is whole when none came for so long,
#: and taken for whole after so long in any case; seconds.
_PAUSE, _LONGEST = 0.003, 0.02
#: Seconds in which another machine is not listened to after one has sent.
_FAITHFUL = 2.0


class PacketSource:
    """A socket that receives packets.

    Args:
        address: To listen at.

    Attributes:
        came: When the last packet came, seconds of ``time.monotonic``.
        refused: Why packets were not taken, a line each, until somebody clears it.

    Raises:
        UserError: The port is taken, or the host is not one of this machine's.
    """

    def __init__(self, address: Address):
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(found[0], socket.SOCK_DGRAM)
            self._socket.bind(found[4])
        except OSError as error:
            raise UserError(
                f"--receive {address}: cannot listen there ({error.strerror or error}); another "
                "program may use the port: stop it, or choose another port here and in the "
                "sender"
            ) from None
        self.came = time.monotonic()
        self.refused: list[str] = []
        self._sender: str | None = None

    def burst(self, patience: float) -> list[bytes]:
        """The packets that come together next; none where none comes in time.

        Args:
            patience: Seconds to wait for the first.
        """
        found: list[bytes] = []
        more = self._receive(max(patience, 1e-4))
        began = time.monotonic()
        while more is not None:
            if self._accepts(*more):
                found.append(more[0])
            more = self._receive(_PAUSE) if time.monotonic() - began < _LONGEST else None
        return found

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def _receive(self, patience: float) -> tuple[bytes, str] | None:
        self._socket.settimeout(patience)
        try:
            packet, sender = self._socket.recvfrom(LARGEST_PACKET + 1)
        except TimeoutError:
            return None
        except OSError as error:  # Windows cuts what is too large with an error
            self.refused.append(f"a packet could not be received ({error})")
            time.sleep(_PAUSE)
            return None
        return packet, str(sender[0])

    def _accepts(self, packet: bytes, sender: str) -> bool:
        now = time.monotonic()
        if self._sender not in (None, sender) and now - self.came < _FAITHFUL:
            self.refused.append(f"{sender} also sends, but {self._sender} drives")
            return False
        self.came, self._sender = now, sender
        if len(packet) > LARGEST_PACKET:
            self.refused.append(f"larger than {LARGEST_PACKET} bytes")
            return False
        return True
