"""VMC in: what we send comes back as the same motion; what makes no sense changes nothing."""

import math

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from avatar_kit.io.vmc.blend_shapes import expression, is_known
from avatar_kit.live.vmc import packets
from avatar_kit.live.vmc_reader import VmcReader
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, SMPLX_JOINTS
from tests.live.people import body_named

AT_REST = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
ROOT = ("/VMC/Ext/Root/Pos", "root", *AT_REST)
HIPS = ("/VMC/Ext/Bone/Pos", "Hips", *AT_REST)


def packet(*said) -> bytes:
    """Messages in one bundle, written by another library."""
    bundle = OscBundleBuilder(IMMEDIATELY)
    for address, *values in said:
        made = OscMessageBuilder(address)
        for value in values:
            made.add_arg(value)
        bundle.add_content(made.build())
    return bundle.build().dgram


def reader_of(*said) -> VmcReader:
    reader = VmcReader()
    reader.take(packet(ROOT, HIPS, *said))
    return reader


def numbers(*shape, low, high):
    return arrays.arrays(np.float32, shape, elements=st.floats(low, high, width=32))


@st.composite
def poses(draw) -> Motion:
    turns = draw(numbers(1, 55, 3, low=-1.5, high=1.5))
    place = draw(numbers(1, 3, low=-3, high=3))
    face = draw(numbers(1, 52, low=0, high=1))
    parts = (torch.from_numpy(value.copy()) for value in (place, turns, face))
    return Motion.from_rotvec(30.0, *parts, torch.ones(1))


@settings(max_examples=40, deadline=None)
@given(poses())
def test_what_we_send_comes_back(pose):
    reader = VmcReader()
    for one in packets(pose, 0.0):
        reader.take(one)
    found = reader.motion()
    assert reader.notes == []
    torch.testing.assert_close(found.transl, pose.transl, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found.expression, pose.expression, atol=1e-6, rtol=0)
    turned = [roma.rotvec_to_rotmat(m.rotvec()[0]) for m in (found, pose)]
    torch.testing.assert_close(*turned, atol=2e-6, rtol=0)
    body = body_named("default")
    with torch.no_grad():
        shape = body.default_shape()
        points = [body(body.from_motion(m, shape)).vertices for m in (found, pose)]
    assert float((points[0] - points[1]).abs().max()) < 2e-5, "metres, of the whole surface"


def test_the_root_moves_and_turns_the_hips():
    """A root that faces Unity's +x, one metre along: the left-handed world by hand."""
    half = math.sqrt(0.5)
    reader = VmcReader()
    turned = ("/VMC/Ext/Root/Pos", "root", 1.0, 0.0, 0.0, 0.0, half, 0.0, half)
    hips = ("/VMC/Ext/Bone/Pos", "Hips", 0.0, 0.9, 0.5, 0.0, 0.0, 0.0, 1.0)
    reader.take(packet(turned, hips))
    found = reader.motion()
    # Unity: 90 degrees about y carry +z to +x, so the hips are at (1.5, 0.9, 0); ours is -x
    torch.testing.assert_close(found.transl, torch.tensor([[-1.5, 0.9, 0.0]]), atol=1e-6, rtol=0)
    faces = roma.rotvec_to_rotmat(found.global_orient[0]) @ torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(faces, torch.tensor([-1.0, 0.0, 0.0]), atol=1e-6, rtol=0)


