"""Motion files as they are found in the wild."""

from pathlib import Path

import pytest
import roma

from avatar_kit.io import list_clips, load_motion

SHARED = Path(__file__).parents[3] / "shared" / "data" / "motion"

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/motion")


def uprightness(motion) -> float:
    """Mean of the vertical part of the pelvis's up axis."""
    return float(roma.rotvec_to_rotmat(motion.global_orient)[:, 1, 1].mean())


@pytest.mark.parametrize(
    ("name", "clips", "clip", "fps", "height"),
    [
        ("bandai_smpl_15fps.npz", 874, "dataset-1_walk_normal_001", 15, (0.8, 1.0)),
        ("deepmimic_smpl_30fps.npz", 81, "dance_a", 30, (0.7, 1.1)),
    ],
)
def test_collections_of_clips(name, clips, clip, fps, height):
    assert len(list_clips(SHARED / name)) == clips
    motion = load_motion(SHARED / name, clip=clip)
    assert motion.fps == fps
    assert uprightness(motion) > 0.8
    assert height[0] < float(motion.transl[:, 1].mean()) < height[1]


@pytest.mark.parametrize("name", ["female-3-casual_train", "male-3-casual_test"])
def test_fits_in_camera_axes_stand_upright(name):
    motion = load_motion(SHARED / f"people_snapshot_{name}.npz")
    assert uprightness(motion) > 0.95
    assert float(motion.transl[:, 2].max()) < -5, "the camera looked along +z, which is now -z"
    assert motion.transl[:, 1].abs().max() < 0.1, "the pelvis is near the middle of the picture"


def test_talkshow_song():
    motion = load_motion(SHARED / "talkshow_song.npy")
    assert len(motion) == 1611 and motion.fps == 30
    assert uprightness(motion) > 0.95
    assert float(motion.left_hand_pose.std()) > 0.05


def test_clips_can_be_named_in_the_path():
    motion = load_motion(f"{SHARED / 'deepmimic_smpl_30fps.npz'}#backflip", fps=15)
    assert motion.fps == 15 and len(motion) == 27
