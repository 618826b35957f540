"""Recordings of VMC: of the network by another library's writer, and as oscdump prints them."""

import io

import dpkt
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pythonosc.osc_packet import OscPacket

from avatar_kit.errors import UserError
from avatar_kit.io.motion import MotionOptions, list_clips, read_file
from avatar_kit.io.motion.formats import known_formats
from avatar_kit.live.vmc import packets
from avatar_kit.scene import Motion
from tests.io import motion_writers as files
from tests.io.vmc_writers import frames, recorded

WALK = files.walking(20, fps=25.0, hands=True)
SMILING = torch.rand(20, 52, generator=torch.Generator().manual_seed(0))
SENT = Motion.rest(20, 25.0, **{
    name: getattr(WALK, name) for name in ("transl", "global_orient", "body_pose", "jaw_pose",
                                           "left_hand_pose", "right_hand_pose")
}, expression=SMILING)  # fmt: skip


def same(found, motion, tolerance=1e-3):
    assert len(found) == len(motion) and found.fps == pytest.approx(motion.fps)
    assert np.abs(files.joints(found) - files.joints(motion)).max() < tolerance
    for name in ("left_hand_pose", "right_hand_pose", "jaw_pose", "expression"):
        torch.testing.assert_close(getattr(found, name), getattr(motion, name), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("ng", "version"), [(False, 4), (True, 4), (False, 6)])
def test_what_was_sent_comes_back(ng, version, tmp_path):
    other = frames(b"GET / HTTP/1.1", 8080)
    found = read_file(recorded(tmp_path / "a.pcap", SENT, ng=ng, version=version, more=[other]))
    assert found.layout == "VMC recording" and found.rate == "stated" and not found.notes
    assert found.hands == "fingers" and found.face == "expressions"
    same(found.motion, SENT)


def test_printed_by_oscdump(tmp_path):
    lines = []
    for t in range(20):
        for data in packets(SENT[[t]], t / 25):
            for timed in OscPacket(data).messages:
                values = timed.message.params
                types = "".join({str: "s", int: "i", float: "f"}[type(v)] for v in values)
                shown = [f'"{v}"' if isinstance(v, str) else f"{v!r}" for v in values]
                stamp = f"e5f0{t // 25:04x}.{int((t % 25) / 25 * 2**32):08x}"
                lines.append(" ".join([stamp, timed.message.address, types, *shown]))
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n")
    found = read_file(tmp_path / "a.txt")
    same(found.motion, SENT)
    lines[7] = lines[7].replace(" sfffffff ", " sffffff ").replace('"', "", 1)
    (tmp_path / "a.txt").write_text("\n".join(lines))
    refused(tmp_path / "a.txt", "line 8: values do not fit the types")


def test_without_times_the_rate_is_a_guess_or_said(tmp_path):
    line = '00000000.00000001 /VMC/Ext/{} sfffffff "{}" 0 {} 0 0 0 0 1'
    said = [line.format("Root/Pos", "root", 0)]
    said += [line.format("Bone/Pos", "Hips", 0.9)] * 40
    (tmp_path / "a.txt").write_text("\n".join(said))
    found = read_file(tmp_path / "a.txt")
    assert found.rate == "guessed" and len(found.motion) == 40
    assert read_file(tmp_path / "a.txt", options=MotionOptions(rate=60)).motion.fps == 60


def test_several_ports_are_clips(tmp_path):
    one, other = (recorded(tmp_path / f"{p}.pcap", SENT, port=p) for p in (39539, 39540))
    joined = one.read_bytes() + other.read_bytes()[24:]
    (tmp_path / "a.pcap").write_bytes(joined)
    assert list_clips(tmp_path / "a.pcap") == ["39539", "39540"]
    same(read_file(f"{tmp_path / 'a.pcap'}#39540").motion, SENT)


def test_what_makes_no_sense_is_counted(tmp_path):
    found = read_file(recorded(tmp_path / "a.pcap", SENT, spoil=(7,)))
    assert "1 packets make no sense, left out: unknown bone 'LeftUpperLex'" in found.notes


def test_a_pause_is_refused(tmp_path):
    with (tmp_path / "a.pcap").open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for t, at in enumerate((0.0, 0.04, 0.08, 60.0)):
            for packet in packets(SENT[[t]], at):
                writer.writepkt(frames(packet, 39539), ts=at)
    refused(tmp_path / "a.pcap", "nothing was sent for 60 s; record it in parts")


def test_other_packets_alone(tmp_path):
    recorded(tmp_path / "a.pcap", SENT[[0]].__class__.rest(0, 25.0))
    refused(tmp_path / "a.pcap", "holds no pose of VMC")
    content = io.BytesIO()
    dpkt.pcap.Writer(content, linktype=105).writepkt(b"wireless")
    (tmp_path / "b.pcap").write_bytes(content.getvalue())
    refused(tmp_path / "b.pcap", "link type 105 are not read")


def refused(path, says):
    with pytest.raises(UserError, match=says) as error:
        read_file(path)
    assert str(path) in str(error.value)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), ng=st.booleans())
def test_damage_is_a_user_error_or_harmless(where, byte, ng, tmp_path):
    path = recorded(tmp_path / "a.pcap", SENT[list(range(3))], ng=ng)
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] = byte
    path.write_bytes(bytes(content[: max(24, int(where * len(content)))]) if byte % 2 else content)
    try:
        read_file(path)
    except UserError as error:
        assert str(path) in str(error)


def test_vmc_is_among_the_known_formats():
    assert "VMC recordings (pcap, pcapng, oscdump)" in known_formats()
