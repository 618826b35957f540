from dataclasses import replace

import pytest
import torch

from avatar_kit.live import Placer
from avatar_kit.live.calibration import pelvis_height
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS
from avatar_kit.scene.motion import concatenate
from tests.live.people import body_named, performer_of

#: The avatar is of another size than the performer.
TALL = torch.tensor([0.9])


def standing(frames, height=0.0, depth=0.0):
    """A person of the average size on a floor at -1 m, jumping and walking as told."""
    body = body_named("stick")
    pelvis = pelvis_height(body, body.default_shape())
    transl = torch.zeros(frames, 3)
    transl[:, 1] = pelvis - 1 + height
    transl[:, 2] = -3 + depth
    return Motion.rest(frames, 30.0, transl=transl)


def soles(motion):
    body = body_named("stick")
    return body.keypoints(body.from_motion(motion, TALL))[..., 1].amin(1)


@pytest.fixture
def placer():
    body = body_named("stick")
    tall = pelvis_height(body, TALL)
    training = Motion.rest(5, 30.0, transl=torch.tensor([[0.4, tall + 0.2, 0.3]]).repeat(5, 1))
    performer = performer_of(body).model_copy(update={"floor": -1.0})
    return Placer(body, TALL, training, performer)


def placed(placer, motion):
    return concatenate([placer.place(motion[i]) for i in range(len(motion))])


def test_the_avatar_stands_on_its_floor_at_its_place(placer):
    found = placed(placer, standing(10))
    torch.testing.assert_close(found.transl[:, [0, 2]], torch.tensor([[0.4, 0.3]]).repeat(10, 1))
    torch.testing.assert_close(soles(found), torch.full((10,), 0.2), atol=1e-4, rtol=0)


def test_steps_are_as_long_as_the_legs(placer):
    found = placed(placer, standing(10, depth=torch.linspace(0, 1, 10)))
    assert placer.scale == pytest.approx(1.16, abs=1e-3)  # sizes 0.8 + 0.4 shape
    assert float(found.transl[-1, 2] - found.transl[0, 2]) == pytest.approx(placer.scale, abs=1e-4)


def test_who_jumps_leaves_the_floor_and_lands_on_it(placer):
    jump = torch.zeros(40)
    jump[20:32] = 0.3 * torch.sin(torch.linspace(0, torch.pi, 12))
    found = soles(placed(placer, standing(40, height=jump))) - 0.2
    assert found[:20].abs().max() < 1e-4
    assert found.max() == pytest.approx(0.27 * placer.scale, abs=0.03)
    assert found[33:].abs().max() < 0.005
    assert found.min() > -1e-4


def test_knees_that_bend_keep_the_feet_down(placer):
    squat = standing(20, height=-0.3)
    pose = torch.zeros(20, 21, 3)
    for side in ("left", "right"):
        pose[:, BODY_JOINTS.index(f"{side}_hip"), 0] = -1.2
        pose[:, BODY_JOINTS.index(f"{side}_knee"), 0] = 1.9
        pose[:, BODY_JOINTS.index(f"{side}_ankle"), 0] = -0.6
    found = placed(placer, replace(squat, body_pose=pose.flatten(1)))
    assert soles(found).min() > 0.2 - 1e-4
    assert soles(found)[-1] < 0.25


def test_a_floor_that_seems_to_rise_is_followed(placer):
    # a camera that looks down a little: who walks towards it seems to climb
    found = placed(placer, standing(120, height=torch.linspace(0, 0.08, 120)))
    assert (soles(found) - 0.2).max() < 0.05


def test_frames_before_anybody_is_seen_stand_at_the_place(placer):
    lost = replace(standing(3, height=0.4), confidence=torch.zeros(3))
    found = placed(placer, concatenate([lost, standing(3)]))
    torch.testing.assert_close(soles(found), torch.full((6,), 0.2), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.transl[:, [0, 2]], torch.tensor([[0.4, 0.3]]).repeat(6, 1))


def test_an_unknown_floor_is_that_of_the_first_pose(placer):
    performer = performer_of(body_named("stick"))
    training = Motion.rest(2, transl=torch.tensor([[0.0, 1.0, 0.0]]).repeat(2, 1))
    unknown = Placer(body_named("stick"), TALL, training, performer, in_place=True)
    found = placed(unknown, standing(10, depth=torch.linspace(0, 1, 10)))
    assert soles(found).std() < 1e-4
    torch.testing.assert_close(found.transl[:, [0, 2]], torch.zeros(10, 2))
    with pytest.raises(ValueError, match="one by one"):
        unknown.place(standing(2))
