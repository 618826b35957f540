"""Where the limbs point: the T-pose, and single joints bent by a known angle."""

import math

import pytest
import torch
from anny_motions import posed, random_shape

SHAPES = ["average", 1, 2, 3, 4, 5]


def shape(body, which):
    return body.default_shape() if which == "average" else random_shape(which)


def heads(body, motion, which="average"):
    joints = body(body.from_motion(motion, shape(body, which))).joints[0]
    return dict(zip(body.joint_names, joints, strict=True))


def degrees_between(at, start, end, direction):
    bone = torch.nn.functional.normalize(at[end] - at[start], dim=0)
    target = torch.nn.functional.normalize(torch.tensor(direction), dim=0)
    return math.degrees(2 * math.asin(min(1.0, (bone - target).norm().item() / 2)))


@pytest.mark.parametrize("which", SHAPES)
@pytest.mark.parametrize(("side", "sign"), [("L", 1.0), ("R", -1.0)])
def test_t_pose_limbs(body, which, side, sign):
    at = heads(body, posed(), which)
    out, down = (sign, 0.0, 0.0), (0.0, -1.0, 0.0)
    for start, end, direction in [
        ("upperarm01", "lowerarm01", out),
        ("lowerarm01", "wrist", out),
        ("wrist", "finger3-1", out),
        ("upperleg01", "lowerleg01", down),
        ("lowerleg01", "foot", down),
    ]:
        assert degrees_between(at, f"{start}.{side}", f"{end}.{side}", direction) < 0.5, start


@pytest.mark.parametrize("which", SHAPES)
def test_t_pose_hands_and_feet(body, which):
    at = heads(body, posed(), which)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        # fingers flat and straight, the index finger in front of the little finger: palms down
        for finger in range(2, 6):
            first = at[f"finger{finger}-2.{side}"] - at[f"finger{finger}-1.{side}"]
            second = at[f"finger{finger}-3.{side}"] - at[f"finger{finger}-2.{side}"]
            assert abs(first[1]) < 1e-5 and abs(second[1]) < 1e-5
            assert torch.linalg.cross(first, second).norm() < 1e-6
            assert sign * first[0] > 0.8 * first.norm()
        assert at[f"finger2-1.{side}"][2] > at[f"finger5-1.{side}"][2] + 0.02
        assert at[f"finger1-3.{side}"][2] > at[f"finger2-1.{side}"][2]
        # toes ahead of the ankle, sole at the height it has without rotation
        ball = torch.stack([at[f"toe{i}-1.{side}"] for i in range(1, 6)]).mean(0)
        ahead = ball - at[f"foot.{side}"]
        assert ahead[2] > 0.05 and abs(ahead[0]) < 1e-5


@pytest.mark.parametrize("angle", [30.0, 90.0, 130.0])
def test_elbow_flexion_carries_the_forearm_forward(body, angle):
    at = heads(body, posed(left_elbow=(0, -angle, 0), right_elbow=(0, angle, 0)))
    s, c = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    assert degrees_between(at, "lowerarm01.L", "wrist.L", (c, 0.0, s)) < 0.5
    assert degrees_between(at, "lowerarm01.R", "wrist.R", (-c, 0.0, s)) < 0.5
    assert degrees_between(at, "upperarm01.L", "lowerarm01.L", (1.0, 0.0, 0.0)) < 0.5


@pytest.mark.parametrize("angle", [30.0, 90.0, 130.0])
def test_knee_flexion_carries_the_shin_back(body, angle):
    at = heads(body, posed(left_knee=(angle, 0, 0), right_knee=(angle, 0, 0)))
    s, c = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    for side in "LR":
        assert degrees_between(at, f"lowerleg01.{side}", f"foot.{side}", (0.0, -c, -s)) < 0.5


def test_arms_hang_and_rise(body):
    down = heads(body, posed(left_shoulder=(0, 0, -90)))
    assert degrees_between(down, "upperarm01.L", "wrist.L", (0.0, -1.0, 0.0)) < 0.5
    up = heads(body, posed(left_shoulder=(0, 0, 90)))
    assert degrees_between(up, "upperarm01.L", "wrist.L", (0.0, 1.0, 0.0)) < 0.5
    # the shoulder blade lifts the joint with the arm
    assert up["upperarm01.L"][1] > down["upperarm01.L"][1] + 0.02


def test_twist_of_the_wrist_is_shared_along_the_forearm(body):
    still, turned = posed(), posed(left_wrist=(60, 0, 0))
    index = body.joint_names.index("lowerarm02.L")
    frames = [
        body(body.from_motion(m, body.default_shape())).bone_transforms for m in (still, turned)
    ]
    relative = frames[1][0, index, :3, :3] @ frames[0][0, index, :3, :3].T
    angle = math.degrees(math.acos((relative.trace().item() - 1) / 2))
    assert angle == pytest.approx(30.0, abs=0.05)
