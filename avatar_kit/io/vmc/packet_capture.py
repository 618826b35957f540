"""Packets of UDP out of a file of tcpdump or Wireshark: pcap and pcapng."""

from __future__ import annotations

import struct
from collections.abc import Iterator

#: First bytes of a pcap file -> byte order, and parts of a second.
_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6), b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9), b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}  # fmt: skip
_PCAPNG = b"\x0a\x0d\x0d\x0a"

#: Kinds of blocks of pcapng that are read, and the bytes that tell their byte order.
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

#: Option of an interface that says the parts of a second, and what they are without it.
_RESOLUTION, _MICROSECONDS = 9, 1e-6

#: Link type -> bytes before the packet of IP: loopback, Ethernet, raw IP, Linux "any" (two forms).
_LINKS = {0: 4, 1: 14, 12: 0, 101: 0, 108: 4, 113: 16, 276: 20}
_ETHERNET, _VLAN = 1, b"\x81\x00"
_UDP = 17


def is_packet_capture(head: bytes) -> bool:
    """Whether a file begins like one of tcpdump or Wireshark."""
    return head[:4] in _PCAP or (head[:4] == _PCAPNG and head[8:12] in _ORDERS)


def udp_packets(content: bytes) -> Iterator[tuple[float, int, bytes]]:
    """What was sent by UDP: when, in seconds of any clock, to which port, and the data.

    Packets of other protocols are passed over, and so are parts of packets.

    Args:
        content: The file.

    Raises:
        ValueError: It is damaged, or its packets come from a link that is not known.
    """
    read = _of_pcap if content[:4] in _PCAP else _of_pcapng
    for time, link, frame in read(content):
        if link not in _LINKS:
            raise ValueError(f"packets of link type {link} are not read; record Ethernet or IP")
        found = _udp_data(frame, link)
        if found is not None:
            yield time, *found


def _of_pcap(content: bytes) -> Iterator[tuple[float, int, bytes]]:
    order, parts = _PCAP[content[:4]]
    link, at = _unpacked(order + "20xI", content, 0)[0] & 0xFFFF, 24
    while at < len(content):
        seconds, rest, size = _unpacked(order + "IIIxxxx", content, at)
        yield seconds + rest * parts, link, _taken(content, at + 16, size)
        at += 16 + size


def _of_pcapng(content: bytes) -> Iterator[tuple[float, int, bytes]]:
    order, at = "<", 0
    links: list[tuple[int, float]] = []
    while at < len(content):
        if content[at : at + 4] == _PCAPNG:  # the same in both orders
            order, links = _ORDERS.get(content[at + 8 : at + 12], order), []
        kind, size = _unpacked(order + "II", content, at)
        if size < 12 or size % 4:
            raise ValueError(f"a block of {size} bytes at byte {at}")
        body = _taken(content, at, size)[8:-4]
        if kind == _INTERFACE:
            links.append((_unpacked(order + "H", body, 0)[0], _resolution(order, body[8:])))
        elif kind == _PACKET:
            number, high, low, length = _unpacked(order + "IIIIxxxx", body, 0)
            if number >= len(links):
                raise ValueError(f"a packet of interface {number}, of which nothing is said")
            link, parts = links[number]
            yield ((high << 32) + low) * parts, link, _taken(body, 20, length)
        at += size


def _resolution(order: str, options: bytes) -> float:
    """Parts of a second that an interface counts in."""
    at = 0
    while at + 4 <= len(options):
        kind, size = _unpacked(order + "HH", options, at)
        if kind == _RESOLUTION and size == 1:
            value = _taken(options, at + 4, 1)[0]
            return 2.0 ** -(value & 127) if value & 128 else 10.0**-value
        at += 4 + size + -size % 4
    return _MICROSECONDS


def _udp_data(frame: bytes, link: int) -> tuple[int, bytes] | None:
    """Port and data of a packet of UDP over IP, version 4 or 6; None where it is another."""
    at = _LINKS[link]
    if link == _ETHERNET and frame[12:14] == _VLAN:
        at += 4
    version = frame[at] >> 4 if at < len(frame) else 0
    if version == 4:
        whole = frame[at + 6 : at + 8] in (b"\x00\x00", b"\x40\x00")  # no part of a larger one
        protocol, head = frame[at + 9 : at + 10], 4 * (frame[at] & 15)
    elif version == 6:
        whole, protocol, head = True, frame[at + 6 : at + 7], 40
    else:
        return None
    if not whole or protocol != bytes([_UDP]) or at + head + 8 > len(frame):
        return None
    port, size = struct.unpack(">HH", frame[at + head + 2 : at + head + 6])
    data = frame[at + head + 8 : at + head + size]
    return (port, data) if len(data) == size - 8 else None


def _unpacked(form: str, content: bytes, at: int) -> tuple[int, ...]:
    return struct.unpack(form, _taken(content, at, struct.calcsize(form)))


def _taken(content: bytes, at: int, size: int) -> bytes:
    if size < 0 or at + size > len(content):
        raise ValueError("it is cut short")
    return content[at : at + size]
