"""Where poses of other programs come from, and where ours go to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from avatar_kit.errors import UserError

#: Protocols that poses are sent by, and the port that programs expect them at.
SENT = {"vmc": 39539}
#: Protocols that poses are received by, likewise.
RECEIVED = {"vmc": 39539, "livelink": 11111}


@dataclass(frozen=True)
class Address:
    """A protocol, a host and a port.

    Attributes:
        scheme: Name of the protocol.
        host: Name or number; without the brackets of IPv6.
        port: 1 to 65535.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def read(cls, text: str, option: str, ports: Mapping[str, int]) -> Address:
        """From ``vmc://HOST:PORT``.

        Args:
            text: What a person wrote.
            option: The option it was given with, for the message.
            ports: The protocols that will do, and the usual port of each.

        Raises:
            UserError: It is no such address.
        """
        found = re.fullmatch(r"([a-z]+)://(\[[0-9a-fA-F:]+\]|[^:/\s]+):(\d{1,5})", text)
        if found is None or found[1] not in ports or not 0 < int(found[3]) < 65536:
            known = " or ".join(f"{scheme}://HOST:PORT" for scheme in ports)
            example = " or ".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
            raise UserError(f"{option} {text}: expected {known}, such as {example}")
        return cls(found[1], found[2].strip("[]"), int(found[3]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"
