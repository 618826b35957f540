"""Recordings of a network in which a performer sends poses by VMC; another library writes them."""

from __future__ import annotations

import dpkt

from avatar_kit.live.vmc import packets


def frames(data, port, version=4, vlan=False):
    """A packet of Ethernet that carries some data by UDP, as another library makes it."""
    udp = dpkt.udp.UDP(sport=50000, dport=port, data=data)
    udp.ulen = len(udp)
    if version == 4:
        ip = dpkt.ip.IP(src=b"\x7f\0\0\1", dst=b"\x7f\0\0\1", p=17, data=udp)
        ip.len = len(ip)
        kind = dpkt.ethernet.ETH_TYPE_IP
    else:
        ip = dpkt.ip6.IP6(src=b"\0" * 15 + b"\1", dst=b"\0" * 15 + b"\1", nxt=17, data=udp)
        ip.plen = len(udp)
        kind = dpkt.ethernet.ETH_TYPE_IP6
    return bytes(dpkt.ethernet.Ethernet(type=kind, data=bytes(ip)))


def recorded(path, motion, *, ng=False, version=4, port=39539, spoil=(), more=()):
    with path.open("wb") as file:
        writer = (dpkt.pcapng if ng else dpkt.pcap).Writer(file)
        for t in range(len(motion)):
            for k, packet in enumerate(packets(motion[[t]], t / motion.fps)):
                if t in spoil:
                    packet = packet.replace(b"LeftUpperLeg", b"LeftUpperLex")
                at = 1000 + t / motion.fps + 1e-4 * k
                writer.writepkt(frames(packet, port, version), ts=at)
            for extra in more:
                writer.writepkt(extra, ts=1000 + t / motion.fps)
    return path
