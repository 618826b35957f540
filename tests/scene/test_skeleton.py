import numpy as np
import torch
from scipy.spatial.transform import Rotation

from avatar_kit.scene.joints import BODY_JOINTS, SMPLX_PARENTS
from avatar_kit.scene.skeleton import joint_positions, rest_offsets

OFFSETS = rest_offsets()


def place(name: str) -> int:
    return BODY_JOINTS.index(name)


def test_the_t_pose_adds_up_offsets():
    positions = joint_positions(torch.eye(3).expand(2, 21, 3, 3), OFFSETS)
    chain = ("spine1", "spine2", "spine3", "left_collar", "left_shoulder", "left_elbow")
    torch.testing.assert_close(
        positions[1, place("left_elbow")], sum(OFFSETS[place(name)] for name in chain)
    )
    left, right = positions[0, place("left_wrist")], positions[0, place("right_wrist")]
    torch.testing.assert_close(left * torch.tensor([-1.0, 1.0, 1.0]), right)
    assert left[0] > 0.6


def test_a_bent_knee_swings_the_ankle_back():
    """A quarter turn about x takes (x, y, z) to (x, -z, y)."""
    matrices = torch.eye(3).repeat(21, 1, 1)
    knee, ankle = place("left_knee"), place("left_ankle")
    matrices[knee] = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    positions = joint_positions(matrices, OFFSETS)
    x, y, z = OFFSETS[ankle]
    torch.testing.assert_close(positions[ankle] - positions[knee], torch.stack((x, -z, y)))
    assert positions[ankle, 2] < positions[knee, 2]


def test_random_poses_agree_with_a_plain_recursion():
    turns = Rotation.random(21, random_state=3).as_matrix()
    ours = joint_positions(torch.from_numpy(turns).float(), OFFSETS).numpy()
    world, places = [np.eye(3)], [np.zeros(3)]
    for joint in range(21):
        parent = SMPLX_PARENTS[joint + 1]
        places.append(places[parent] + world[parent] @ OFFSETS[joint].numpy())
        world.append(world[parent] @ turns[joint])
    np.testing.assert_allclose(ours, np.stack(places[1:]), atol=1e-5)
