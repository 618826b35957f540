"""Packets of Live Link Face, built from the description of the format and not by our code."""

import math
import re
import struct

import numpy as np
import pytest
import roma
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.live.live_link import FaceReader, head_turn, read_packet
from avatar_kit.live.messages import Face
from avatar_kit.live.showing import wearing
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_JOINTS

#: Unreal Engine's order, as it is written down for its EARFaceBlendShape.
NAMES = re.findall(
    r"\w+",
    """
EyeBlinkLeft EyeLookDownLeft EyeLookInLeft EyeLookOutLeft EyeLookUpLeft EyeSquintLeft EyeWideLeft
EyeBlinkRight EyeLookDownRight EyeLookInRight EyeLookOutRight EyeLookUpRight EyeSquintRight
EyeWideRight JawForward JawLeft JawRight JawOpen MouthClose MouthFunnel MouthPucker MouthLeft
MouthRight MouthSmileLeft MouthSmileRight MouthFrownLeft MouthFrownRight MouthDimpleLeft
MouthDimpleRight MouthStretchLeft MouthStretchRight MouthRollLower MouthRollUpper MouthShrugLower
MouthShrugUpper MouthPressLeft MouthPressRight MouthLowerDownLeft MouthLowerDownRight
MouthUpperUpLeft MouthUpperUpRight BrowDownLeft BrowDownRight BrowInnerUp BrowOuterUpLeft
BrowOuterUpRight CheekPuff CheekSquintLeft CheekSquintRight NoseSneerLeft NoseSneerRight TongueOut
HeadYaw HeadPitch HeadRoll LeftEyeYaw LeftEyePitch LeftEyeRoll RightEyeYaw RightEyePitch
RightEyeRoll
""",
)


def packet(values=None, *, subject="Phone", version=6, count=None) -> bytes:
    """A datagram; ``values`` by name, None where no face is seen."""
    device = b"0A1B2C3D-0000-1111-2222-333344445555"
    name = subject.encode()
    head = bytes([version]) + struct.pack(">i", len(device)) + device
    head += struct.pack(">i", len(name)) + name
    head += struct.pack(">ifii", 4711, 0.25, 60, 1)
    if values is None:
        return head
    row = [float(values.get(name, 0.0)) for name in NAMES]
    return head + struct.pack(">B61f", 61 if count is None else count, *row)


def test_every_channel_arrives_under_its_name():
    assert len(NAMES) == 61
    for name in ARKIT_CHANNELS:
        frame = read_packet(packet({name[0].upper() + name[1:]: 0.75}))
        shown = {c: v for c, v in zip(ARKIT_CHANNELS, frame.expression, strict=True) if v}
        assert shown == {name: 0.75}
    assert (frame.subject, frame.frame) == ("Phone", 4711) and frame.device.startswith("0A1B2C3D")


@pytest.mark.parametrize(
    ("name", "axis"), [("HeadPitch", (1, 0, 0)), ("HeadYaw", (0, 1, 0)), ("HeadRoll", (0, 0, 1))]
)
def test_the_head_turns_about_its_axes(name, axis):
    turn = head_turn(read_packet(packet({name: 0.5})).head)
    torch.testing.assert_close(turn, 0.5 * torch.tensor(axis, dtype=torch.float32))


def test_yaw_comes_before_pitch_and_pitch_before_roll():
    def about(axis, angle):
        return roma.rotvec_to_rotmat(angle * torch.eye(3)[axis])

    expected = about(1, 0.4) @ about(0, -0.3) @ about(2, 0.2)
    torch.testing.assert_close(roma.rotvec_to_rotmat(head_turn((0.4, -0.3, 0.2))), expected)


def test_neck_and_head_share_the_turn_and_the_body_rests():
    turn = np.array([0.2, -0.6, 0.1], np.float32)
    rest = Motion.rest(1, 25.0, body_pose=torch.full((1, 63), 0.1))
    posed = wearing(rest, Face(0.0, np.full(52, 0.5, np.float32), turn))
    joints = posed.body_pose.unflatten(1, (21, 3))[0]
    neck, head = (roma.rotvec_to_rotmat(joints[BODY_JOINTS.index(j)]) for j in ("neck", "head"))
    torch.testing.assert_close(neck @ head, roma.rotvec_to_rotmat(torch.from_numpy(turn)))
    others = [i for i, name in enumerate(BODY_JOINTS) if name not in ("neck", "head")]
    assert (joints[others] == 0.1).all() and (posed.expression == 0.5).all()
    beside = wearing(rest, Face(0.0, np.full(52, 0.5, np.float32), None))
    assert torch.equal(beside.body_pose, rest.body_pose), "beside a camera the face alone"


def test_a_phone_that_sees_no_face_is_said_once_and_gives_none():
    reader = FaceReader(head=True)
    for _ in range(3):
        reader.take(packet(None))
        assert reader.newest(1.0) is None
    assert reader.notes == ["'Phone' sees no face; the avatar keeps its last expression"]
    reader.take(packet({"JawOpen": 1.0}))
    face = reader.newest(2.0)
    assert face.time == 2.0 and face.expression[ARKIT_CHANNELS.index("jawOpen")] == 1
    assert reader.newest(3.0) is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "nothing, expected version 6"),
        (packet({}, version=1), "version 1, expected version 6"),
        (packet({}, count=52), "52 values"),
        (packet({}) + b"\0", "expected 61 in 244"),
        (packet({"JawOpen": math.nan}), "not finite"),
        (packet({"HeadYaw": math.inf}), "not finite"),
        (packet({"MouthPucker": 40.0}), "mouthPucker is 40, expected between 0 and 1"),
        (packet({"HeadYaw": 45.0}), "more than half a turn, expected radians"),
        (b"\6" + struct.pack(">i", -1) + bytes(50), "truncated"),
        (b"\6" + struct.pack(">i", 2**31 - 1) + bytes(50), "truncated"),
        (b"\6" + struct.pack(">i", 2) + b"\xff\xff", "not UTF-8"),
    ],
)
def test_packets_that_make_no_sense_are_refused(data, why):
    with pytest.raises(ValueError, match=why):
        read_packet(data)


@given(st.integers(0, len(packet({})) - 1))
def test_every_cut_is_noticed(cut):
    if cut == len(packet(None)):  # what a phone that sees no face sends
        return
    with pytest.raises(ValueError):
        read_packet(packet({})[:cut])


@given(st.binary(max_size=400))
def test_noise_is_refused(noise):
    with pytest.raises(ValueError):
        read_packet(b"\6" + noise)
