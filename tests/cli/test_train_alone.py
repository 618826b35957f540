"""A capture of which no frames were held out."""

import json
import shutil

import pytest
from PIL import Image

from tests.cli.conftest import TINY_ANR


@pytest.fixture
def train_alone(capture_folder, tmp_path):
    root = shutil.copytree(capture_folder, tmp_path / "alone")
    record = json.loads((root / "capture.json").read_text())
    record["splits"] = {"train": record["splits"]["train"]}
    (root / "capture.json").write_text(json.dumps(record))
    return root


def test_it_trains_shows_training_frames_and_says_so(cli_here, train_alone, tmp_path):
    words = ("--preset", "demo", "--data", train_alone, "--out", "run", "steps=2", *TINY_ANR)
    text = " ".join(cli_here("train", "--method", "anr", *words).split())
    assert "no frames were held out" in text and "the preview shows training frames" in text
    run = tmp_path / "run"
    assert json.loads((run / "eval/test.json").read_text())["splits"] == {}
    with Image.open(run / "preview.png") as picture:
        assert picture.width > 3 * 64
    assert (run / "preview.mp4").stat().st_size > 1000
    assert "no frames were held out" in " ".join(cli_here("eval", "run").split())
