"""Fixtures that many tests share: the default body, and a small capture of it."""

import os
import signal
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # a core each, for torch and for what tests start
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # numba too: the first parallel kernel of a library sets the threads that torch then takes
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from avatar_kit.testing.capture import default_body, small_capture

for _name in ("SIGINT", "SIGHUP"):  # what a background job ignores its children ignore, too
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A folder of tests stays in one process: what its fixtures train is trained once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0].rpartition("/")[0]

    return ByFolder(config, log)


SHARED = Path(__file__).parents[2] / "shared"


def shared_file(name: str) -> Path:
    """A file of the real data beside the project; skips the test where it is absent."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"real data is absent: ../shared/data/{name}")
    return path


def shared_model(name: str) -> Path:
    """A model file beside the project; skips the test where it is absent."""
    path = SHARED / "models" / name
    if not path.exists():
        pytest.skip(f"model is absent: ../shared/models/{name}")
    return path


def default_tracker() -> None:
    """Skip the test where the default tracker cannot run."""
    from avatar_kit.errors import Unavailable
    from avatar_kit.registry import catalog

    try:
        catalog().get("tracker", catalog().default("tracker")).load()
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def body():
    """The default body model."""
    return default_body()[1]


@pytest.fixture(scope="session")
def capture_folder(tmp_path_factory):
    """A 64x64 capture of the default body: 16 training frames, 6 held out, colours from normals."""
    return small_capture(
        tmp_path_factory.mktemp("captures") / "shaded", frames=16, test_frames=6
    ).root


@pytest.fixture(autouse=True)
def _path_of_other_pythons(monkeypatch):
    """A command that runs in this process makes its children safe; not those of later tests."""
    monkeypatch.setenv("PYTHONSAFEPATH", "")
