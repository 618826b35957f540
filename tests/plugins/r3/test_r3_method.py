"""The training: few frames, several cameras, what is not finite."""

import re

import pytest
import torch
from avatar_kit_r3.cloud import RecordedGaussians

from avatar_kit.config import resolve_method
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view, set_up
from avatar_kit.engine.trainer import train
from avatar_kit.errors import UserError
from avatar_kit.testing.capture import small_capture
from avatar_kit.testing.method import step_through


def training(folder, frames=3, preset="demo", **values):
    small_capture(folder / "few", frames=frames, test_frames=1)
    overrides = {
        "data": {"type": "capture", "path": str(folder / "few")},
        "size": 64,
        "steps": 6,
        "encoders": {
            "cloud": {
                "points": 300,
                "hull": 0,
                "light": False,
                "record": {"space": [8], "time": 6, "channels": 4, "width": 16},
            },
            "shadow": None,
        },
        "density": None,
        **values,
    }
    config = resolve_method("r3", preset=preset, overrides=overrides).config
    run = RunFolder.create(folder / "run")
    return set_up(config, run, open_view(config))


def test_two_frames_are_enough(tmp_path):
    made = training(tmp_path, frames=2)
    assert made.config.refine is None  # nobody tracked these poses
    losses = step_through(made, 3)
    assert all(torch.isfinite(value) for values in losses for value in values.values())
    cloud = made.avatar.encoders["cloud"]
    assert isinstance(cloud, RecordedGaussians)
    torch.testing.assert_close(cloud.training_poses.times, torch.tensor([-1.0, 1.0]))


def test_one_frame_is_refused(tmp_path):
    with pytest.raises(UserError, match="give at least 2"):
        training(tmp_path, frames=1)


def test_one_camera_where_several_are_asked_for_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"cameras=2: the split 'train' has 1 camera\(s\)"):
        training(tmp_path, preset="paper", loss={"perceptual": 0})


class Noted(Progress):
    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


def test_what_is_not_finite_is_named_and_undone(tmp_path):
    made = training(tmp_path, checkpoint={"every": 2}, report_every=1, stop_at=2)
    train(made, Progress())
    made.config = made.config.model_copy(update={"stop_at": 4})
    with torch.no_grad():
        made.avatar.encoders["cloud"].record.table_0[0] = torch.nan  # a corner where nobody is
    noted = Noted()
    train(made, noted)
    [text] = [line for line in noted.said if "not finite" in line]
    expected = r"step 3: .*parameter 'encoders\.cloud\.record\.table_0' .*back to step 2"
    assert re.search(expected, text), text
    assert bool(made.avatar.encoders["cloud"].record.table_0.isfinite().all())


def test_losses_of_weight_zero_are_not_computed(tmp_path):
    made = training(tmp_path, loss={"ssim": 0.0, "offset": 0.0, "scale": 0.0})
    assert not {"ssim", "offset", "scale", "perceptual"} & set(step_through(made, 1)[0])


def test_the_rig_learns_where_it_is_asked_for(tmp_path):
    made = training(
        tmp_path,
        encoders={
            "cloud": {
                "points": 300,
                "hull": 0,
                "harmonics": 1,
                "light": False,
                "record": {"space": [8], "time": 6, "channels": 4, "width": 16},
                "rig": {"pose_width": 8, "weights_width": 8},
            },
            "shadow": None,
        },
        rates={"rig": 1e-2},
    )
    cloud = made.avatar.encoders["cloud"]
    parts = cloud.rig.pose_correction, cloud.rig.weight_offset
    before = [p.detach().clone() for part in parts for p in part.parameters()]
    step_through(made, 4)
    after = [p for part in parts for p in part.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
