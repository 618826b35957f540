"""Calibrated cameras: the files of others, and pictures of points filmed through a lens."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.io import read_video
from avatar_kit.io.calibration import LEAST_SAID_SHARE, Calibration, for_pictures
from avatar_kit.io.calibration_file import read_calibration
from avatar_kit.io.image import write_image
from avatar_kit.io.read_options import ReadOptions
from avatar_kit.io.video import VideoWriter

OURS = {"fx": 900, "fy": 905, "cx": 655, "cy": 348, "width": 1280, "height": 720}
LENS = {"k1": -0.12, "k2": 0.03, "p1": 0.002, "p2": -0.003, "k3": 0.004}

CAMERA = Calibration(Path("K.json"), (900, 905), (655, 348), tuple(LENS.values()), (1280, 720))


def written(path, values):
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


def brown(points, camera):
    """[N, 2] pixels of points [N, 3] by the formulas of OpenCV's manual."""
    x, y = (points[:, :2] / points[:, 2:]).T
    k1, k2, p1, p2, k3, *_ = [*camera.distortion, 0, 0, 0, 0, 0]
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
    v = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
    return np.stack([u, v], 1) * camera.focal + camera.centre


COLMAP = "# Camera list\n#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n"


@pytest.mark.parametrize(
    ("text", "lens"),
    [
        (json.dumps(OURS), ()),
        (json.dumps(OURS | LENS), tuple(LENS.values())),
        (json.dumps(OURS | {"k1": -0.1}), (-0.1, 0, 0, 0)),
        (COLMAP + "1 PINHOLE 1280 720 900 905 655 348\n", ()),
        (COLMAP + "1 OPENCV 1280 720 900 905 655 348 -0.1 0.02 0.001 0\n", (-0.1, 0.02, 0.001, 0)),
        (
            '{"fl_x": 900, "fl_y": 905, "cx": 655, "cy": 348, "w": 1280, "h": 720, "k1": -0.1, '
            '"camera_model": "OPENCV", "frames": []}',
            (-0.1, 0, 0, 0),
        ),
        (
            "image_width: 1280\nimage_height: 720\ndistortion_model: plumb_bob\ncamera_matrix:\n"
            "  rows: 3\n  cols: 3\n  data: [900, 0, 654.5, 0, 905, 347.5, 0, 0, 1]\n"
            "distortion_coefficients: {rows: 1, cols: 5, data: [-0.1, 0, 0, 0, 0]}\n",
            (-0.1, 0, 0, 0, 0),
        ),
        (  # OpenCV 5
            "%YAML 1.2\n---\nimage_width: 1280\nimage_height: 720\n"
            "camera_matrix: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n"
            "   data: [ 900., 0., 654.5, 0., 905., 347.5, 0., 0., 1. ]\n"
            "distortion_coefficients: !!opencv-nd-matrix\n   sizes: [ 5 ]\n   dt: d\n"
            "   data: [ -0.10, 0., 0., 0., 0. ]\n",
            (-0.1, 0, 0, 0, 0),
        ),
    ],
)
def test_the_forms_that_calibrations_are_kept_in(tmp_path, text, lens):
    found = read_calibration(written(tmp_path / "K", text))
    assert (found.focal, found.centre) == ((900, 905), (655, 348))
    assert (found.distortion, found.size) == (lens, (1280, 720))


