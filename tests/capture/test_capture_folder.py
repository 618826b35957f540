import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from avatar_kit.capture import CaptureView, CaptureWriter, Sample, Split, open_capture
from avatar_kit.datasets.capture_folder import CaptureFolder
from avatar_kit.datasets.config import CaptureFolderConfig
from avatar_kit.engine.untrained import plates_of
from avatar_kit.errors import UserError
from avatar_kit.io import save_motion, write_image
from avatar_kit.scene import Camera, Motion, stack_cameras


@pytest.mark.parametrize(("images", "error"), [("png", 0.0), ("jpg", 1.5), ("mp4", 4.0)])
def test_round_trip(make, images, error):
    motion = Motion.rest(12, transl=torch.arange(36.0).view(12, 3))
    made = make.capture(make.root, images=images, width=65, motion=motion, clips=[(0, 5), (5, 12)])
    capture = CaptureFolder(CaptureFolderConfig(path=make.root)).open()
    assert (len(capture), capture.fps) == (12, 30.0)
    assert (capture.camera.width, capture.camera.height) == (65, 48)
    assert (capture.name, capture.body, capture.shape) == ("walker", "anny", {"height": 0.6})
    assert capture.splits == {
        "train": Split(tuple(range(8)), ("main",)),
        "in_distribution": Split(tuple(range(8, 12)), ("main",)),
    }
    assert capture.clips == ((0, 5), (5, 12))
    assert capture.provenance == {"made_by": {"test": 1}}
    np.testing.assert_array_equal(capture.plate(), np.zeros((48, 65, 3)))
    assert capture.key() == made.key()
    torch.testing.assert_close(capture.motion.transl, motion.transl)
    camera = make.facts(65)["cameras"]
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
    assert json.loads(text)["schema_version"] == 2
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
    assert capture.clips_of("train") == [(0, 2), (2, 5), (8, 9)]
    assert capture.clips_of("test") == [(5, 8)]


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


def several(make, **given):
    """A capture by three cameras of two sizes; the last one sees another split."""
    placed = {
        "a": Camera.look_at((0, 1, 3), (0, 1, 0), width=64, height=48, fov_y=40),
        "b": Camera.look_at((3, 1, 0), (0, 1, 0), width=40, height=48, fov_y=40),
        "c": Camera.look_at((-3, 1, 0), (0, 1, 0), width=64, height=48, fov_y=40),
    }
    facts = {**make.facts(), "cameras": placed}
    with CaptureWriter(make.root, **facts) as writer:
        for i in range(6):
            for name, camera in placed.items():
                writer.add(*make.frame(i, camera.width, camera.height), name)
        return writer.finish(
            motion=Motion.rest(6),
            splits={
                "train": Split((0, 1, 2, 3), ("a", "b")),
                "novel_pose": Split((4, 5), ("a", "b")),
                "novel_view": Split((0, 1, 2, 3, 4, 5), ("c",)),
            },
            plates={"b": np.full((48, 40, 3), 9, np.uint8)},
            **given,
        )


def test_several_cameras(make):
    capture = several(make)
    assert [(c.width, c.height) for c in capture.cameras.values()] == [(64, 48), (40, 48), (64, 48)]
    assert capture.splits["train"].samples()[3:5] == [Sample(3, "a"), Sample(0, "b")]
    assert len(capture.splits["novel_view"]) == 6
    image, mask = make.frame(2, 40, 48)
    np.testing.assert_array_equal(next(capture.images([2], "b")), image)
    np.testing.assert_array_equal(next(capture.masks([2], "b")), mask)
    assert capture.plate("a") is None and capture.plate("b").max() == 9
    alone = capture.seen_by(["b"])
    assert list(alone.cameras) == ["b"] and set(alone.splits) == {"train", "novel_pose"}
    np.testing.assert_array_equal(next(alone.images([2])), image)
    assert alone.key() != capture.key()


def test_what_of_a_split_is_novel(make):
    capture = several(make)
    assert capture.novelty("novel_pose") == "novel pose"
    assert capture.novelty("novel_view") == "mixed", "two of its six poses are in no training"
    train = Split((0, 1, 2, 3), ("a",))
    other = capture.with_splits(
        {
            "train": train,
            "view": Split((0, 3), ("b", "c")),
            "both": Split((4,), ("c",)),
            "some": Split((5,), ("a", "c")),
        }
    )
    kinds = {name: other.novelty(name) for name in ("view", "both", "some")}
    assert kinds == {"view": "novel view", "both": "novel view and pose", "some": "mixed"}
    assert other.key() != capture.key()
    with pytest.raises(ValueError, match="splits must not overlap"):
        capture.with_splits({"train": train, "test": Split((3, 4), ("a",))})


def test_chosen_cameras_by_config(make):
    several(make)
    config = CaptureFolderConfig(path=make.root, cameras=("c",))
    assert list(CaptureFolder(config).open().splits) == ["novel_view"]
    with pytest.raises(UserError, match="there is no camera 'd'; known: a, b, c"):
        CaptureFolder(CaptureFolderConfig(path=make.root, cameras=("d",))).open()


