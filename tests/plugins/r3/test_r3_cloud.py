"""The encoder: training frames know their time, other poses retrieve theirs, nothing is hidden."""

import logging
from dataclasses import replace

import pytest
import torch
from avatar_kit_r3.cloud import RecordedGaussians
from avatar_kit_r3.config import RecordedGaussiansConfig
from avatar_kit_r3.matching import Choice
from avatar_kit_r3.parts import PARTS
from avatar_kit_r3.record import Decoded

from avatar_kit.engine.frames import PosedFrames
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Setup
from avatar_kit.scene import FrameContext, Motion
from avatar_kit.testing import world

SMALL = {"space": [8], "time": 12, "channels": 4, "width": 16}
PLAIN = {"pose_width": 0, "weights_width": 0}
FRAMES = 16


def swing(frames, phase=0.0):
    """Arms, legs, spine and a finger that move at rates of their own."""
    time = torch.linspace(0, 3, frames) + phase
    pose = torch.zeros(frames, 21, 3)
    pose[:, 15, 2], pose[:, 16, 1] = 0.8 * (2 * time).sin(), 0.8 * time.cos()
    pose[:, 0, 0], pose[:, 4, 0] = 0.5 * (3 * time).sin(), 0.4 * (2.5 * time).cos()
    pose[:, 2, 1], pose[:, 11, 2] = 0.3 * (1.5 * time).sin(), 0.3 * (2.2 * time).cos()
    fingers = torch.zeros(frames, 45)
    fingers[:, 2] = time.sin()
    return Motion.rest(frames, 25.0, body_pose=pose.flatten(1), left_hand_pose=fingers)


@pytest.fixture(scope="module")
def contexts(body):
    """``contexts(motion, first_index)``: one context a frame; training frames with an index."""
    shape = body.default_shape()

    def made(motion, *, training=False):
        posed, camera = PosedFrames(body, motion, shape), world.camera()
        return [
            posed.context([f], [max(0, f - 1)], camera, [f if training else -1])
            for f in range(len(motion))
        ]

    return made


@pytest.fixture
def cloud(body):
    """An encoder whose record differs from place to place and from time to time."""
    torch.manual_seed(0)
    config = RecordedGaussiansConfig(points=400, record=SMALL, rig=PLAIN, harmonics=0)
    setup = Setup(body.rest(body.default_shape()), world.setup().cameras, FRAMES, ())
    made = RecordedGaussians(config, setup).eval()
    with torch.no_grad():
        for table in made.record.tables:
            table.copy_(0.5 + torch.rand_like(table))
        for head in (made.record.offset, made.record.opacity, made.record.rotation):
            head.weight.copy_(0.3 * torch.randn_like(head.weight))
        made.training_poses.learn(swing(FRAMES), torch.arange(FRAMES) == 0)
    return made


def driven(cloud, frames):
    """Means of a stream of contexts."""
    state, found = None, []
    for context in frames:
        condition, state = cloud.step(context, state)
        found.append(condition.means)
    return torch.cat(found)


@torch.no_grad()
def test_a_training_frame_knows_its_time_whatever_its_pose(cloud, contexts):
    here = contexts(swing(FRAMES), training=True)
    asked = replace(here[3], motion=here[9].motion)
    torch.testing.assert_close(cloud(asked).means, cloud(here[3]).means)
    other = replace(here[3], index=torch.tensor([9]))
    assert not torch.allclose(cloud(other).means, cloud(here[3]).means)
    assert cloud.step(here[3], None)[1] is None


@torch.no_grad()
def test_a_driven_training_motion_looks_as_it_was_recorded(cloud, contexts):
    trained = torch.cat([cloud(c).means for c in contexts(swing(FRAMES), training=True)])
    torch.testing.assert_close(driven(cloud, contexts(swing(FRAMES))), trained)


@torch.no_grad()
def test_two_streams_do_not_know_of_each_other(cloud, contexts):
    """State is handed over: side by side, in one batch or alone, a stream looks the same."""
    one, other = contexts(swing(6, phase=0.4)), contexts(swing(6, phase=1.7))
    alone = driven(cloud, one), driven(cloud, other)
    states, found = [None, None], ([], [])
    for pair in zip(one, other, strict=True):
        for i, context in enumerate(pair):
            condition, states[i] = cloud.step(context, states[i])
            found[i].append(condition.means)
    assert all(torch.equal(torch.cat(f), a) for f, a in zip(found, alone, strict=True))
    both = [joined(a, b) for a, b in zip(one, other, strict=True)]
    together = driven(cloud, both).unflatten(0, (6, 2))
    for i in range(2):
        torch.testing.assert_close(together[:, i], alone[i])


def joined(a, b):
    cat = lambda x, y: torch.cat([x, y])  # noqa: E731
    body = replace(
        a.body,
        **{
            name: cat(getattr(a.body, name), getattr(b.body, name))
            for name in ("vertices", "joints", "bone_transforms", "hands")
        },
    )
    fields = {
        name: cat(getattr(a.motion, name), getattr(b.motion, name))
        for name in vars(a.motion)
        if name != "fps"
    }
    return FrameContext(
        body=body,
        previous=body,
        camera=a.camera.expand(2),
        motion=Motion(fps=a.motion.fps, **fields),
        time=cat(a.time, b.time),
        clip_start=cat(a.clip_start, b.clip_start),
        index=cat(a.index, b.index),
    )


