"""The door stands in the package itself, and opening the package costs nothing."""

import subprocess
import sys

import pytest

import avatar_kit as ak

NAMES = ("Camera", "Motion", "TrainedAvatar", "evaluate", "load", "open_capture", "read_motion")


def test_importing_the_package_brings_nothing_heavy():
    code = (
        "import sys, avatar_kit; dir(avatar_kit);"
        "print([m for m in ('torch', 'numpy', 'pydantic', 'rich') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_listed(name):
    assert getattr(ak, name).__doc__
    assert name in dir(ak) and name in ak.__all__


def test_the_names_are_those_of_the_rooms():
    from avatar_kit import capture, scene

    assert ak.open_capture is capture.open_capture
    assert (ak.Camera, ak.Motion) == (scene.Camera, scene.Motion)
