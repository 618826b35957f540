import subprocess
import sys

import pytest

import avatar_kit.capture
import avatar_kit.io


def test_names_are_found_where_they_are_defined():
    from avatar_kit.io.image import read_image

    assert avatar_kit.io.read_image is read_image
    assert "CaptureView" in dir(avatar_kit.capture)


@pytest.mark.parametrize(
    "package", ["avatar_kit.io", "avatar_kit.capture", "avatar_kit.metrics", "avatar_kit.nn"]
)
def test_every_promised_name_exists(package):
    module = sys.modules.get(package) or __import__(package, fromlist=["_"])
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_unknown_name():
    with pytest.raises(AttributeError, match=r"module 'avatar_kit\.io' has no attribute 'nothing'"):
        _ = avatar_kit.io.nothing


def test_importing_the_packages_is_cheap():
    code = (
        "import sys, avatar_kit.io, avatar_kit.capture, avatar_kit.metrics, avatar_kit.nn;"
        "print([m for m in ('torch', 'numpy', 'av', 'PIL') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