@pytest.mark.parametrize("suffix", ["yml", "yaml", "json"])
def test_what_opencv_writes_means_what_opencv_means(tmp_path, suffix):
    cv2 = pytest.importorskip("cv2")
    K, lens = np.array([[900.0, 0, 655], [0, 905, 348], [0, 0, 1]]), np.array([*LENS.values()])
    path = tmp_path / f"out_camera_data.{suffix}"
    file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in (("calibration_time", "today"), ("image_width", 1280), ("image_height", 720),
                        ("camera_matrix", K), ("distortion_coefficients", lens)):  # fmt: skip
        file.write(name, value)
    file.release()
    found = read_calibration(path)
    assert found.size == (1280, 720)
    points = np.random.default_rng(0).uniform((-0.5, -0.5, 1), (0.5, 0.5, 2), (40, 3))
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, lens)
    # the centre of OpenCV's first pixel is 0, that of ours 0.5
    np.testing.assert_allclose(brown(points, found), expected[:, 0] + 0.5, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no named values; expected JSON with fx"),
        ("[1, 2]", "holds no named values"),
        ("{", "not valid JSON"),
        ('{"fx": 900}', "key 'fy' is missing"),
        (json.dumps(OURS | {"k_1": 0.1}), "unknown key 'k_1'; did you mean 'k1'?"),
        (json.dumps(OURS | {"fx": "wide"}), "fx is 'wide'; expected a number"),
        (json.dumps(OURS | {"cy": math.nan}), "cy is nan; expected a number"),
        (json.dumps(OURS | {"width": 1280.5}), "expected whole numbers of pixels"),
        (COLMAP + "1 OPENCV_FISHEYE 1280 720 1 1 1 1 0 0 0 0", "OPENCV_FISHEYE is not read"),
        (COLMAP + "1 PINHOLE 1280 720 900 900 640", "expected 6: width height fx fy cx cy"),
        (COLMAP + "1 PINHOLE 9 9 1 1 1 1\n2 PINHOLE 9 9 1 1 1 1", "holds 2 cameras"),
        ('{"camera_matrix": [[900, 0, 640], [0, 900, 360]]}', "camera_matrix must be 3x3"),
        ('{"camera_matrix": [[900,9,6],[0,900,3],[0,0,1]]}', "skew of 9"),
        ('{"K": [[900,0,6],[0,900,3],[0,0,1]], "dist": [1,2,3]}', "dist has 3 numbers"),
        ('{"K": [[900,0,6],[0,900,3],[0,0,1]], "fisheye_model": 1}', "calibrate the lens without"),
        ("<?xml version='1.0'?><opencv_storage/>", "is XML"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path, text, words):
    path = written(tmp_path / "K.json", text)
    with pytest.raises(UserError, match=r"^--camera .*K\.json: ") as error:
        read_calibration(path)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_binary_files_of_colmap_are_named(tmp_path):
    path = tmp_path / "cameras.bin"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UserError, match=r"colmap model_converter --output_type TXT"):
        read_calibration(path)
    with pytest.raises(UserError, match=r"--camera .*none: no such calibration"):
        read_calibration(tmp_path / "none")


numbers = st.floats(-1, 1)


@given(quarters=st.integers(-4, 7), lens=st.tuples(*[numbers] * 5), at=st.tuples(*[numbers] * 2),
       scale=st.integers(1, 5))  # fmt: skip
def test_turned_and_scaled_cameras_see_what_the_turned_and_scaled_picture_shows(
    quarters, lens, at, scale
):
    camera = Calibration(
        Path("K"), (900, 905), (655, 348), tuple(0.1 * k for k in lens), (1280, 720)
    )
    point = np.array([[*at, 1.5]])
    x, y = (brown(point, camera)[0] - (640, 360)) * scale  # from the middle
    for _ in range(quarters % 4):
        x, y = -y, x
        point = np.stack([-point[:, 1], point[:, 0], point[:, 2]], 1)
    found = camera.scaled((1280 * scale, 720 * scale)).turned(quarters)
    middle = np.array(found.size) / 2
    np.testing.assert_allclose(brown(point, found)[0] - middle, (x, y), atol=1e-6)


def filmed(folder, camera, points, size, turn=0):
    """A folder of one picture with a disc where the camera sees each point."""
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    picture = np.full((size[1], size[0]), 40.0)
    for u, v in brown(points, camera):
        picture += 200 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 8)
    picture = np.rot90(picture.clip(0, 255).round().astype(np.uint8), turn)
    folder.mkdir()
    write_image(folder / "1.png", np.ascontiguousarray(np.repeat(picture[..., None], 3, 2)))
    return folder


