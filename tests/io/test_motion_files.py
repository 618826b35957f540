import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from avatar_kit.errors import UserError
from avatar_kit.io import list_clips, load_motion, save_motion
from avatar_kit.io.motion import load_clips
from avatar_kit.io.motion.arrays import read_npy, read_npz
from avatar_kit.io.motion.smpl import SMPL_PELVIS, SMPLX_PELVIS
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS
from avatar_kit.scene.motion import FIELDS

#: Shoulders, elbows and wrists, which SMPL-X counts from another rest pose.
ARMS = [
    BODY_JOINTS.index(f"{s}_{p}") for s in ("left", "right") for p in ("shoulder", "elbow", "wrist")
]


def random_motion(frames=5, fps=30.0, seed=0) -> Motion:
    generator = torch.Generator().manual_seed(seed)
    values = {k: torch.randn(frames, *w, generator=generator) * 0.2 for k, w in FIELDS.items()}
    return Motion(fps=fps, **values)


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def smpl(frames=4, **changes):
    arrays = {
        "global_orient": np.zeros((frames, 3)),
        "body_pose": np.arange(frames * 63).reshape(frames, 63) / 1000,
        "transl": np.tile([0.1, 0.9, 0.3], (frames, 1)),
        "fps": 24.0,
    }
    return {k: v for k, v in (arrays | changes).items() if v is not None}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), fps=st.floats(1, 120), frames=st.integers(1, 9))
def test_ours_round_trips(tmp_path_factory, seed, fps, frames):
    path, motion = tmp_path_factory.mktemp("m") / "a.npz", random_motion(frames, fps, seed)
    save_motion(path, motion)
    again = load_motion(path)
    assert again.fps == fps
    for name in FIELDS:
        torch.testing.assert_close(getattr(again, name), getattr(motion, name), atol=0, rtol=0)


def test_ours_is_plain_numpy(tmp_path):
    save_motion(tmp_path / "a.npz", random_motion())
    with np.load(tmp_path / "a.npz", allow_pickle=False) as data:
        assert str(data["joint_convention"]) == "smplx" and str(data["up"]) == "y"
        assert data["left_hand_pose"].shape == (5, 45)


def test_resampling_is_a_choice(tmp_path):
    save_motion(tmp_path / "a.npz", random_motion(31, 30.0))
    assert (len(load_motion(tmp_path / "a.npz", fps=60)), load_motion(tmp_path / "a.npz").fps) == (
        61,
        30.0,
    )


@pytest.mark.parametrize("width", [72, 156, 165])
def test_amass_is_turned_upright(tmp_path, width):
    """z up to y up: whoever stood facing -y in AMASS faces +z here."""
    poses = np.random.default_rng(0).normal(size=(3, width)) * 0.1
    poses[:, :3] = (np.pi / 2, 0, 0)  # upright in a world with z up
    trans = np.array([[1.0, 2.0, 0.9]] * 3)
    motion = load_motion(npz(tmp_path / "a.npz", poses=poses, trans=trans, mocap_framerate=120.0))
    assert motion.fps == 120
    np.testing.assert_allclose(motion.global_orient, np.zeros((3, 3)), atol=1e-6)
    x, y, z = trans[0] + (SMPLX_PELVIS if width == 165 else SMPL_PELVIS)
    np.testing.assert_allclose(motion.transl[0], (x, z, -y), atol=1e-6)
    kept = [i for i in range(21) if width < 165 or i not in ARMS]  # arms of SMPL-X hang at rest
    body = motion.body_pose.numpy().reshape(3, 21, 3)
    np.testing.assert_allclose(body[:, kept], poses[:, 3:66].reshape(3, 21, 3)[:, kept], atol=1e-6)
    hands = {72: None, 156: slice(66, 111), 165: slice(75, 120)}[width]
    expected = poses[:, hands] if hands else np.zeros((3, 45))
    np.testing.assert_allclose(motion.left_hand_pose, expected, atol=1e-6)
    jaw = poses[:, 66:69] if width == 165 else np.zeros((3, 3))
    np.testing.assert_allclose(motion.jaw_pose, jaw, atol=1e-6)


def test_smpl_without_betas_gives_the_pelvis(tmp_path):
    motion = load_motion(npz(tmp_path / "a.npz", **smpl()))
    assert motion.fps == 24
    np.testing.assert_allclose(motion.transl[0], (0.1, 0.9, 0.3), atol=1e-6)
    np.testing.assert_allclose(motion.body_pose, smpl()["body_pose"], atol=1e-6)


