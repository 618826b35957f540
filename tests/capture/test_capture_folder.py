import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from avatar_kit.capture import CaptureWriter, open_capture
from avatar_kit.capture.config import CaptureFolderConfig
from avatar_kit.capture.dataset import CaptureFolder
from avatar_kit.errors import UserError
from avatar_kit.io import save_motion, write_image
from avatar_kit.scene import Motion


@pytest.mark.parametrize(("images", "error"), [("png", 0.0), ("jpg", 1.5), ("mp4", 4.0)])
def test_round_trip(make, images, error):
    motion = Motion.rest(12, transl=torch.arange(36.0).view(12, 3))
    made = make.capture(make.root, images=images, width=65, motion=motion, clips=[(0, 5), (5, 12)])
    capture = CaptureFolder(CaptureFolderConfig(path=make.root)).open()
    assert (len(capture), capture.fps, capture.width, capture.height) == (12, 30.0, 65, 48)
    assert (capture.name, capture.body, capture.shape) == ("walker", "anny", {"height": 0.6})
    assert capture.splits == {"train": tuple(range(8)), "in_distribution": tuple(range(8, 12))}
    assert capture.clips == ((0, 5), (5, 12))
    assert capture.provenance == {"made_by": {"test": 1}}
    assert capture.background == make.root / "background.png"
    assert capture.key() == made.key()
    torch.testing.assert_close(capture.motion.transl, motion.transl)
    camera = make.facts(65)["camera"]
    torch.testing.assert_close(capture.camera.K, camera.K)
    torch.testing.assert_close(capture.camera.t, camera.t)
    assert set(capture.landmarks()) == set(make.landmarks(1))
    wanted = [2, 3, 11, 0]
    for i, image, mask in zip(wanted, capture.images(wanted), capture.masks(wanted), strict=True):
        expected = make.frame(i, 65, 48)
        assert np.abs(image.astype(int) - expected[0]).mean() <= error
        np.testing.assert_array_equal(mask, expected[1])
    assert [p.name for p in make.root.parent.iterdir() if p.name.startswith(".")] == []


def test_record_can_be_read_by_a_person(make):
    make.capture(make.root)
    text = (make.root / "capture.json").read_text()
    assert json.loads(text)["schema_version"] == 1
    assert '"train": [0, 1, 2, 3, 4, 5, 6, 7]' in text


def test_neighbours_stay_in_clip_and_split(make):
    splits = {"train": [0, 1, 2, 3, 4, 8], "test": [5, 6, 7]}
    capture = make.capture(make.root, splits=splits, clips=[(0, 2), (2, 12)])
    assert capture.neighbours("train") == {
        0: (0, 1),
        1: (0, 1),
        2: (2, 3),
        3: (2, 4),
        4: (3, 4),
        8: (8, 8),
    }
    assert capture.neighbours("test") == {5: (5, 6), 6: (5, 7), 7: (6, 7)}
    assert capture.runs("train") == [(0, 2), (2, 5), (8, 9)]
    assert capture.runs("test") == [(5, 8)]


def test_key_follows_the_content(make):
    capture = make.capture(make.root)
    before = capture.key()
    save_motion(make.root / "motion.npz", Motion.rest(12, transl=torch.ones(12, 3)))
    assert open_capture(make.root).key() != before


def test_config_and_listing_import_nothing_heavy():
    code = (
        "import sys, avatar_kit.builtin; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


# What bad input gets


@pytest.fixture
def folder(make):
    make.capture(make.root)
    return make.root


def edit(folder, **changes):
    path = folder / "capture.json"
    record = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in record.items() if v is not ...}))


def refused(folder, pattern):
    with pytest.raises(UserError, match=pattern) as error:
        open_capture(folder)
    assert "\n" not in str(error.value)


def test_no_such_folder(tmp_path):
    refused(tmp_path / "none", "none: no such capture folder")


def test_not_a_capture(tmp_path):
    refused(tmp_path, r"not a capture folder \(capture\.json is missing\); make one with")


def test_not_json(folder):
    (folder / "capture.json").write_text("{")
    refused(folder, r"capture\.json: not valid JSON")


def test_not_an_object(folder):
    (folder / "capture.json").write_text("[]")
    refused(folder, r"capture\.json: expected a JSON object, found list")


def test_wrong_schema_version(folder):
    edit(folder, schema_version=2)
    refused(folder, r"capture\.json: schema_version is 2, this avatar-kit reads 1; prepare")


def test_unknown_key(folder):
    edit(folder, splitz={})
    refused(folder, r"capture\.json: unknown key 'splitz'; did you mean 'splits'\?; remove it")


def test_missing_key(folder):
    edit(folder, fps=...)
    refused(folder, r"capture\.json: key 'fps' is missing; prepare the capture again")


def test_wrong_type(folder):
    edit(folder, width="wide")
    refused(folder, r"capture\.json: width: .*got 'wide'")


def test_overlapping_splits(folder):
    edit(folder, splits={"train": [0, 1, 2], "test": [2, 3]})
    refused(folder, r"splits\.test: frame 2 is also in splits\.train; splits must not overlap")


def test_frame_listed_twice(folder):
    edit(folder, splits={"train": [0, 1, 1]})
    refused(folder, r"splits\.train: frame 1 is listed twice")


def test_split_beyond_the_end(folder):
    edit(folder, splits={"train": [12]})
    refused(folder, r"splits\.train: frame 12 is not in 0\.\.11")