def test_version_2_1_of_the_root_has_a_scale_too():
    reader = VmcReader()
    reader.take(packet((*ROOT, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0), HIPS))
    assert reader.motion().transl.abs().max() == 0


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0, math.nan, 0.0, 0.0, 0.0, 1.0), "'Head'.*NaN"),
        (("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0, math.inf, 0.0, 0.0, 0.0, 1.0), "infinity"),
        (("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5), "length 0.5"),
        (("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), "length 0, expected 1"),
        (("/VMC/Ext/Bone/Pos", "Head", 0.0, 5e4, 0.0, 0.0, 0.0, 0.0, 1.0), "50000 m away"),
        (("/VMC/Ext/Bone/Pos", "Tail", *AT_REST), "unknown bone 'Tail'"),
        (("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0), "a name and seven numbers"),
        (("/VMC/Ext/Bone/Pos", "Head", *AT_REST[:6], "1"), "expected numbers"),
        (("/VMC/Ext/Bone/Pos", "Head", *AT_REST[:6], True), "expected numbers"),
        (("/VMC/Ext/Bone/Pos", 7, *AT_REST), "a name and seven numbers"),
        (("/VMC/Ext/Bone/Pos",), "a name and seven numbers"),
        (("/VMC/Ext/Blend/Val", "jawOpen", math.nan), "'jawOpen'.*NaN"),
        (("/VMC/Ext/Blend/Val", "jawOpen", 80.0), "80, expected between 0 and 1"),
        (("/VMC/Ext/Blend/Val", "jawOpen"), "a name and a number"),
        (("/synth/volume", 1.0), "'/synth/volume' is no message of VMC"),
    ],
)
def test_a_packet_that_makes_no_sense_changes_nothing(said, why):
    reader = reader_of(("/VMC/Ext/Bone/Pos", "Neck", 0.0, 0.0, 0.0, 0.6, 0.0, 0.0, 0.8))
    before = reader.motion().rotvec()
    with pytest.raises(ValueError, match=why):
        reader.take(packet(("/VMC/Ext/Bone/Pos", "Neck", *AT_REST), said))
    assert torch.equal(reader.motion().rotvec(), before), "the whole packet is left out"


@pytest.mark.parametrize(("said", "lacks"), [(HIPS, "Root/Pos"), (ROOT, "Hips")])
def test_a_pose_without_root_or_hips_is_none(said, lacks):
    reader = VmcReader()
    reader.take(packet(said))
    with pytest.raises(ValueError, match=lacks):
        reader.newest(0.0)
    reader.take(packet(ROOT, HIPS))
    assert reader.newest(1.0).time == 1.0
    assert reader.newest(2.0) is None, "nothing has changed since"


def test_a_sender_without_a_pose_leaves_the_avatar_as_it_was():
    reader = reader_of()
    assert reader.newest(0.0) is not None
    reader.take(packet(("/VMC/Ext/OK", 1, 3, 0, 0), HIPS))  # version 2.7: tracking is lost
    assert reader.newest(1.0) is None and "no pose" in reader.notes[0]
    reader.take(packet(("/VMC/Ext/OK", 1), HIPS))
    assert reader.newest(2.0) is not None and len(reader.notes) == 1


def test_blend_shapes_count_once_they_are_applied():
    reader = reader_of(("/VMC/Ext/Blend/Val", "JAWOPEN", 0.5))
    jaw = ARKIT_CHANNELS.index("jawOpen")
    assert reader.motion().expression[0, jaw] == 0
    reader.take(packet(("/VMC/Ext/Blend/Apply",)))
    assert reader.motion().expression[0, jaw] == 0.5, "whatever the case of letters"


def test_what_has_no_counterpart_is_said_once():
    reader = reader_of(("/VMC/Ext/Blend/Val", "Cat Ears", 1.0), ("/VMC/Ext/Blend/Apply",))
    assert reader.notes == ["blend shapes without a counterpart in ARKit: 'Cat Ears'"]
    reader.notes.clear()
    reader.take(packet(("/VMC/Ext/Blend/Val", "Cat Ears", 0.5), ("/VMC/Ext/Blend/Apply",)))
    assert reader.notes == [] and reader.motion().expression.abs().max() == 0


def test_names_without_end_do_not_fill_the_memory():
    reader = reader_of()
    for first in range(0, 5000, 100):
        shapes = [("/VMC/Ext/Blend/Val", f"x{first + k}", 1.0) for k in range(100)]
        reader.take(packet(*shapes, ("/VMC/Ext/Blend/Apply",)))
    assert len(reader._values) <= 1000
    reader.take(packet(("/VMC/Ext/Blend/Val", "x3", 0.5), ("/VMC/Ext/Blend/Apply",)))
    assert reader._values["x3"] == 0.5


def test_presets_of_vrm_show_what_they_are_called():
    def shown(name):
        values = expression({name: 1.0})
        return {c for c, v in zip(ARKIT_CHANNELS, values, strict=True) if v > 0.3}

    assert shown("Blink") == shown("blink") == {"eyeBlinkLeft", "eyeBlinkRight"}
    assert shown("Blink_L") == shown("blinkLeft") == {"eyeBlinkLeft"}
    assert "mouthSmileLeft" in shown("Joy") and shown("Joy") == shown("happy")
    assert shown("A") == shown("aa") == {"jawOpen"}
    assert shown("lookLeft") == {"eyeLookOutLeft", "eyeLookInRight"}
    assert shown("neutral") == set() and is_known("Neutral") and not is_known("Cat Ears")
    both = expression({"aa": 1.0, "jawOpen": 0.2})
    assert both[ARKIT_CHANNELS.index("jawOpen")] == np.float32(0.6), "the strongest, not the sum"


def test_the_length_of_the_legs_is_told_by_places_of_bones():
    assert reader_of().leg is None
    down = [
        ("/VMC/Ext/Bone/Pos", f"{side}{bone}", 0.0, -length, 0.0, *AT_REST[3:])
        for side in ("Left", "Right")
        for bone, length in (("LowerLeg", 0.4), ("Foot", 0.35))
    ]
    assert reader_of(*down).leg == pytest.approx(0.75)


def test_every_joint_of_ours_is_heard():
    turn = ("/VMC/Ext/Bone/Pos", "RightLittleDistal", 0.0, 0.0, 0.0, 0.6, 0.0, 0.0, 0.8)
    found = reader_of(turn).motion().rotvec()[0]
    assert found.abs().sum(1).nonzero().tolist() == [[SMPLX_JOINTS.index("right_pinky3")]]