def centres(picture, near):
    """[N, 2] centres of gravity of the discs near some pixels."""
    grey = picture[..., 0].astype(float) - 40
    found = []
    for u, v in near:
        left, top = int(u) - 9, int(v) - 9
        part = grey[top : top + 19, left : left + 19]
        y, x = np.mgrid[top : top + 19, left : left + 19] + 0.5
        found.append(((part * x).sum() / part.sum(), (part * y).sum() / part.sum()))
    return np.array(found)


@pytest.mark.parametrize(
    ("filmed_turn", "options", "calibrated"),
    [
        (0, {}, 1),  # as filmed
        (0, {}, 3),  # calibrated at three times the size
        (1, {"rotate": 90}, 1),  # the pictures lie on their side, and so do those of the camera
        (0, {"crop": (40, 20, 500, 300)}, 2),
    ],
)
def test_points_are_where_a_pinhole_sees_them(tmp_path, filmed_turn, options, calibrated):
    size = (640, 360)
    camera = Calibration(Path("K"), (450, 452), (327, 174), tuple(LENS.values()), size)
    grid = np.linspace(-0.45, 0.45, 6)
    points = np.array([(x, 0.5 * y, 1.0) for x in grid for y in grid])
    folder = filmed(tmp_path / "film", camera, points, size, filmed_turn)
    (cx, cy), (fx, fy), (width, height) = camera.centre, camera.focal, size
    given = {"fx": fx, "fy": fy, "cx": cx, "cy": cy, "width": width, "height": height}
    given = {key: calibrated * value for key, value in given.items()}
    path = written(tmp_path / "K.json", given | LENS)
    reader = read_video(folder, ReadOptions(camera=path, fps=30, **options))
    left, top = options.get("crop", (0, 0))[:2]
    straight = points[:, :2] * (fx, fy) + (cx - left, cy - top)
    inside = ((straight > 12) & (straight < np.array([reader.width, reader.height]) - 12)).all(1)
    assert inside.sum() > 20
    found = centres(next(iter(reader)), straight[inside])
    assert np.abs(found - straight[inside]).max() < 0.25
    bent = brown(points, camera) - (left, top)
    if not filmed_turn:  # where the file shows it
        np.testing.assert_allclose(reader.in_file(straight), np.add(bent, (left, top)), atol=1e-6)
    assert np.abs(bent - straight)[inside].max() > 5  # the lens matters
    assert "distortion of the lens taken out, up to" in " ".join(reader.notes)
    assert reader.options.record()["camera"] == "K.json" and path in reader.files


def test_masks_go_through_the_same_lens(tmp_path):
    size = (640, 360)
    camera = Calibration(Path("K"), (450, 452), (327, 174), tuple(LENS.values()), size)
    points = np.array([(x, y, 1.0) for x in (-0.4, 0, 0.4) for y in (-0.2, 0.2)])
    folder = filmed(tmp_path / "film", camera, points, size)
    masks = filmed(tmp_path / "masks", camera, points, size)
    given = dict(zip(OURS, (450, 452, 327, 174, *size), strict=True))
    path = written(tmp_path / "K.json", given | LENS)
    reader = read_video(folder, ReadOptions(camera=path, masks=masks, fps=30))
    picture, mask = next(reader.with_masks())
    np.testing.assert_array_equal(picture[20:-20, 20:-20, 0], mask[20:-20, 20:-20])


