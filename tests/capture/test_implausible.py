"""Captures that say what no camera and no person does; caches that are damaged."""

import json
import shutil

import numpy as np
import pytest

from avatar_kit.capture import CaptureView, open_capture
from avatar_kit.errors import UserError
from avatar_kit.io import load_motion, save_motion
from avatar_kit.io.cache import cache_dir

EYE = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


@pytest.fixture
def root(capture_folder, tmp_path):
    return shutil.copytree(capture_folder, tmp_path / "me")


def change(root, keys, value):
    record = json.loads((root / "capture.json").read_text())
    node = record
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    (root / "capture.json").write_text(json.dumps(record))


CAMERA = ("cameras", 0)


@pytest.mark.parametrize(
    ("keys", "value", "says"),
    [
        ((*CAMERA, "R"), [[0, 0, 0]] * 3, r"cameras.main.R is no rotation"),
        ((*CAMERA, "R"), [[1e8, 0, 0], *EYE[1:]], r"cameras.main.R is no rotation"),
        ((*CAMERA, "R"), [[-1, 0, 0], *EYE[1:]], r"cameras.main.R is no rotation"),
        ((*CAMERA, "K"), [[-9, 0, 32], [0, -9, 32], [0, 0, 1]], "must be positive pixels"),
        ((*CAMERA, "K"), [[1e-3, 0, 32], [0, 90, 32], [0, 0, 1]], "focal lengths of 0.001 to 90"),
        ((*CAMERA, "K"), [[90, 0, 32], [0, 90, 32], [0, 0, 0]], r"K must be \[\[fx"),
        ((*CAMERA, "K"), [[90, 0, 1e8], [0, 90, 32], [0, 0, 1]], r"K must be \[\[fx"),
        ((*CAMERA, "t"), [0, 0, 1e308], r"cameras.0.t.2: expected .*at most .*got 1e\+308"),
        ((*CAMERA, "t"), [0, 0, 1e6], "t: more than 10000 m from"),
        ((*CAMERA, "t"), [0, 0, float("nan")], r"cameras.0.t.2: expected a finite number, got nan"),
        ((*CAMERA, "width"), 10**7, "cameras.0.width: expected at least 1 and at most 16384"),
        (("fps",), 0, r"capture.json: fps: expected more than 0 and at most 1000, got 0"),
        (("fps",), "fast", r"fps: expected a number of more than 0 .*got 'fast'"),
        (("frames",), True, None),
        (("name",), "a\0b", "holds a character that no text has"),
        (("frames",), 2**70, "at most 64 bits"),
    ],
)
def test_what_no_camera_says(root, keys, value, says):
    change(root, keys, value)
    with pytest.raises(UserError, match=says) as refused:
        open_capture(root)
    assert "capture.json: " in str(refused.value)


def test_poses_in_degrees(root):
    motion = load_motion(root / "motion.npz")
    motion.body_pose[2, 3] = 60.0
    save_motion(root / "motion.npz", motion)
    with pytest.raises(UserError, match=r"motion.npz: frame 2 .* radians, not in degrees"):
        open_capture(root)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"{}", b"[1, 2"])
def test_a_damaged_cache_is_made_anew(root, monkeypatch, tmp_path, caplog, damage):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))
    capture = open_capture(root)
    before = CaptureView(capture, 64)
    sample = capture.splits["train"].samples()[0]
    seen = before.image(sample)
    kept = sorted(cache_dir("frames", capture.key()).iterdir())
    assert {path.suffix for path in kept} == {".json", ".npy"}
    for path in kept:
        path.write_bytes(damage)
    again = CaptureView(open_capture(root), 64)
    np.testing.assert_array_equal(again.image(sample), seen)
    assert again.crops == before.crops
    assert "damaged; its frames are decoded anew" in caplog.text
