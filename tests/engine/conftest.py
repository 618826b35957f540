"""A tiny training that tests of the loop share."""

import pytest

from avatar_kit.config import resolve_method
from avatar_kit.engine.people import open_views
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import set_up


@pytest.fixture
def training(capture_folder, tmp_path):
    config = resolve_method(
        "anr",
        preset="demo",
        overrides={
            "data": {"type": "capture", "path": str(capture_folder)},
            "size": 64,
            "steps": 3,
            "batch_size": 1,
            "crop": {"size": 48},
            "report_every": 1,
            "encoders": {"texture": {"size": 32}},
            "renderer": {"widths": [4, 4]},
            "loss": {"feature": 0.0},
        },
    ).config
    return set_up(config, RunFolder.create(tmp_path / "run"), *open_views(config))