@pytest.mark.parametrize(
    ("size", "flag", "rotate", "expected", "words"),
    [
        ((1280, 720), 0, 0, CAMERA, "camera of K.json"),
        ((640, 360), 0, 0, CAMERA.scaled((640, 360)), "camera of K.json, scaled from 1280x720"),
        ((1280, 720), 0, 90, CAMERA.turned(1), "camera of K.json"),
        ((1280, 720), 2, 180, CAMERA.turned(2), "camera of K.json"),
        ((720, 1280), 1, 0, CAMERA.turned(1), "camera of K.json, turned by 90 degrees clockwise"),
        ((720, 1280), 3, 0, CAMERA.turned(3), "camera of K.json, turned by 270 degrees clockwise"),
        ((720, 1280), 3, 180, CAMERA.turned(1), "turned by 270 degrees clockwise"),
        ((720, 1280), 0, 0, CAMERA.turned(1), "(assumed: the video does not say which way"),
        ((720, 1280), 0, 90, CAMERA, "camera of K.json"),
        (
            (360, 640), 1, 0, CAMERA.scaled((640, 360)).turned(1),
            "turned by 90 degrees clockwise, scaled from 1280x720",
        ),
    ],
)  # fmt: skip
def test_a_calibration_finds_its_way_to_the_pictures(size, flag, rotate, expected, words):
    found, notes = for_pictures(CAMERA, size, flag, rotate, Path("a.mp4"))
    for name in ("focal", "centre", "distortion", "size"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name))
    assert words in notes[0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"width": 4000, "height": 3000, "cx": 2000, "cy": 1500}, "4000x3000, .* of another shape"),
        ({"fx": 0.7, "fy": 0.7}, "expected 144 to 14400 pixels"),
        ({"fx": 900, "fy": 450}, "pixels are square"),
        ({"cx": 20}, "cx is 20 in pictures of 1280x720: expected about the middle, 640"),
        ({"k1": -1.5}, "folds the picture over"),
    ],
)
def test_cameras_that_cannot_be_are_refused(tmp_path, values, words):
    path = written(tmp_path / "K.json", OURS | values)
    video = tmp_path / "a.mp4"
    with VideoWriter(video, 30.0, (1280, 720)) as writer:
        writer.write(np.zeros((720, 1280, 3), np.uint8))
    with pytest.raises(UserError, match=r"--camera .*K\.json: .*" + words) as error:
        read_video(video, ReadOptions(camera=path))
    assert "\n" not in str(error.value)


def test_what_a_calibration_leaves_open_is_said(tmp_path):
    path = written(tmp_path / "K.json", {"K": [[900, 0, 640], [0, 900, 360], [0, 0, 1]]})
    _, notes = for_pictures(read_calibration(path), (1280, 720), 0, 0, Path("a.mp4"))
    assert notes == [
        "camera of K.json (it does not say of which size: taken as 1280x720)",
        "it names no distortion of the lens: taken as none",
    ]


@settings(max_examples=20, deadline=None)
@given(k1=st.floats(-0.25, 0.4))
def test_the_notes_say_how_far_the_lens_moves_points_and_what_is_lost(k1):
    """A point at radius r goes to r (1 + k1 r^2); backwards by iteration, pixel by pixel."""
    width, height, focal = 1200, 900, 1000.0
    camera = Calibration(Path("K"), (focal, focal), (600, 450), (k1, 0, 0, 0), (width, height))
    _, notes = for_pictures(camera, (width, height), 0, 0, Path("a.mp4"))
    corner = math.hypot(600, 450) / focal
    moved = abs(k1) * corner**3 * focal
    if k1 == 0:
        assert len(notes) == 1
        return
    assert notes[1].startswith("distortion of the lens taken out, up to ")
    assert float(notes[1].split()[-2]) == pytest.approx(moved, abs=0.51)
    x, y = np.meshgrid(np.arange(5, 1200, 10) - 600, np.arange(5, 900, 10) - 450)
    at = np.stack([x, y], -1) / focal
    straight = at.copy()
    for _ in range(200):
        straight = at / (1 + k1 * (straight**2).sum(-1, keepdims=True))
    bent = at * (1 + k1 * (at**2).sum(-1, keepdims=True))
    for points, words in ((straight, "beyond the straightened"), (bent, "was not filmed")):
        out = (np.abs(points * focal) > (600, 450)).any(-1).mean()
        said = [float(note.partition("%")[0]) / 100 for note in notes if words in note]
        assert said == pytest.approx([out], abs=0.012) if said else out < LEAST_SAID_SHARE + 0.012
