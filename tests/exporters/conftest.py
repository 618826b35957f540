"""A tiny run of `splat`, and one of a method without Gaussians."""

import pytest

import avatar_kit as ak
from avatar_kit.testing.capture import small_capture
from tests.api.tiny import TINY

_SPLAT = {
    "size": 64,
    "device": "cpu",
    "evaluation.max_frames": 2,
    "evaluation.metrics": ["psnr"],
    "encoders.cloud.points": 1500,
    "encoders.cloud.hull": 200,
}


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run of Gaussians, hardly trained, on four frames."""
    root = tmp_path_factory.mktemp("export")
    data = small_capture(root / "capture", frames=4, test_frames=2).root
    return ak.train("splat", data=data, out=root / "splat", steps=4, values=_SPLAT)


@pytest.fixture(scope="session")
def avatar(run):
    """The avatar of that run."""
    return ak.load(run, device="cpu")


@pytest.fixture(scope="session")
def painted(capture_folder, tmp_path_factory):
    """An avatar whose encoders yield feature maps."""
    out = tmp_path_factory.mktemp("export") / "anr"
    return ak.load(
        ak.train("anr", data=capture_folder, out=out, steps=2, values=TINY["anr"]), device="cpu"
    )
