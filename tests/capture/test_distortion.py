"""Lens distortion, against OpenCV and against projected points."""

import json

import numpy as np
import pytest
import torch

from avatar_kit.capture import CaptureWriter, open_capture
from avatar_kit.errors import UserError
from avatar_kit.io.distortion import Undistortion, distorted
from avatar_kit.scene import Motion

LENS = (-0.28, 0.09, 0.001, -0.002, -0.01)
WIDTH, HEIGHT = 160, 120


@pytest.fixture
def K():
    return torch.tensor([[140.0, 0, 83.0], [0, 142.0, 57.0], [0, 0, 1]])


@pytest.mark.parametrize("lens", [LENS, LENS[:4], (*LENS, 0.02, -0.01, 0.003)])
def test_points_go_where_opencv_puts_them(K, lens):
    cv2 = pytest.importorskip("cv2")
    draw = torch.Generator().manual_seed(0)
    points = torch.rand(50, 3, generator=draw, dtype=torch.float64) - 0.5
    points[:, 2] += 2
    expected, _ = cv2.projectPoints(
        points.numpy(), np.zeros(3), np.zeros(3), K.double().numpy(), np.array(lens)
    )
    found = distorted(points[:, :2] / points[:, 2:], lens)
    pixels = found @ K[:2, :2].double().T + K[:2, 2].double()
    np.testing.assert_allclose(pixels.numpy(), expected[:, 0], atol=1e-9)


def test_pictures_are_those_of_opencv(K):
    cv2 = pytest.importorskip("cv2")
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([127 + 100 * np.sin(x / 9), 127 + 100 * np.cos(y / 7), x + y], -1)
    picture = picture.clip(0, 255).astype(np.uint8)
    corner = K.double().numpy().copy()
    corner[:2, 2] -= 0.5  # OpenCV's pixel centres are whole numbers
    expected = cv2.undistort(picture, corner, np.array(LENS))
    found = Undistortion(K, LENS, WIDTH, HEIGHT)(picture)
    inside = (slice(8, -8), slice(8, -8))
    off = np.abs(found[inside].astype(int) - expected[inside])
    assert off.mean() < 0.5 and np.quantile(off, 0.999) <= 3


def test_no_distortion_is_the_picture_itself(K):
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    np.testing.assert_array_equal(Undistortion(K, (), WIDTH, HEIGHT)(picture), picture)


def test_a_capture_is_undistorted_when_it_is_read(make):
    """A picture bent by hand comes back straight; mask and plate go along."""
    make.capture(make.root, width=WIDTH, height=HEIGHT)
    record = json.loads((make.root / "capture.json").read_text())
    camera = record["cameras"][0]
    straight = open_capture(make.root)
    K = torch.tensor(camera["K"])
    (make.root / "capture.json").write_text(
        json.dumps({**record, "cameras": [{**camera, "distortion": LENS}]})
    )
    bent = open_capture(make.root)
    for name in ("images", "masks"):
        before, after = (next(getattr(c, name)([3])) for c in (straight, bent))
        lens = Undistortion(K, LENS, WIDTH, HEIGHT)
        expected = lens(before, outside="zeros" if name == "masks" else "border")
        np.testing.assert_array_equal(after, expected)
        assert not np.array_equal(after, before)
    assert bent.key() != straight.key()
    assert bent.plate().shape == (HEIGHT, WIDTH, 3)


def test_the_writer_takes_the_lens(make):
    with CaptureWriter(make.root, **make.facts(WIDTH, HEIGHT), distortion=LENS) as writer:
        picture, mask = make.frame(3, WIDTH, HEIGHT)
        writer.add(picture, mask)
        bent = writer.finish(motion=Motion.rest(1), splits={"train": [0]})
    assert json.loads((make.root / "capture.json").read_text())["cameras"][0]["distortion"] == [
        *LENS
    ]
    lens = Undistortion(bent.camera.K[0], LENS, WIDTH, HEIGHT)
    np.testing.assert_array_equal(next(bent.images([0])), lens(picture))


def test_a_lens_of_no_camera_is_refused(make):
    with pytest.raises(UserError, match="the camera 'front'; there are main"):
        CaptureWriter(make.root, **make.facts(WIDTH, HEIGHT), distortion={"front": LENS})