def test_fits_move_the_origin_and_may_look_down_the_camera(tmp_path):
    """Camera axes (y down, z forward) become y up; the pelvis is at transl plus its rest place."""
    upside_down = np.tile([np.pi, 0, 0], (4, 1))
    arrays = smpl(global_orient=upside_down, betas=np.zeros(10), body_pose=np.zeros((4, 69)))
    motion = load_motion(npz(tmp_path / "a.npz", **arrays))
    x, y, z = np.array([0.1, 0.9, 0.3]) + SMPL_PELVIS
    np.testing.assert_allclose(motion.transl[0], (x, -y, -z), atol=1e-6)
    turned = Rotation.from_rotvec(motion.global_orient.numpy()).as_matrix()
    np.testing.assert_allclose(turned, np.tile(np.eye(3), (4, 1, 1)), atol=1e-6)
    same = load_motion(tmp_path / "a.npz", up="y")
    np.testing.assert_allclose(same.global_orient, upside_down, atol=1e-6)


def test_turning_commutes_with_forward_kinematics(tmp_path):
    """A point fixed to the pelvis ends where the turned world says."""
    rng = np.random.default_rng(1)
    orient = (
        Rotation.from_rotvec(rng.normal(size=(6, 3)) * 0.3) * Rotation.from_rotvec([np.pi, 0, 0])
    ).as_rotvec()
    arrays = smpl(
        6, global_orient=orient, transl=rng.normal(size=(6, 3)) * 0.05, body_pose=np.zeros((6, 63))
    )
    motion = load_motion(npz(tmp_path / "a.npz", **arrays))
    point = np.array([0.2, 0.5, 0.1])
    before = Rotation.from_rotvec(orient).apply(point) + arrays["transl"]
    after = Rotation.from_rotvec(motion.global_orient.numpy()).apply(point) + motion.transl.numpy()
    np.testing.assert_allclose(after, before * (1, -1, -1), atol=1e-5)


def test_smplx_hands_and_face(tmp_path):
    hands = np.random.default_rng(0).normal(size=(4, 45)) * 0.2
    arrays = smpl(left_hand_pose=hands, jaw_pose=np.full((4, 3), 0.1), expression=np.ones((4, 10)))
    motion = load_motion(npz(tmp_path / "a.npz", **arrays))
    np.testing.assert_allclose(motion.left_hand_pose, hands, atol=1e-6)
    np.testing.assert_allclose(motion.jaw_pose, 0.1, atol=1e-6)
    assert not motion.expression.any(), "SMPL-X coefficients are not ARKit channels"


def test_talkshow(tmp_path):
    array = np.random.default_rng(0).normal(size=(7, 265)).astype(np.float32) * 0.1
    np.save(tmp_path / "a.npy", array)
    motion = load_motion(tmp_path / "a.npy")
    assert motion.fps == 30
    np.testing.assert_array_equal(motion.jaw_pose, array[:, :3])
    body, given = (
        np.delete(np.reshape(a, (7, 21, 3)), ARMS, 1) for a in (motion.body_pose, array[:, 12:75])
    )
    np.testing.assert_allclose(body, given, atol=1e-6)
    # hands count from the mean hand, which is bent: left about -z, right about +z
    right = motion.right_hand_pose.numpy() - array[:, 120:165]
    left = motion.left_hand_pose.numpy() - array[:, 75:120]
    np.testing.assert_allclose(right, np.tile(right[0], (7, 1)), atol=1e-6)
    np.testing.assert_allclose(left, -right, atol=1e-6)
    assert (right.reshape(7, 15, 3)[:, :12, 2] > 0.05).all() and not right[:, 36:].any()


@pytest.fixture
def clips(tmp_path):
    arrays = smpl(9, clip_len=np.array([4, 5]), clip_name=np.array(["walk", "wave"]))
    return npz(tmp_path / "a.npz", **arrays)


def test_clips(clips):
    assert list_clips(clips) == ["walk", "wave"]
    assert len(load_motion(clips, clip="walk")) == 4
    wave = load_motion(clips, clip=1)
    np.testing.assert_allclose(wave.body_pose, smpl(9)["body_pose"][4:], atol=1e-6)
    torch.testing.assert_close(load_motion(f"{clips}#wave").body_pose, wave.body_pose)