def test_a_moving_camera(make, caplog):
    one = [
        Camera.look_at((0.1 * i, 1, 3), (0, 1, 0), width=64, height=48, fov_y=40) for i in range(12)
    ]
    moving = stack_cameras(one)
    facts = {**make.facts(), "cameras": moving}
    with CaptureWriter(make.root, **facts) as writer:
        for i in range(12):
            writer.add(*make.frame(i, 64, 48))
        capture = writer.finish(motion=Motion.rest(12), splits={"train": range(12)})
    torch.testing.assert_close(capture.camera.t, moving.t)
    assert len(capture.camera) == 12
    view = CaptureView(capture, 32)
    torch.testing.assert_close(view.camera(Sample(5, "main")).R, one[5].R)
    assert view.plate("main") is None, "the mean of a moving camera's pictures is no plate"
    assert plates_of(view) == [] and "drawn over black instead (give plates/main.png" in caplog.text
    edit(make.root, cameras=[json.loads((make.root / "capture.json").read_text())["cameras"][0]])
    record = json.loads((make.root / "capture.json").read_text())
    record["cameras"][0]["t"] = record["cameras"][0]["t"][:5]
    (make.root / "capture.json").write_text(json.dumps(record))
    refused(make.root, r"cameras\.main\.t: 5 values for 12 frames; give one for every frame")


def test_a_folder_of_version_1_is_read(make):
    """As version 0.1 wrote them: sizes in the record, plate and video at the top."""
    now = make.capture(make.root, images="mp4")
    record = json.loads((make.root / "capture.json").read_text())
    camera = record["cameras"][0]
    size = {key: camera.pop(key) for key in ("width", "height")}
    camera.pop("distortion")
    (make.root / "capture.json").write_text(json.dumps({**record, **size, "schema_version": 1}))
    (make.root / "plates" / "main.png").rename(make.root / "background.png")
    (make.root / "videos" / "main.mp4").rename(make.root / "frames.mp4")
    then = open_capture(make.root)
    np.testing.assert_array_equal(then.plate(), now.plate() if now.plate() is not None else 0)
    assert np.abs(next(then.images([3])).astype(int) - make.frame(3, 64, 48)[0]).mean() < 4
    assert then.splits == now.splits
    torch.testing.assert_close(then.camera.K, now.camera.K)


# What bad input gets


def test_cameras_of_one_name(folder):
    camera = json.loads((folder / "capture.json").read_text())["cameras"][0]
    edit(folder, cameras=[camera, camera])
    refused(folder, r"cameras: the name 'main' is there twice")


def test_a_rotation_that_is_none(folder):
    camera = json.loads((folder / "capture.json").read_text())["cameras"][0]
    edit(folder, cameras=[{**camera, "R": [[1, 0, 0], [0, 1, 0], [0, 0, -1]]}])
    refused(folder, r"cameras\.main\.R is no rotation")


def test_a_focal_length_that_is_none(folder):
    camera = json.loads((folder / "capture.json").read_text())["cameras"][0]
    edit(folder, cameras=[{**camera, "K": [[0, 0, 32], [0, 50, 24], [0, 0, 1]]}])
    refused(folder, r"cameras\.main\.K: the focal lengths on its diagonal must be positive")


def test_a_camera_name_that_leaves_the_folder(folder):
    camera = json.loads((folder / "capture.json").read_text())["cameras"][0]
    edit(folder, cameras=[{**camera, "name": "../../etc"}])
    refused(folder, r"cameras\.0\.name: .*got '../../etc'")


def test_splits_that_share_a_sample(make):
    with pytest.raises(
        UserError, match=r"splits\.b: frame 1 is also in splits\.a; splits must not"
    ):
        make.capture(make.root, splits={"a": Split((0, 1), ("main",)), "b": [1, 2]})


def test_a_split_of_an_unknown_camera(folder):
    edit(folder, splits={"train": {"frames": [0], "cameras": ["mian"]}})
    refused(folder, r"splits\.train: there is no camera 'mian'; did you mean 'main'\?")


def test_a_camera_that_misses_frames(make):
    camera = make.facts()["cameras"]
    facts = {**make.facts(), "cameras": {"a": camera, "b": camera}}
    with (
        pytest.raises(UserError, match="camera 'b' has 0 frames, expected 1; every camera"),
        CaptureWriter(make.root, **facts) as writer,
    ):
        writer.add(*make.frame(0, 64, 48), "a")
        writer.finish(motion=Motion.rest(1), splits={"train": [0]})


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
    refused(folder, r"capture\.json: expected a JSON object, found \[\]")


def test_wrong_schema_version(folder):
    edit(folder, schema_version=3)
    refused(folder, r"capture\.json: schema_version is 3, this avatar-kit reads 1 to 2; prepare")


def test_unknown_key(folder):
    edit(folder, splitz={})
    refused(folder, r"capture\.json: splitz: unknown key; did you mean 'splits'\?")


def test_missing_key(folder):
    edit(folder, fps=...)
    refused(folder, r"capture\.json: fps: is required; mend it, or prepare the capture again")


def test_wrong_type(folder):
    edit(folder, fps="fast")
    refused(folder, r"capture\.json: fps: .*got 'fast'")


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
    refused(folder, r"masks/main/000003\.png: no such mask; prepare the capture again or restore")


def test_missing_picture(folder):
    (folder / "images" / "main" / "000003.png").unlink()
    refused(folder, r"images/main/000003\.png: no such picture")


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
    refused(make.root, r"main\.mp4: 12 frames of 64x48 pixels, but capture\.json says 13")


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
        ({"plates": np.zeros((5, 5, 3), np.uint8)}, "plates/main.png: 5x5 pixels"),
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


def test_a_copy_elsewhere_is_the_same_capture(make, tmp_path):
    """Its content tells it, not its place or the time of its files."""
    root = tmp_path / "elsewhere"
    key = make.capture(make.root).key()
    shutil.copytree(make.root, root, copy_function=shutil.copyfile)
    assert open_capture(root).key() == key
    target = next((root / "plates").iterdir())
    about = target.stat()
    changed = bytearray(target.read_bytes())
    changed[-1] ^= 1
    target.write_bytes(bytes(changed))
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    assert open_capture(root).key() != key
