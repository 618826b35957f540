"""Two tiny runs: of an avatar that paints the scene, and of one that knows it."""

import pytest

import avatar_kit as ak
from tests.api.tiny import TINY


@pytest.fixture(scope="session")
def runs(capture_folder, tmp_path_factory):
    """``runs(method)``: a run of two steps, trained when it is first asked for."""
    root, made = tmp_path_factory.mktemp("door"), {}

    def run(method):
        if method not in made:
            made[method] = ak.train(
                method, data=capture_folder, out=root / method, steps=2, values=TINY[method]
            )
        return made[method]

    return run


@pytest.fixture(scope="session")
def painted(runs):
    """An avatar that paints the background of its one camera."""
    return ak.load(runs("ram"), device="cpu")


@pytest.fixture(scope="session")
def free(runs):
    """An avatar whose camera may move."""
    return ak.load(runs("anr"), device="cpu")
