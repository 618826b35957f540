"""``avatar-kit motion``: what a person types."""

import json

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from avatar_kit.api.body_film import film_body
from avatar_kit.api.motion_stage import Stage
from avatar_kit.cli.main import app
from avatar_kit.engine.floor import floor_height
from avatar_kit.errors import UserError
from avatar_kit.io.motion import load_motion, read_file
from avatar_kit.scene.joints import BODY_KEYPOINTS
from tests.io import motion_writers as files

WALK = files.walking(30, hands=True)


def run(*words):
    result = CliRunner().invoke(app, ["motion", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(says, *words):
    with pytest.raises(UserError, match=says):
        CliRunner().invoke(app, ["motion", *map(str, words)], catch_exceptions=False)


@pytest.fixture
def walk(tmp_path):
    files.amass(tmp_path / "walk.npz", WALK)
    return tmp_path / "walk.npz"


def test_info(walk):
    facts = json.loads(run("info", walk, "--json"))
    assert facts["layout"] == "AMASS (SMPL-X)" and facts["frames"] == 30 and facts["up"] == "z"
    assert facts["way over the floor (m)"] == pytest.approx(1.1, abs=0.1)
    assert "layout: AMASS (SMPL-X)" in run("info", walk)


@pytest.mark.parametrize(
    ("words", "layout"),
    [(["--out", "a.npz"], "ours"), (["--out", "a.npz", "--to", "amass"], "AMASS (SMPL-X)"),
     (["--out", "a.bvh"], "BVH")],
)  # fmt: skip
def test_convert(words, layout, walk, tmp_path):
    out = tmp_path / words[1]
    said = run("convert", walk, "--out", out, *words[2:])
    assert f"{out}: 30 frames at 30 fps" in said.replace("\n", "")
    found = read_file(out)
    assert found.layout == layout
    assert np.abs(files.joints(found.motion) - files.joints(WALK)).max() < 1e-3


def test_edits_in_their_order(walk, tmp_path):
    words = ("--start", 0.2, "--end", 0.6, "--mirror", "--loop", 2, "--in-place", "--fps", 15)
    run("convert", walk, "--out", tmp_path / "a.npz", *words)
    motion = load_motion(tmp_path / "a.npz")
    assert motion.fps == 15 and len(motion) == 13
    assert not motion.transl[:, [0, 2]].any()


def test_preview_is_a_film(walk, tmp_path):
    run("preview", walk, "--out", tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as video:
        pictures = [f.to_ndarray(format="rgb24") for f in video.decode(video=0)]
    assert len(pictures) == 30 and pictures[0].shape == (640, 480, 3)
    blue = [(p[..., 2].astype(int) - p[..., 0] > 60).sum() for p in pictures]
    assert min(blue) > 500  # the left side is in every picture
    assert np.abs(pictures[0].astype(int) - pictures[15]).mean() > 0.5


def test_preview_of_a_body(walk, tmp_path):
    """Limbs are where the camera sees the body's key points, in the colours of their sides."""
    run("preview", walk, "--body", "default", "--end", 0.1, "--out", tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as video:
        picture = next(video.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    motion, body = load_motion(walk), film_body("default")
    start = motion[: round(0.1 * motion.fps)]
    floor = floor_height(body, body.default_shape(), start) - 0.02
    at = start.transl.mean(0).numpy() * (1, 0, 1) + (0, floor, 0)
    camera = Stage(at, (480, 640)).camera.crop_resize(0, 0, 0.5, 480, 640)
    points = body.keypoints(body.from_motion(motion[[0]], body.default_shape()))
    pixels = camera.project(points)[0][0].numpy()
    for side, more, less in (("left", 2, 0), ("right", 0, 2)):
        for joint in ("elbow", "knee"):
            x, y = pixels[BODY_KEYPOINTS.index(f"{side}_{joint}")].astype(int)
            assert picture[y, x, more] - picture[y, x, less] > 20, (side, joint)
    refused("'stickman'", "preview", walk, "--body", "stickman", "-o", tmp_path / "b.mp4")


def test_plot_is_one_picture(walk, tmp_path):
    said = run("plot", walk, "--out", tmp_path / "a.png")
    assert "planted feet slide by" in said
    assert Image.open(tmp_path / "a.png").size[0] == 1440


def test_what_is_refused(walk, tmp_path):
    refused("a.txt: a motion is written as .npz or .bvh", "convert", walk, "-o", tmp_path / "a.txt")
    refused("--to fbx: expected one of ours, amass, bvh",
            "convert", walk, "-o", tmp_path / "a.npz", "--to", "fbx")  # fmt: skip
    refused("bvh is written to a .bvh file",
            "convert", walk, "-o", tmp_path / "a.npz", "--to", "bvh")  # fmt: skip
    refused("--loop 0: expected 1 to",
            "convert", walk, "-o", tmp_path / "a.npz", "--loop", 0)  # fmt: skip
    refused("--up w: expected one of", "info", walk, "--up", "w")
    refused(r"a plot is a \.png", "plot", walk, "-o", tmp_path / "a.mp4")
    refused("--fps is 1", "convert", walk, "-o", tmp_path / "a.npz", "--fps", 1)
    assert not list(tmp_path.glob("a.*"))
