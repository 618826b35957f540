"""A motion that another program found: its axes are found out, and the fit stays near it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import roma
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.motion import save_motion
from avatar_kit.tracking.fit import ROOT_VARIABLES, Fitter, Phase
from avatar_kit.tracking.given_motion import AXES, read_given, seen_by_camera
from avatar_kit.tracking.observe import Observed
from avatar_kit.tracking.place import static_camera
from tests.tracking.stick_person import StickBody, observed, turning_person

FRAMES = 30


@dataclass
class Reader:
    """As much of a video as a motion is compared with."""

    frames: int
    fps: float = 30.0
    path: Path = Path("me.mp4")

    def __len__(self):
        return self.frames


@pytest.fixture(scope="module")
def person():
    """Body, true motion, and the video that shows it."""
    body, motion = StickBody(), turning_person(FRAMES)
    camera, _ = static_camera(600, 800)
    truth = body.keypoints(body.from_motion(motion, body.default_shape()))
    tracks = observed(truth, camera, noise=1.0)
    video = Observed(Reader(FRAMES), tracks, np.arange(FRAMES), [(0, FRAMES)], [])
    return body, motion, video, camera


def turned(motion, matrix):
    orient = matrix @ roma.rotvec_to_rotmat(motion.global_orient)
    return replace(motion, global_orient=roma.rotmat_to_rotvec(orient))


def degrees_between(a, b):
    matrices = [roma.rotvec_to_rotmat(m.global_orient) for m in (a, b)]
    return torch.rad2deg(roma.rotmat_geodesic_distance(*matrices))


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("away", [0.0, 130.0])
def test_axes_and_heading_are_found_out(person, name, away):
    body, motion, video, _ = person
    heading = roma.rotvec_to_rotmat(torch.tensor([0.0, np.radians(away), 0.0], dtype=torch.float))
    given = turned(motion, AXES[name].mT @ heading)
    found = seen_by_camera(given, Path("fit.npz"), video, body)
    assert name in found.note and ("rotated by" in found.note) == (away != 0)
    assert degrees_between(found.motion, motion).mean() < (8 if away else 0.1)
    assert torch.equal(found.motion.body_pose, motion.body_pose)


def test_another_motion_is_refused(person):
    body, motion, video, _ = person
    pose = motion.body_pose.clone().view(FRAMES, 21, 3)
    pose[:, [0, 1], 0] = -1.5  # sits, arms up
    pose[:, 15, 2], pose[:, 16, 2] = 1.4, -1.4
    tilted = turned(motion, roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, 1.2])))
    other = replace(tilted, body_pose=pose.flatten(1))
    with pytest.raises(UserError, match=r"fit\.npz: not the motion of the person in me\.mp4"):
        seen_by_camera(other, Path("fit.npz"), video, body)


def test_a_pose_for_each_frame_of_the_video(tmp_path, person):
    motion = person[1]
    path = tmp_path / "fit.npz"
    save_motion(path, motion)
    assert torch.allclose(read_given(path, Reader(FRAMES)).body_pose, motion.body_pose)
    assert read_given(path, Reader(FRAMES, fps=25.0)).fps == 25.0  # frame by frame
    save_motion(path, motion.resample(15.0))
    slow = read_given(path, Reader(FRAMES))
    assert len(slow) == FRAMES
    assert (slow.body_pose[:-2] - motion.body_pose[:-2]).abs().max() < 0.05
    with pytest.raises(UserError, match=r"15 frames at 15 fps are 1\.00 s; of the video 60 frames"):
        read_given(path, Reader(60))
    with pytest.raises(UserError, match="no such motion file"):
        read_given(tmp_path / "none.npz", Reader(60))


@pytest.mark.slow  # two fits
def test_depth_that_the_tracker_has_wrong_is_taken_from_the_motion(person):
    """The tracker takes arms that reach forward for arms that reach back."""
    body, motion, video, camera = person
    world = video.tracks.body_world.copy()
    for shoulder, arm in ((5, [7, 9]), (6, [8, 10])):
        depth = world[:, arm, 2] - world[:, [shoulder], 2]
        world[:, arm, 2] = world[:, [shoulder], 2] - 1.5 * depth
    tracks = replace(video.tracks, body_world=world)
    given = seen_by_camera(motion, Path("fit.npz"), video, body)
    phases = (
        Phase(10, ROOT_VARIABLES, 0.2),
        Phase(40, (*ROOT_VARIABLES, "pose"), 0.1),
    )
    truth = body.keypoints(body.from_motion(motion, body.default_shape()))
    off = {}
    for name, known in (("alone", None), ("given", given)):
        fit = Fitter(body, camera, tracks, [(0, FRAMES)], 30.0, None, known).run(phases=phases)
        lines = [k[:, [7, 8, 9, 10]] - k[:, [5, 6, 7, 8]] for k in (fit.keypoints, truth)]
        cosine = torch.nn.functional.cosine_similarity(*lines, dim=-1).clamp(-1, 1)
        off[name] = float(torch.rad2deg(torch.acos(cosine)).mean())
    assert off["given"] < 0.5 * off["alone"], off