@torch.no_grad()
def test_reconstruction_is_the_dense_sum_over_parts_with_an_echo_after_a_jump(cloud):
    times = torch.tensor([1.0, 4.5, 7.0, 7.0, 11.0])
    before = torch.tensor([torch.nan, torch.nan, 2.0, torch.nan, 9.0])
    found = cloud.recorded(Choice(times, before))
    poses = cloud.training_poses
    masses = torch.zeros(400, len(PARTS))
    masses[cloud.pair_rows, cloud.pair_parts] = cloud.pair_masses
    torch.testing.assert_close(masses.sum(1), torch.ones(400))
    expected = [torch.zeros_like(v) for v in found]
    for part in range(len(PARTS)):
        values = cloud.at_time(poses.record_time(times[part]))
        if not before[part].isnan():
            old = cloud.at_time(poses.record_time(before[part]))
            values = Decoded(*((2 * new + o) / 3 for new, o in zip(values, old, strict=True)))
        expected = [e + masses[:, [part]] * v for e, v in zip(expected, values, strict=True)]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_moved_arm_changes_what_is_retrieved_for_that_arm_alone(cloud, contexts):
    motion = swing(FRAMES)
    pose = motion.body_pose.clone().unflatten(1, (21, 3))
    pose[4, 15], pose[4, 17] = pose[11, 15], pose[11, 17]  # left shoulder and elbow
    mixed = replace(motion[[4]], body_pose=pose[[4]].flatten(1))
    plain, other = (cloud.training_poses.find(m, None).choice.times for m in (motion[[4]], mixed))
    changed = (plain != other).tolist()
    assert changed == [name == "left_arm" for name in PARTS]


@torch.no_grad()
def test_fingers_and_faces_move_with_the_body_and_match_nothing(cloud, contexts):
    motion = swing(4)
    open_mouth = torch.zeros(4, 52)
    open_mouth[:, 24] = 1.0
    bent = torch.zeros(4, 45)
    bent[:, 2::3] = 0.8
    changed = replace(motion, expression=open_mouth, left_hand_pose=bent)
    find = cloud.training_poses.find
    same = find(motion[[2]], None).choice.times, find(changed[[2]], None).choice.times
    assert torch.equal(*same)
    moved = (cloud(contexts(changed)[2]).means - cloud(contexts(motion)[2]).means).norm(dim=-1)[0]
    topology = cloud.setup.body.topology
    parts = topology.parts[topology.faces[cloud.faces][:, 0]]
    for name, most in (("left_hand", 0.01), ("head", 0.004)):
        chosen = parts == topology.part_names.index(name)
        assert float(moved[chosen].max()) > most, name
    still = parts == topology.part_names.index("right_hand")
    assert float(moved[still].max()) < 1e-5


def test_one_line_says_that_a_motion_is_far(cloud, contexts, caplog):
    far = Motion.rest(3, 25.0, body_pose=torch.full((3, 63), 1.3))
    with caplog.at_level(logging.WARNING), torch.no_grad():
        driven(cloud, contexts(far))
        driven(cloud, contexts(swing(4)))
    (line,) = caplog.messages
    assert "at 0.00 s the pose is far from every training pose" in line and "radians" in line


@torch.no_grad()
def test_without_retrieval_every_pose_takes_the_middle(body, cloud, contexts):
    torch.manual_seed(0)
    config = cloud.config.model_copy(update={"retrieval": None})
    plain = RecordedGaussians(config, cloud.setup).eval()
    plain.load_state_dict(cloud.state_dict())
    driving, trained = contexts(swing(FRAMES)), contexts(swing(FRAMES), training=True)
    middle = replace(trained[2], index=torch.tensor([FRAMES // 2]))
    torch.testing.assert_close(plain(driving[2]).means, plain(middle).means)
    assert plain.step(driving[2], None)[1] is None


@pytest.mark.parametrize("degree", [0, 2])
@torch.no_grad()
def test_colours_turn_with_the_person(degree):
    """Harmonics are in the axes of the body: turned together, camera and body look the same."""
    torch.manual_seed(0)
    config = RecordedGaussiansConfig(points=50, record=SMALL, rig=PLAIN, harmonics=degree)
    made = RecordedGaussians(config, world.setup()).eval()
    made.harmonics.copy_(0.2 * torch.randn_like(made.harmonics))
    front = world.context([0])
    here = made(front).features
    turn = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    carried = torch.eye(4)
    carried[:3, :3] = turn
    body = replace(
        front.body,
        vertices=front.body.vertices @ turn.T,
        bone_transforms=carried @ front.body.bone_transforms,
    )
    camera = replace(front.camera, R=front.camera.R @ turn.T)
    torch.testing.assert_close(made(replace(front, body=body, camera=camera)).features, here)
    aside = made(world.context([0], from_all_sides=True)).features
    beside = replace(front, camera=world.camera(degrees=60))
    assert torch.allclose(made(beside).features, aside) == (degree == 0)


def test_a_body_without_skinning_weights_is_refused():
    setup = world.setup()
    bare = replace(setup.body, skinning_weights=torch.zeros_like(setup.body.skinning_weights))
    with pytest.raises(UserError, match=r"skinning weights.*use another body"):
        RecordedGaussians(RecordedGaussiansConfig(points=50), replace(setup, body=bare))


def test_a_single_training_frame_is_refused():
    with pytest.raises(UserError, match=r"has 1 frame\(s\); give at least 2, or use method"):
        alone = replace(world.setup(), training_frames=1)
        RecordedGaussians(RecordedGaussiansConfig(points=50), alone)