@pytest.mark.parametrize("clips", [[[0, 5], [6, 12]], [[0, 7], [6, 12]], [[0, 11]], [[0, 13]], []])
def test_clips_must_tile(folder, clips):
    edit(folder, clips=clips)
    refused(folder, r"clips: half-open ranges must tile 0\.\.12")


def test_missing_mask(folder):
    (folder / "masks" / "main" / "000003.png").unlink()
    refused(folder, r"masks/main/000003\.png: missing mask; prepare the capture again or restore")


def test_missing_picture(folder):
    (folder / "images" / "main" / "000003.png").unlink()
    refused(folder, r"images/main/000003\.png: missing picture")


def test_mask_of_another_size(folder):
    write_image(folder / "masks" / "main" / "000001.png", np.zeros((10, 10), np.uint8))
    refused(folder, r"000001\.png: 10x10 pixels, but capture\.json says 64x48")


def test_damaged_picture(folder):
    (folder / "images" / "main" / "000001.png").write_bytes(b"nothing")
    refused(folder, r"000001\.png: cannot be read as a picture")


def test_video_that_is_too_short(make):
    make.capture(make.root, images="mp4")
    edit(make.root, frames=13, clips=[[0, 13]])
    save_motion(make.root / "motion.npz", Motion.rest(13))
    refused(make.root, r"frames\.mp4: 12 frames of 64x48 pixels, but capture\.json says 13")


def test_nan_pose_names_the_frame(folder):
    motion = Motion.rest(12)
    motion.body_pose[5, 7] = float("nan")
    save_motion(folder / "motion.npz", motion)
    refused(folder, r"motion\.npz: pose of frame 5 is not finite .*mend or cut")


def test_motion_of_another_length(folder):
    save_motion(folder / "motion.npz", Motion.rest(11))
    refused(folder, r"motion\.npz: 11 frames, but capture\.json says 12")


def test_motion_of_another_rate(folder):
    save_motion(folder / "motion.npz", Motion.rest(12, fps=25))
    refused(folder, r"motion\.npz: fps 25, but capture\.json says 30")


def test_missing_motion(folder):
    (folder / "motion.npz").unlink()
    refused(folder, r"motion\.npz: no such")


def test_landmarks_of_another_shape(folder, make):
    np.savez(folder / "landmarks.npz", **(make.landmarks(12) | {"hands": np.zeros((12, 21, 2))}))
    with pytest.raises(UserError, match=r"landmarks\.npz: key 'hands' has shape \(12, 21, 2\)"):
        open_capture(folder).landmarks()


def test_landmarks_with_other_keys(folder):
    np.savez(folder / "landmarks.npz", body=np.zeros((12, 23, 2)))
    with pytest.raises(UserError, match=r"landmarks\.npz: keys \['body'\], expected"):
        open_capture(folder).landmarks()


# The writer


def nothing_left(root):
    return not root.exists() and not [p for p in root.parent.iterdir() if "partial" in p.name]


def test_output_folder_not_empty(make):
    make.root.mkdir()
    (make.root / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match="me: the output folder is not empty; choose another"):
        CaptureWriter(make.root, **make.facts())
    assert (make.root / "mine.txt").read_text() == "precious"
    assert [p.name for p in make.root.iterdir()] == ["mine.txt"]


def test_an_empty_output_folder_is_fine(make):
    make.root.mkdir()
    assert len(make.capture(make.root)) == 12


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({"splits": {"a": [0], "b": [0]}}, "splits must not overlap"),
        ({"motion": Motion.rest(11)}, "11 frames, but capture.json says 12"),
        ({"motion": Motion.rest(12, transl=torch.full((12, 3), torch.nan))}, "pose of frame 0"),
        ({"landmarks": {"body": np.zeros(3)}}, "expected"),
        ({"background": np.zeros((5, 5, 3), np.uint8)}, "background.png: 5x5 pixels"),
        ({"clips": [(0, 3)]}, "must tile"),
    ],
)
def test_bad_content_is_refused_and_leaves_nothing(make, change, pattern):
    with pytest.raises(UserError, match=pattern):
        make.capture(make.root, **change)
    assert nothing_left(make.root)


@pytest.mark.parametrize("images", ["png", "mp4"])
def test_an_interrupted_writer_leaves_nothing(make, images):
    with (
        pytest.raises(KeyboardInterrupt),
        CaptureWriter(make.root, **make.facts(images=images)) as writer,
    ):
        writer.add(*make.frame(0, 64, 48))
        raise KeyboardInterrupt
    assert nothing_left(make.root)


def test_a_writer_that_is_not_finished_leaves_nothing(make):
    with CaptureWriter(make.root, **make.facts()) as writer:
        writer.add(*make.frame(0, 64, 48))
    assert nothing_left(make.root)


def test_frames_of_another_size_are_refused(make):
    with (
        pytest.raises(ValueError, match=r"image of frame 0 must be \(48, 64, 3\) uint8"),
        CaptureWriter(make.root, **make.facts()) as writer,
    ):
        writer.add(*make.frame(0, 32, 32))


def test_extra_files_move_along(make):
    with CaptureWriter(make.root, **make.facts()) as writer:
        writer.add(*make.frame(0, 64, 48))
        (writer.folder / "quality.png").write_bytes(b"sheet")
        writer.finish(motion=Motion.rest(1), splits={"train": [0]})
    assert (make.root / "quality.png").read_bytes() == b"sheet"