def test_all_clips_at_once_are_those_read_one_by_one(clips):
    found = load_clips(clips)
    assert list(found) == ["walk", "wave"]
    for name, motion in found.items():
        assert motion.body_pose.equal(load_motion(clips, clip=name).body_pose)
        assert motion.transl.equal(load_motion(clips, clip=name).transl)


def test_a_file_with_one_motion_is_its_own_clip(tmp_path):
    save_motion(tmp_path / "dance.npz", random_motion())
    assert list_clips(tmp_path / "dance.npz") == ["dance"]
    assert len(load_motion(tmp_path / "dance.npz", clip="dance")) == 5


# What bad input gets


def refused(path, pattern, **options):
    with pytest.raises(UserError, match=pattern) as error:
        load_motion(path, **options)
    assert "\n" not in str(error.value)


def test_no_clip_chosen(clips):
    refused(clips, r"a\.npz: holds 2 clips; name one, e\.g\. 'a\.npz#walk'")


def test_unknown_clip(clips):
    refused(clips, r"a\.npz: no clip 'wavy'; did you mean 'wave'\?", clip="wavy")


def test_no_clips_to_choose_from(tmp_path):
    refused(npz(tmp_path / "a.npz", **smpl()), "holds one motion, no clip 'walk'", clip="walk")


def test_clip_lengths_that_do_not_add_up(tmp_path):
    path = npz(tmp_path / "a.npz", **smpl(clip_len=np.array([2, 3])))
    refused(path, "clip_len adds up to 5, but there are 4 frames", clip=0)


def test_missing_file(tmp_path):
    refused(tmp_path / "a.npz", r"a\.npz: no such motion file")


def test_unknown_layout_names_the_keys(tmp_path):
    path = npz(tmp_path / "a.npz", angles=np.zeros(3), root=np.zeros(3))
    refused(path, r"a\.npz: unknown layout of a motion file \(keys: angles, root\); known: ours")


def test_unknown_kind(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"")
    refused(tmp_path / "a.xyz", r"a\.xyz: unknown kind of motion file '\.xyz'; known: ours")


def test_damaged_file(tmp_path):
    save_motion(tmp_path / "a.npz", random_motion())
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[: len(data) // 2])
    refused(tmp_path / "a.npz", r"a\.npz: cannot be read")


def test_pickles_are_never_opened(tmp_path):
    class Runs:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    np.save(tmp_path / "a.npy", np.array([Runs()], dtype=object), allow_pickle=True)
    refused(tmp_path / "a.npy", r"a\.npy: a pickle that asks for .* may run code")
    refused(npz(tmp_path / "b.npz", **smpl(body_pose=np.array([Runs()]))), "may run code")
    assert not (tmp_path / "ran").exists()


def test_no_frames(tmp_path):
    refused(npz(tmp_path / "a.npz", **smpl(0)), r"a\.npz: the motion has no frames")


@pytest.mark.parametrize("key", ["transl", "body_pose", "global_orient"])
def test_nan_names_the_frame(tmp_path, key):
    arrays = smpl()
    arrays[key] = np.array(arrays[key], dtype=float)
    arrays[key][2, 1] = np.nan
    refused(npz(tmp_path / "a.npz", **arrays), r"a\.npz: pose of frame 2 is not finite")


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"body_pose": np.zeros((4, 60))}, r"key 'body_pose' has shape \(4, 60\), expected"),
        ({"transl": np.zeros((3, 3))}, r"key 'transl' has shape \(3, 3\), expected \(4, 3\)"),
        ({"transl": np.zeros((4, 3, 3))}, r"key 'transl' has shape \(4, 3, 3\), expected \(4, 3\)"),
        ({"left_hand_pose": np.zeros((4, 13))}, r"key 'left_hand_pose' .* expected \(4, 45\)"),
        ({"fps": -3.0}, r"key 'fps' is -3\.0, expected 5 to 480 frames per second"),
        ({"fps": np.zeros(2)}, r"key 'fps' is .*, expected 5 to 480 frames per second"),
    ],
)
def test_wrong_shapes_and_values(tmp_path, changes, pattern):
    refused(npz(tmp_path / "a.npz", **smpl(**changes)), pattern)


def test_wrong_amass_width(tmp_path):
    path = npz(tmp_path / "a.npz", poses=np.zeros((4, 100)), trans=np.zeros((4, 3)))
    refused(path, r"key 'poses' has shape \(4, 100\), expected \(T, 72\), \(T, 156\) or \(T, 165\)")


