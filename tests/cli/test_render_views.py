"""``render --orbit`` and ``--camera``: before a known background, and before a painted one."""

import json

import pytest

from tests.cli.conftest import TINY_ANR
from tests.cli.test_train import assert_equal_bits, weights


def frames(path):
    from avatar_kit.io.video import read_video

    return [f.astype(int) for f in read_video(path)]


def path_file(tmp_path, **values):
    keys = [{"time": 0, "eye": [0, 0, 3.5], "target": [0, 0, 0]}]
    path = tmp_path / "path.json"
    path.write_text(json.dumps({"keys": keys, **values}))
    return path


@pytest.mark.slow  # the conformance kit asks the same of every method, smaller
def test_anr_resumes_bit_for_bit(cli, capture_folder, anr_run, tmp_path):
    out = tmp_path / "halves"
    words = ("--method", "anr", "--preset", "demo", "--data", capture_folder, "--out", out)
    cli("train", *words, "steps=4", "stop_at=3", *TINY_ANR)
    cli("train", "--resume", out)
    assert_equal_bits(weights(out, 4), weights(anr_run, 4))


def test_an_orbit_without_a_motion_turns_around_who_stands_still(cli_here, anr_run, tmp_path):
    text = cli_here("render", anr_run, "--orbit", 180, "--frames", 3, "--out", "turn.mp4")
    assert "shown on an estimated floor and wall" in text
    shown = frames(tmp_path / "turn.mp4")
    assert len(shown) == 3 and abs(shown[0] - shown[2]).mean() > 1


def test_before_a_painted_background_the_person_moves(cli_here, trained_run, tmp_path):
    run = trained_run[0]
    text = cli_here("render", run, "--orbit", 90, "--frames", 2, "--out", "turn.mp4")
    assert "method 'ram' paints the background of one camera: the person moves instead" in text
    assert len(frames(tmp_path / "turn.mp4")) == 2


def test_a_camera_path_and_its_lens(cli_here, anr_run, trained_run, tmp_path):
    cli_here(
        *("render", anr_run, "--camera", path_file(tmp_path, fov_y=60)),
        *("--frames", 2, "--out", "path.mp4"),
    )
    assert len(frames(tmp_path / "path.mp4")) == 2
    text = cli_here("render", trained_run[0], "--camera", path_file(tmp_path, fov_y=60), check=2)
    assert "fov_y: method 'ram' paints the background of one camera" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "nothing to show: give --motion FILE, or --orbit 360"),
        (("--orbit", 90, "--camera", "path.json"), "omit the other"),
        (("--camera", "none.json"), "none.json: no such camera path"),
    ],
)
def test_views_that_cannot_be(cli_here, anr_run, words, says):
    assert says in cli_here("render", anr_run, *words, "--frames", 1, check=2)


def pictures(folder):
    from avatar_kit.io import read_image

    return [read_image(p, mode="RGBA") for p in sorted(folder.glob("*.png"))]


def test_pictures_with_alpha_go_on_where_they_stopped(cli_here, anr_run, tmp_path):
    words = ("render", anr_run, "--orbit", 90, "--frames", 4, "--background", "transparent")
    cli_here(*words, "--out", "whole")
    text = cli_here(*words, "--out", "halves/")
    assert "including the shadow of the person" in text
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    for lost in (2, 3):
        (halves / f"00000{lost}.png").unlink()
    kept = (halves / "000001.png").stat().st_mtime_ns
    assert "halves: 2 of 4 pictures are there" in cli_here(*words, "--out", "halves")
    assert (halves / "000001.png").stat().st_mtime_ns == kept
    assert len(pictures(whole)) == 4
    assert all((a == b).all() for a, b in zip(pictures(whole), pictures(halves), strict=True))
    assert 0 < (pictures(whole)[0][..., 3] > 127).mean() < 1
    other = (*words[:-1], "white", "--out", "halves")
    assert "another rendering, which differs in background" in cli_here(*other, check=2)


def test_a_video_with_alpha_and_one_before_a_colour(cli_here, anr_run, tmp_path):
    words = ("render", anr_run, "--orbit", 90, "--frames", 2, "--background")
    cli_here(*words, "transparent", "--out", "a.webm")
    assert len(frames(tmp_path / "a.webm")) == 2
    assert "a.mp4: '.mp4' has no alpha; use .webm" in cli_here(
        *words, "transparent", "--out", "a.mp4", check=2
    )
    cli_here(*words, "#00ff00", "--out", "green.mp4")
    corner = frames(tmp_path / "green.mp4")[0][:4, :4].mean((0, 1))
    assert corner[1] > 150 and corner[1] > 2 * max(corner[0], corner[2])


def test_animated_pictures(cli_here, anr_run, tmp_path):
    from PIL import Image

    words = ("render", anr_run, "--orbit", 90, "--frames", 3, "--background", "transparent")
    assert "255 colours; alpha is one bit: .webp holds more" in cli_here(*words, "--out", "a.gif")
    assert "one bit" not in cli_here(*words, "--out", "a.webp")
    for name in ("a.gif", "a.webp"):
        with Image.open(tmp_path / name) as image:
            assert image.n_frames == 3
            alpha = image.convert("RGBA").getchannel("A").getextrema()
            assert alpha[0] < alpha[1]
            said = image.info["comment" if name == "a.gif" else "xmp"]
            assert b"trainedAlgorithmicMedia" in said
    assert "--fps 50 or less" in cli_here(*words, "--fps", 60, "--out", "b.gif", check=2)
    assert ".gif or .webp for an animated picture" in cli_here(*words, "--out", "a.avi", check=2)


def test_a_painted_background_cannot_be_replaced(cli_here, trained_run, tmp_path):
    words = ("render", trained_run[0], "--orbit", 90, "--frames", 1, "--background", "white")
    text = cli_here(*words, "--out", "white.mp4", check=2)
    assert "method 'ram' with renderer 'style_unet' offers no person, so its background" in text
    assert not (tmp_path / "white.mp4").exists()
