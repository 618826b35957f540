import os
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import shared_file


def test_bad_input_is_one_line_and_exit_code_2(cli_here, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(bytes(range(256)) * 8)
    said = cli_here("prepare", "broken.mp4", "--out", "me", check=2)
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) == 1
    assert "broken.mp4" in lines[0]
    assert "convert it to H.264" in lines[0]
    assert not (tmp_path / "me").exists()


def test_options_that_contradict_are_named(cli_here):
    assert "write name=value" in cli_here("prepare", "a.mp4", "-o", "b", "--shape", "x", check=2)
    assert "--held-out 0.7" in cli_here("prepare", "a.mp4", "-o", "b", "--held-out", "0.7", check=2)


def test_what_is_said_of_each_of_several_videos(cli_here):
    two = ("prepare", "a.mp4", "b.mp4", "-o", "c")
    said = cli_here(*two, "--masks", "m", check=2)
    assert "--masks: given 1 times for 2 videos; give it once per video, in order" in said
    assert "no such video" in cli_here(*two, "--camera", "K.json", check=2)
    assert "write X,Y,W,H" in cli_here("prepare", "a.mp4", "-o", "c", "--box", "1,2", check=2)
    box = ("--box", "1,2,30,40")
    said = cli_here("prepare", "a.mp4", "-o", "c", *box, "--person", "2", check=2)
    assert "--box and --person have the same purpose" in said
    said = cli_here("prepare", "a.mp4", "-o", "c", *box[:1], "1,2,30,40@1", "--start", "2", check=2)
    assert "--box @1: is before --start 2" in said


def test_help_tells_how_to_film(cli_here):
    said = cli_here("prepare", "--help")
    for words in ("head to toe", "--fov", "--focal", "--shape", "--held-out", "--fresh"):
        assert words in said


def test_what_is_read_is_checked_before_the_work(cli_here, tmp_path):
    (tmp_path / "frames").mkdir()
    said = cli_here("prepare", "frames", "-o", "me", check=2)
    assert "frames: holds no pictures" in said
    assert "--start 1:x" in cli_here("prepare", "a.mp4", "-o", "b", "--start", "1:x", check=2)
    assert "write X,Y,W,H" in cli_here("prepare", "a.mp4", "-o", "b", "--crop", "1,2", check=2)
    assert "download it first" in cli_here("prepare", "https://x.example/a", "-o", "b", check=2)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_says_how_to_go_on_and_leaves_nothing_half_written(number, tmp_path):
    video, out = shared_file("video/turntable_dress.mp4"), tmp_path / "captures" / "me"
    command = [sys.executable, "-m", "avatar_kit.cli.main", "prepare", video, "--out", out]
    environment = os.environ | {"AVATAR_KIT_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert "decode" in process.stdout.readline()
    time.sleep(15)  # the body is built, the tracker is at work
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (
        said.strip()
        == "stopped; run the same command again to continue after the last completed stage"
    )
    assert not out.exists() and not [p for p in tmp_path.rglob("*") if "partial" in p.name]
