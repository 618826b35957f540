"""Recordings of the field, trained on by the command that a person types."""

import json

import imitations
import pytest
from typer.testing import CliRunner

from avatar_kit.cli.main import app
from avatar_kit.testing.capture import small_capture

FEW = ["steps=30", "size=64", "evaluation.metrics=[psnr]", "evaluation.max_frames=2"]
SMALL = ["encoders.cloud.points=2000", "encoders.cloud.hull=0"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("writer", "cameras", "values", "splits"),
    [
        ("people_snapshot", 1, "", {"test"}),
        ("actorshq", 4, " held_out=[Cam004]", {"test", "novel_view"}),
    ],
)
def test_train(tmp_path, writer, cameras, values, splits):
    pytest.importorskip("h5py", reason="extra datasets")
    source = small_capture(tmp_path / "source", frames=8, test_frames=3, size=96, cameras=cameras)
    path = getattr(imitations, writer)(source, tmp_path / "Actor01" / "Sequence1" / "4x")
    before, run = sorted(path.rglob("*")), tmp_path / "run"
    words = ["train", "--method", "splat", "--preset", "demo", "--out", str(run)]
    words += ["--data", f"{writer} path={path}{values}"]
    result = CliRunner().invoke(app, [*words, *FEW, *SMALL])
    assert result.exit_code == 0, result.output
    table = json.loads((run / "eval" / "test.json").read_text())
    assert set(table["splits"]) == splits
    losses = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    pixel = [line["pixel"] for line in losses if "pixel" in line]
    assert pixel[-1] < pixel[0]
    assert sorted(path.rglob("*")) == before  # pictures stay where they are; nothing is added
