import math
from dataclasses import replace

import pytest
import torch
from avatar_kit_anny.expression import facial_actions

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS


def channel(actions, name):
    return actions[0, ARKIT_CHANNELS.index(name)].item()


def motion(jaw=0.0, eye=(0.0, 0.0), **channels):
    expression = torch.zeros(1, 52)
    for name, value in channels.items():
        expression[0, ARKIT_CHANNELS.index(name)] = value
    turned = torch.tensor([[*eye, 0.0]]) * math.pi / 180
    jaw_pose = torch.tensor([[jaw, 0.0, 0.0]]) * math.pi / 180
    return replace(Motion.rest(1), expression=expression, jaw_pose=jaw_pose, leye_pose=turned)


def test_channels_pass_by_name():
    actions = facial_actions(motion(mouthSmileLeft=0.7, browInnerUp=0.2))
    assert channel(actions, "mouthSmileLeft") == pytest.approx(0.7)
    assert actions.sum().item() == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("jaw", "opened", "expected"),
    [(12.7, 0.0, 0.5), (0.0, 0.3, 0.3), (12.7, 0.3, 0.5), (12.7, 0.8, 0.8), (-5.0, 0.1, 0.1)],
)
def test_the_jaw_is_counted_once(jaw, opened, expected):
    assert channel(facial_actions(motion(jaw, jawOpen=opened)), "jawOpen") == pytest.approx(
        expected, abs=1e-5
    )


def test_the_eye_is_counted_once():
    # the bone already looks down by more than the channel says
    assert (
        channel(facial_actions(motion(eye=(11.4, 0.0), eyeLookDownLeft=0.6)), "eyeLookDownLeft")
        == 0
    )
    # the other eye and other directions are not touched
    actions = facial_actions(motion(eye=(11.4, 0.0), eyeLookDownRight=0.6, eyeLookOutLeft=0.4))
    assert channel(actions, "eyeLookDownRight") == pytest.approx(0.6)
    assert channel(actions, "eyeLookOutLeft") == pytest.approx(0.4)


def test_opening_the_mouth_lowers_the_chin(body):
    shape = body.default_shape()
    closed, opened = (
        body(body.from_motion(m, shape)).vertices[0] for m in (motion(), motion(jaw=25.4))
    )
    same = body(body.from_motion(motion(jawOpen=1.0), shape)).vertices[0]
    assert (closed - opened)[:, 1].max() > 0.03
    assert torch.allclose(opened, same, atol=1e-5)


def test_eyes_turn_with_their_bones(body):
    shape = body.default_shape()
    still, turned = (
        body(body.from_motion(m, shape)).vertices[0] for m in (motion(), motion(eye=(0.0, 20.0)))
    )
    moved = (still - turned).norm(dim=1) > 1e-4
    eyes = body.topology.parts == body.topology.part_names.index("eyes")
    left = eyes & (still[:, 0] > 0)
    # 20 degrees of a 12 mm eyeball are 4 mm; only what hangs on the left eye's bone moves
    assert moved[left].float().mean() > 0.9
    assert not moved[eyes & (still[:, 0] < 0)].any()


def test_gradient_flows_to_the_channels():
    m = motion()
    m.expression.fill_(0.3)  # not at a bound, where the gradient of a clamp is a convention
    m.expression.requires_grad_()
    facial_actions(m).sum().backward()
    assert torch.equal(m.expression.grad > 0, torch.ones(1, 52) > 0)
