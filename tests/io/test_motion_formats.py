"""Every layout, by an exact imitation of a known motion: joints return to a millimetre."""

import numpy as np
import pytest
import torch

from avatar_kit.io.motion import read_file
from avatar_kit.io.motion.options import MotionOptions
from tests.io import motion_writers as files

WALK = files.walking(hands=True)


def read(path, **options):
    return read_file(path, options=MotionOptions(**options))


def furthest(found, wanted):
    """Metres between the joints of two motions, the most."""
    places = found if isinstance(found, np.ndarray) else files.joints(found)
    other = wanted if isinstance(wanted, np.ndarray) else files.joints(wanted)
    assert places.shape == other.shape
    return float(np.linalg.norm(places - other, axis=-1).max())


def same_hands(found, wanted, within):
    for name in ("left_hand_pose", "right_hand_pose"):
        difference = getattr(found, name) - getattr(wanted, name)
        assert float(difference.abs().max()) < within


@pytest.mark.parametrize(
    ("write", "name", "layout", "hands"),
    [
        (files.amass, "a.npz", "AMASS (SMPL-X)", True),
        (lambda p, m: files.amass(p, m, 156), "a.npz", "AMASS (SMPL-H)", True),
        (lambda p, m: files.amass(p, m, 72), "a.npz", "AMASS (SMPL)", False),
        (files.aist, "a.pkl", "AIST++ (SMPL)", False),
        (files.gvhmr, "hmr4d_results.pt", "GVHMR (SMPL-X)", False),
        (files.motion_x, "a.npy", "Motion-X (SMPL-X)", True),
        (files.wham, "wham_output.pkl", "WHAM (SMPL)", False),
        (files.humans4d, "demo.pkl", "4DHumans (SMPL)", False),
        (files.tram, "hps_track_0.npy", "TRAM (SMPL)", False),
        (files.romp, "video_results.npz", "ROMP (SMPL)", False),
        (files.exavatar, "smplx_params_smoothed", "ExAvatar (SMPL-X)", True),
        (files.easymocap, "smpl", "EasyMocap", False),
        (files.smpler_x, "smplx", "SMPL-X, a file a frame", True),
    ],
)
def test_joints_return_to_a_millimetre(write, name, layout, hands, tmp_path):
    write(tmp_path / name, WALK)
    found = read(tmp_path / name, rate=WALK.fps)
    assert found.layout == layout
    assert furthest(found.motion, WALK) < 1e-3
    assert found.hands == ("fingers" if hands else "")
    if hands:
        same_hands(found.motion, WALK, 1e-5)


@pytest.mark.parametrize(
    ("write", "layout"), [(files.joints_npy, "SMPL joints"), (files.mdm, "MDM (joints)")]
)
def test_places_of_joints_return(write, layout, tmp_path):
    write(tmp_path / "a.npy", WALK)
    found = read(tmp_path / "a.npy", rate=WALK.fps)
    assert found.layout == layout and found.unit == "metres"
    assert furthest(found.motion, WALK) < 1e-3


@pytest.mark.parametrize(("scale", "unit"), [(100.0, "centimetres"), (1000.0, "millimetres")])
def test_the_unit_of_joints_is_told_by_legs(scale, unit, tmp_path):
    np.save(tmp_path / "a.npy", scale * files.joints(WALK))
    found = read(tmp_path / "a.npy", rate=WALK.fps)
    assert found.unit == unit and furthest(found.motion, WALK) < 1e-3


def test_humanml3d_returns_where_its_first_frame_faces(tmp_path):
    wanted = files.humanml(tmp_path / "a.npy", WALK)
    found = read(tmp_path / "a.npy")
    assert found.motion.fps == 20 and found.layout == "HumanML3D"
    assert furthest(files.joints(found.motion), wanted) < 1e-3


def test_talkshow_stays_in_place(tmp_path):
    files.talkshow(tmp_path / "a.npy", WALK)
    found = read(tmp_path / "a.npy")
    assert not found.placed
    assert furthest(found.motion, files.joints(WALK) - WALK.transl[:, None].numpy()) < 1e-3


def test_deepmimic(tmp_path):
    body = WALK.body_pose.view(-1, 21, 3).clone()
    names = files.SMPLX_JOINTS[1:22]
    for i, name in enumerate(names):  # what the humanoid has no joint for, and hinges
        part = name.rpartition("_")[2]
        if part in ("spine1", "spine3", "head", "collar", "foot", "wrist"):
            body[:, i] = 0
        elif part in ("knee", "elbow"):
            axis = 0 if part == "knee" else 1
            bend = body[:, i, axis].abs() * (-1 if name == "left_elbow" else 1)
            body[:, i] = torch.nn.functional.one_hot(torch.tensor(axis), 3) * bend[:, None]
    wanted = files.Motion.rest(
        len(WALK), 30.0, transl=WALK.transl, global_orient=WALK.global_orient,
        body_pose=body.flatten(1),
    )  # fmt: skip
    files.deepmimic(tmp_path / "a.txt", wanted)
    found = read(tmp_path / "a.txt")
    assert found.layout == "DeepMimic" and found.motion.fps == pytest.approx(30, abs=0.01)
    assert furthest(found.motion, wanted) < 1e-3


def test_a_glb_of_any_axes_and_hanging_arms(tmp_path):
    files.glb(tmp_path / "a.glb", WALK)
    found = read(tmp_path / "a.glb")
    offsets = files.straight_offsets()
    places = [files.body_positions(m, offsets).numpy() for m in (found.motion, WALK)]
    assert furthest(*places) < 1e-3
    assert found.motion.fps == 30 and found.hands == "30 finger joints"
    assert found.unit == "metres" and found.clip == "a"
    same_hands(found.motion, WALK, 2e-4)


def test_fingers_of_a_bvh_with_names_of_mixamo(tmp_path):
    files.bvh(tmp_path / "a.bvh", WALK)
    found = read(tmp_path / "a.bvh")
    assert found.hands == "30 finger joints" and found.unit == "centimetres"
    same_hands(found.motion, WALK, 1e-4)


def test_a_table_of_live_link_face(tmp_path):
    draw = torch.Generator().manual_seed(0)
    face = files.Motion.rest(90, 60.0, expression=torch.rand(90, 52, generator=draw))
    files.live_link(tmp_path / "a.csv", face)
    found = read(tmp_path / "a.csv")
    assert found.motion.fps == 60 and found.rate == "stated"
    torch.testing.assert_close(found.motion.expression, face.expression, atol=1e-6, rtol=0)
    neck, head = (found.motion.body_pose[:, 3 * i : 3 * i + 3] for i in (11, 14))
    torch.testing.assert_close((neck + head)[:, 1], torch.full((90,), 0.3))
    files.live_link(tmp_path / "b.csv", face, missing=(40, 41))
    found = read(tmp_path / "b.csv")
    assert len(found.motion) == 90 and "2 frames are missing" in found.notes[0]
    between = torch.lerp(face.expression[39], face.expression[42], 1 / 3)
    torch.testing.assert_close(found.motion.expression[40], between, atol=1e-5, rtol=0)
