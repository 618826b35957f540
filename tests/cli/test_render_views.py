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
    assert "as if it were far away" in text
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
        (("--orbit", 90, "--camera", "path.json"), "drop the other"),
        (("--camera", "none.json"), "none.json: no such camera path"),
    ],
)
def test_views_that_cannot_be(cli_here, anr_run, words, says):
    assert says in cli_here("render", anr_run, *words, "--frames", 1, check=2)