def test_wrong_talkshow_width(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 200)))
    refused(tmp_path / "a.npy", r"array of shape \(4, 200\), expected \(T, 265\)")


def ours(path, **changes):
    save_motion(path, random_motion())
    with np.load(path) as data:
        arrays = dict(data) | changes
    return npz(path, **{k: v for k, v in arrays.items() if v is not None})


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"joint_convention": "smpl"}, "key 'joint_convention' is 'smpl', expected 'smplx'"),
        ({"up": "z"}, "key 'up' is 'z', expected 'y'"),
        ({"jaw_pose": None}, r"missing key\(s\) jaw_pose"),
        ({"expression": np.zeros((5, 51))}, r"key 'expression' has shape \(5, 51\), expected"),
    ],
)
def test_damaged_files_of_ours(tmp_path, changes, pattern):
    refused(ours(tmp_path / "a.npz", **changes), pattern)


def test_saving_under_another_suffix(tmp_path):
    with pytest.raises(UserError, match=r"a motion file ends in \.npz"):
        save_motion(tmp_path / "a.txt", random_motion())


def test_arms_of_smplx_hang_in_its_rest_pose(tmp_path):
    """At zero its upper arms point 12 degrees down and its forearms 2 up; hands stay level."""
    path = npz(tmp_path / "a.npz", poses=np.zeros((4, 165)), trans=np.zeros((4, 3)), fps=30.0)
    motion = load_motion(path, up="y")
    local = Rotation.from_rotvec(motion.body_pose.numpy().reshape(4, 21, 3)[0])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder, elbow, wrist = (local[BODY_JOINTS.index(f"{side}_{p}")] for p in (
            "shoulder", "elbow", "wrist"))  # fmt: skip
        out = np.array([sign, 0, 0])
        for turn, degrees in (
            (shoulder, -12),
            (shoulder * elbow, 2),
            (shoulder * elbow * wrist, 0),
        ):
            bone = turn.apply(out)
            assert np.degrees(np.arctan2(bone[1], sign * bone[0])) == pytest.approx(
                degrees, abs=1e-3
            )


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("fps", np.array([30.0, 30.0]), "key 'fps' is .30.0, 30.0., expected one number from 0.01"),
        ("fps", np.array(np.nan), "expected one number from 0.01 to 1000"),
        ("fps", np.array(1e19), "expected one number from 0.01 to 1000"),
        ("fps", np.array(1e-9), "expected one number from 0.01 to 1000"),
        ("fps", np.array("x"), "key 'fps' holds <U1, expected numbers"),
        ("transl", np.full((5, 3), "1"), "key 'transl' holds <U1, expected numbers"),
    ],
)
def test_values_of_our_own_files_are_checked(key, value, says, tmp_path):
    save_motion(tmp_path / "a.npz", Motion.rest(5, 30.0))
    with np.load(tmp_path / "a.npz") as held:
        arrays = dict(held)
    np.savez(tmp_path / "a.npz", **{**arrays, key: value})
    with pytest.raises(UserError, match=says):
        load_motion(tmp_path / "a.npz")


@pytest.mark.parametrize("order", ["<", ">"])
def test_byte_orders_of_arrays(order, tmp_path):
    """Files of other machines: npz, npy and arrays in a pickle."""
    rows = np.linspace(-0.5, 0.5, 4 * 72).reshape(4, 72)
    arrays = {"smpl_poses": rows.astype(f"{order}f8"), "smpl_trans": np.ones((4, 3), f"{order}f4")}
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(arrays))
    for name in ("a.npz", "b.pkl"):
        motion = load_motion(tmp_path / name)
        np.testing.assert_allclose(motion.body_pose.numpy(), rows[:, 3:66], atol=1e-6)


@pytest.mark.parametrize("order", ["<", ">"])
def test_arrays_are_in_the_byte_order_of_this_machine(order, tmp_path):
    values = np.arange(6, dtype=f"{order}f4").reshape(2, 3)
    np.savez(tmp_path / "a.npz", x=values)
    np.save(tmp_path / "b.npy", values)
    for found in (read_npz(tmp_path / "a.npz")["x"], read_npy(tmp_path / "b.npy")):
        assert torch.equal(torch.from_numpy(found), torch.arange(6.0).reshape(2, 3))
