import subprocess
import sys

import pytest
from avatar_kit_studio.config import StudioConfig
from pydantic import ValidationError

from avatar_kit.registry import catalog


def test_it_is_the_default_dataset():
    known = catalog()
    assert known.default("dataset") == "studio"
    assert known.get("dataset", "studio").config is StudioConfig


def test_unknown_subject_names_the_known_ones():
    with pytest.raises(ValidationError, match="'ada', 'ben' or 'cleo'"):
        StudioConfig(subject="dora")


def test_reading_the_config_imports_nothing_heavy():
    code = (
        "import sys, avatar_kit_studio.plugin, avatar_kit_studio.config;"
        "print([m for m in ('torch', 'numpy', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_camera_must_be_left_to_train_with():
    assert [StudioConfig(cameras=n).unseen for n in (1, 2, 4)] == [0, 1, 1]
    assert StudioConfig(cameras=4, held_out=3).unseen == 3
    with pytest.raises(ValidationError, match="held_out=2 of cameras=2 leaves no camera to train"):
        StudioConfig(cameras=2, held_out=2)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        StudioConfig(cameras=0)
