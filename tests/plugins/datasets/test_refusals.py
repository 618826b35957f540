"""What does not fit is refused with the numbers, and the likely cause is named."""

import csv
import json
import os
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
from avatar_kit_datasets.checking import check_views
from avatar_kit_datasets.recording import View
from imitations import PELVIS
from scipy.spatial.transform import Rotation
from test_formats import opened

from avatar_kit.errors import UserError


@pytest.fixture
def copied(imitated, tmp_path):
    """A copy of an imitation that a test may spoil."""

    def make(writer):
        dataset, path, _ = imitated(writer)
        target = tmp_path / path.name
        if path.is_file():
            shutil.copytree(path.parent, tmp_path, dirs_exist_ok=True)
        elif writer == "pictures":
            shutil.copytree(path.parent, tmp_path / "plain")
            target = tmp_path / "plain" / "images"
        else:
            shutil.copytree(path, target)
        return dataset, target

    return make


def rewritten_npz(path, **changes):
    with np.load(path) as held:
        arrays = {key: held[key] for key in held}
    np.savez(path, **arrays | {key: change(arrays[key]) for key, change in changes.items()})


def refused(dataset, path, **values):
    with pytest.raises(UserError) as caught:
        opened(dataset, path=str(path), **values)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_world_to_camera_for_camera_to_world(copied):
    dataset, path = copied("actorshq")
    table = path / "calibration.csv"
    rows = list(csv.DictReader(table.open()))
    for row in rows:
        R = Rotation.from_rotvec([float(row[k]) for k in ("rx", "ry", "rz")]).as_matrix()
        t = np.array([float(row[k]) for k in ("tx", "ty", "tz")])
        row |= dict(zip(("rx", "ry", "rz"), Rotation.from_matrix(R.T).as_rotvec(), strict=True))
        row |= dict(zip(("tx", "ty", "tz"), -R.T @ t, strict=True))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    text = refused(dataset, path)
    assert "with the cameras inverted" in text and "% of the projected joints" in text


def test_intrinsics_in_pixels(copied):
    dataset, path = copied("actorshq")
    table = path / "calibration.csv"
    rows = list(csv.DictReader(table.open()))
    for row in rows:
        row["fx"] = float(row["fx"]) * 96
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert "look like pixels" in refused(dataset, path)


@pytest.mark.parametrize(("unit", "factor"), [("millimetres", 1000), ("centimetres", 100)])
def test_units_of_cameras(copied, unit, factor):
    dataset, path = copied("avatarrex")
    file = path / "calibration_full.json"
    known = json.loads(file.read_text())
    for values in known.values():
        values["T"] = [factor * x for x in values["T"]]
    file.write_text(json.dumps(known))
    assert f"cameras' places in {unit}" in refused(dataset, path)


def test_units_of_poses(copied):
    dataset, path = copied("avatarrex")
    rewritten_npz(path / "smpl_params.npz", transl=lambda x: 1000 * x)
    assert "the person's places in millimetres" in refused(dataset, path)


