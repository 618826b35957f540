"""``ak.evaluate``: the figures of the run, and files only where they are asked for."""

import json
import shutil

import pytest

import avatar_kit as ak
from avatar_kit.errors import UserError


@pytest.fixture
def run(runs, tmp_path):
    """A run of its own, without its figures."""
    shutil.copytree(runs("anr"), tmp_path / "run")
    figures = json.loads((tmp_path / "run" / "eval" / "test.json").read_text())
    shutil.rmtree(tmp_path / "run" / "eval")
    return tmp_path / "run", figures


def test_the_figures_of_the_training_again(run):
    root, known = run
    found = ak.evaluate(root, device="cpu")
    assert found["splits"] == known["splits"] and found["protocol"] == known["protocol"]
    assert len(found["frames"]["test"]["full"]["psnr"]) == found["splits"]["test"]["n"] == 2
    assert not (root / "eval").exists()
    ak.evaluate(root, device="cpu", write=True)
    assert json.loads((root / "eval" / "test.json").read_text()) == known
    assert (root / "eval" / "frames.json").exists()


def test_on_another_capture(run, capture_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(capture_folder, other)
    record = other / "capture.json"
    record.write_text(record.read_text().replace('"normals"', '"other"', 1))
    for data in (other, str(other), {"type": "capture", "path": other}):
        found = ak.evaluate(run[0], data=data, device="cpu")
        assert found["protocol"]["capture"] == "other"
    with pytest.raises(UserError, match=r"data .*none: no such folder; make one with"):
        ak.evaluate(run[0], data=tmp_path / "none")
    with pytest.raises(UserError, match="unknown dataset 'stadio'; did you mean 'studio'"):
        ak.evaluate(run[0], data="stadio")
