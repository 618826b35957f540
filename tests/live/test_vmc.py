"""VMC: read back by the package's own dispatcher, as another program would."""

import math
import socket

import pytest
import roma
import torch
from pythonosc.osc_packet import OscPacket

from avatar_kit.errors import UserError
from avatar_kit.io.vmc.bones import BONES
from avatar_kit.live.address import RECEIVED, SENT, Address
from avatar_kit.live.vmc import Sender, bones, packets
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, SMPLX_JOINTS


def pose(joint: str = "left_shoulder", turn=(0.0, 0.0, 0.0)) -> Motion:
    rotations = torch.zeros(1, 55, 3)
    rotations[0, SMPLX_JOINTS.index(joint)] = torch.tensor(turn)
    expression = torch.zeros(1, 52)
    expression[0, ARKIT_CHANNELS.index("jawOpen")] = 0.25
    return Motion.from_rotvec(
        25.0, torch.tensor([[0.5, 0.9, -1.0]]), rotations, expression, torch.ones(1)
    )


def received(datagrams: list[bytes]) -> list[tuple]:
    found = []
    for datagram in datagrams:
        assert len(datagram) < 1472, "a packet of Ethernet"
        found += [(m.message.address, *m.message.params) for m in OscPacket(datagram).messages]
    return found


def test_another_program_reads_every_bone_and_channel():
    said = received(packets(pose(), 1.5))
    assert said[0] == ("/VMC/Ext/OK", 1) and said[1] == ("/VMC/Ext/T", 1.5)
    shown = {m[1]: m[2:] for m in said if m[0] == "/VMC/Ext/Bone/Pos"}
    assert set(shown) == set(BONES.values())
    assert shown["Hips"][:3] == pytest.approx((-0.5, 0.9, -1.0))
    assert shown["LeftUpperArm"] == pytest.approx((0, 0, 0, 0, 0, 0, 1))
    channels = {m[1]: m[2] for m in said if m[0] == "/VMC/Ext/Blend/Val"}
    assert len(channels) == 52 and channels["JawOpen"] == 0.25 and channels["EyeBlinkLeft"] == 0
    assert said[-1] == ("/VMC/Ext/Blend/Apply",)


def test_turns_are_those_of_the_mirrored_world():
    """Forward kinematics there gives the mirror image of that here."""
    turn = torch.tensor([0.3, -0.8, 0.5])
    found, _ = bones(pose("left_shoulder", tuple(turn.tolist())))
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    here = roma.rotvec_to_rotmat(turn)
    there = roma.unitquat_to_rotmat(torch.tensor(found["LeftUpperArm"]))
    arm = torch.tensor([0.25, 0.02, 0.01])
    torch.testing.assert_close(there @ (mirror @ arm), mirror @ (here @ arm))


def test_a_raised_left_arm_is_raised_there():
    up = (0.0, 0.0, math.pi / 2)  # from +x to +y
    found, _ = bones(pose("left_shoulder", up))
    turned = roma.unitquat_to_rotmat(torch.tensor(found["LeftUpperArm"]))
    left_arm_of_unity = torch.tensor([-1.0, 0.0, 0.0])
    torch.testing.assert_close(
        turned @ left_arm_of_unity, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0
    )


def test_it_arrives_over_udp_and_nobody_need_listen():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        sender = Sender(Address("vmc", "127.0.0.1", listener.getsockname()[1]))
        sender.send(pose())
        count = len(packets(pose(), 0.0))
        said = received([listener.recv(4096) for _ in range(count)])
        assert ("/VMC/Ext/Blend/Apply",) in said
    for _ in range(5):
        sender.send(pose())  # the port is closed now
    sender.close()


@pytest.mark.parametrize(
    "text",
    ["", "vmc://", "vmc://host", "http://a:1", "vmc://a:0", "vmc://a:70000", "a:39539"],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UserError, match=r"--send .*: expected vmc://HOST:PORT"):
        Address.read(text, "--send", SENT)


def test_an_address_is_of_a_protocol_that_the_option_knows():
    assert str(Address.read("livelink://[::1]:11111", "--receive", RECEIVED)) == (
        "livelink://[::1]:11111"
    )
    with pytest.raises(UserError, match="--send livelink://a:1: expected vmc://HOST:PORT"):
        Address.read("livelink://a:1", "--send", SENT)
    with pytest.raises(UserError, match="expected vmc://HOST:PORT or livelink://HOST:PORT"):
        Address.read("osc://a:1", "--receive", RECEIVED)