def test_poses_in_another_world(copied):
    dataset, path = copied("instant_avatar")
    turn = Rotation.from_euler("x", 90, degrees=True)

    def turned(pose):
        orient = (turn * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
        return np.concatenate([orient, pose[:, 3:]], 1)

    def moved(transl):  # the pelvis turns about the world's origin
        return turn.apply(transl + PELVIS["smpl"]) - PELVIS["smpl"]

    rewritten_npz(path / "poses.npz", thetas=turned, transl=moved)
    assert "is up" in refused(dataset, path)


def test_degrees(copied):
    dataset, path = copied("instant_avatar")
    rewritten_npz(path / "poses.npz", thetas=np.degrees)
    assert "are these degrees?" in refused(dataset, path)


def test_another_person_is_not_taken(copied):
    """Poses of one recording with the pictures of another: nothing is suggested."""
    dataset, path = copied("instant_avatar")
    rewritten_npz(path / "poses.npz", transl=lambda x: x + np.array([0.9, 0.3, 0]))
    assert "do not belong to one recording" in refused(dataset, path)


def test_smplh_for_smplx(copied):
    dataset, path = copied("dna_rendering")
    h5py = pytest.importorskip("h5py")
    with h5py.File(path.with_name("0012_11_annots.smc"), "a") as file:
        pose = np.asarray(file["SMPLx/fullpose"])[:, :52]
        del file["SMPLx/fullpose"]
        file["SMPLx/fullpose"] = pose
    assert "156 are the values of SMPL-H" in refused(dataset, path)


def test_a_pickle_that_would_run_code(copied, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    dataset, path = copied("zju_mocap")
    np.save(path / "params" / "3.npy", {"Rh": Evil()}, allow_pickle=True)
    assert "may run code and is never done" in refused(dataset, path)
    assert not (tmp_path / "made").exists()
    (path / "annots.npy").write_bytes(pickle.dumps(Evil()))
    assert "may run code and is never done" in refused(dataset, path)
    assert not (tmp_path / "made").exists()


def test_pictures_outside_the_folder(copied):
    dataset, path = copied("zju_mocap")
    held = np.load(path / "annots.npy", allow_pickle=True).item()
    held["ims"][2]["ims"][0] = "../../etc/000002.png"
    np.save(path / "annots.npy", held, allow_pickle=True)
    assert "leads out of the folder" in refused(dataset, path)


def test_a_truncated_file(copied):
    dataset, path = copied("actorshq")
    file = path / "smpl_params.npz"
    file.write_bytes(file.read_bytes()[:900])
    assert "smpl_params.npz: cannot be read" in refused(dataset, path)


def test_what_is_missing_is_named(copied):
    dataset, path = copied("actorshq")
    (path / "masks" / "Cam002" / "Cam002_mask000004.png").unlink()
    assert "1 of 9 pictures have no mask, the first is Cam002_rgb000004.png" in refused(
        dataset, path
    )
    values = dict(np.load(path / "smpl_params.npz"))
    del values["betas"]
    np.savez(path / "smpl_params.npz", **values)
    shutil.copy(path / "masks/Cam002/Cam002_mask000003.png", path / "masks/Cam002/m000004.png")
    assert "key 'betas' is missing (keys: " in refused(dataset, path)
    assert "there is no camera 'Cam009'" in refused(dataset, path, cameras=["Cam009"])
    (path / "calibration.csv").unlink()
    assert "calibration.csv: no such file" in refused(dataset, path)
    dataset, path = copied("instant_avatar")
    (path / "cameras.npz").unlink()
    assert "is no subject of People-Snapshot" in refused(dataset, path)
    (path / "images" / "other_0003.png").write_bytes(b"")
    dataset, path = copied("pictures")
    (path.parent / "cameras.json").unlink()
    assert "camera=FILE" in refused(dataset, path)


def test_a_frame_that_a_camera_lacks_is_left_out_and_said(copied, caplog):
    dataset, path = copied("actorshq")
    (path / "rgbs" / "Cam002" / "Cam002_rgb000004.png").unlink()
    found = opened(dataset, path=str(path))
    assert len(found) == 8 and "1 of 9 frames are omitted" in caplog.text


def test_one_line_says_what_was_found(imitated, caplog):
    dataset, path, _ = imitated("actorshq")
    opened(dataset, path=str(path))
    assert len(caplog.records) == 1
    for part in ("ActorsHQ: 9 frames by 3 cameras", "z up", "of the joints on the masks"):
        assert part in caplog.text


def test_hf_nhmt_without_poses(copied):
    dataset, path = copied("hf_nhmt")
    (path / "motion.npz").unlink()
    assert "motion=FILE fov=DEGREES" in refused(dataset, path)


def test_x_humans_with_a_frame_too_few(copied):
    dataset, path = copied("x_humans")
    (path / "SMPLX" / "mesh-f00003_smplx.pkl").unlink()
    assert "SMPLX has 8 frames, but there are 9 pictures" in refused(dataset, path)


def test_x_humans_with_a_depth_that_is_a_picture(copied):
    from PIL import Image

    dataset, path = copied("x_humans")
    Image.new("RGB", (96, 96)).save(path / "render" / "depth" / "depth_000001.tiff")
    assert "expected one number for each pixel" in refused(dataset, path)


def test_pictures_are_read_with_our_own_decoders_only(copied):
    """Pillow hands PostScript to another program, whatever the file is called."""
    dataset, path = copied("zju_mocap")
    for mask in path.rglob("mask*/**/*.png"):
        mask.write_bytes(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 96 96\n%%EndComments\nquit\n"
        )
    with pytest.raises(UserError, match=r"cannot be read as a picture \(expected PNG, JPEG"):
        opened(dataset, path=path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"t": np.zeros(0)}, r"camera 'main': translation of shape \(0,\), expected \(3,\) or one"),
        ({"R": np.zeros((4, 3, 3))}, r"rotation of shape \(4, 3, 3\), .*for each of 5 frames"),
        ({"K": np.full((3, 3), np.nan)}, "intrinsics with values that are not finite"),
    ],
)
def test_cameras_that_are_none(change, says):
    view = View(np.eye(3), np.eye(3), np.zeros(3), 64, 64)
    check_views({"main": view, "moving": replace(view, t=np.zeros((5, 3)))}, 5, "here")
    with pytest.raises(UserError, match=f"^here: .*{says}"):
        check_views({"main": replace(view, **change)}, 5, "here")
