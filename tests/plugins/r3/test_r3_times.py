"""``avatar-kit r3-times``: which training frames a motion retrieves, as a table and a picture."""

import csv
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from avatar_kit.cli.commands import check_command, imported
from avatar_kit.config import resolve_method
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.starting import start
from avatar_kit.engine.trainer import train
from avatar_kit.errors import UserError
from avatar_kit.io import load_motion, save_motion
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion

CLOUD = {
    "points": 200,
    "hull": 0,
    "light": False,
    "record": {"space": [8], "time": 8, "channels": 4, "width": 16},
}


@pytest.fixture(scope="module")
def run(capture_folder, tmp_path_factory):
    """A run of two steps: retrieval needs the training poses alone."""
    out = tmp_path_factory.mktemp("runs") / "two"
    values = {
        "data": {"type": "capture", "path": str(capture_folder)},
        "size": 64,
        "steps": 2,
        "density": None,
        "encoders": {"cloud": CLOUD, "shadow": None},
    }
    train(start(resolve_method("r3", preset="demo", overrides=values).config, out), Progress())
    return out


def times(*words):
    command = imported(catalog().command("r3-times"))
    command.main([str(w) for w in words], standalone_mode=False)


def test_a_training_motion_retrieves_itself(run, tmp_path, capsys):
    motion = load_motion(run / "training_motion.npz")
    save_motion(tmp_path / "again.npz", motion)
    times(run, "--motion", tmp_path / "again.npz", "--out", tmp_path / "t.csv")
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(motion) and len(rows[0]) == 2 + 3 * 5
    assert [float(r["seconds"]) for r in rows] == pytest.approx(
        np.arange(16) / motion.fps, abs=1e-4
    )
    assert [float(r["left_arm_frame"]) for r in rows] == pytest.approx(np.arange(16), abs=0.1)
    assert max(float(r["left_arm_radians"]) for r in rows) < 0.01
    assert not any(int(r["left_arm_jumped"]) for r in rows)
    with Image.open(tmp_path / "t.png") as picture:
        assert picture.size[0] == 900 and len(picture.getcolors(1 << 20)) > 10
    said = capsys.readouterr().out
    assert "0 of 16 frames are far" in said and "t.csv" in said


def test_a_far_motion_is_said_to_be_far(run, tmp_path, capsys):
    far = Motion.rest(4, 25.0, body_pose=torch.full((4, 63), 1.4))
    save_motion(tmp_path / "far.npz", far)
    times(run, "--motion", tmp_path / "far.npz", "--out", tmp_path / "t.csv")
    assert "every frame is far from the training" in capsys.readouterr().out


def test_it_refuses_what_it_cannot_do(run, tmp_path):
    motion = run / "training_motion.npz"
    with pytest.raises(UserError, match=r"must be a \.csv file"):
        times(run, "--motion", motion, "--out", tmp_path / "t.txt")
    with pytest.raises(UserError, match="no such motion file"):
        times(run, "--motion", tmp_path / "absent.npz", "--out", tmp_path / "t.csv")
    assert not list(tmp_path.iterdir())


def test_an_avatar_that_retrieves_nothing_is_refused(run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(run, other)
    folder = RunFolder.open(other)
    config = folder.read_config()
    cloud = config.encoders["cloud"].model_copy(update={"retrieval": None})
    folder.write_config(config.model_copy(update={"encoders": {"cloud": cloud}}))
    with pytest.raises(UserError, match="trained with retrieval=null"):
        times(other, "--motion", run / "training_motion.npz", "--out", tmp_path / "t.csv")


def test_the_command_is_described():
    outcomes = list(check_command(catalog().command("r3-times")))
    assert [o.reason for o in outcomes if o.bad] == []
