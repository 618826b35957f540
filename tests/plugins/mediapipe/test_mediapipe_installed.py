"""Which of the two trackers is the default, and what is said where the other cannot run."""

import sys

import pytest
from avatar_kit_mediapipe import installed
from avatar_kit_mediapipe.plugin import register_trackers

from avatar_kit.errors import MissingExtra, Unavailable


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes a package mediapipe with or without Holistic that is found before any other."""

    def make(*, holistic: bool) -> None:
        folder = tmp_path / "mediapipe" / "python" / ("solutions" if holistic else "other")
        folder.mkdir(parents=True)
        (tmp_path / "mediapipe" / "__init__.py").write_text("raise SystemError('imported')")
        monkeypatch.delitem(sys.modules, "mediapipe", raising=False)
        monkeypatch.syspath_prepend(tmp_path)

    return make


def default() -> str:
    names = {}
    register_trackers(lambda name, default, **_: names.update({name: default}))
    assert set(names) == {"mediapipe", "mediapipe_tasks"}
    return next(name for name in names if names[name])


@pytest.mark.parametrize(("holistic", "name"), [(True, "mediapipe"), (False, "mediapipe_tasks")])
def test_the_default_is_what_the_installed_package_can_run(package, holistic, name):
    package(holistic=holistic)
    assert default() == name


@pytest.mark.parametrize(
    ("python", "name"), [((3, 12, 9), "mediapipe"), ((3, 13, 0), "mediapipe_tasks")]
)
def test_where_nothing_is_installed_the_default_is_what_the_extra_would_bring(
    monkeypatch, python, name
):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.setattr(sys, "version_info", python)
    assert default() == name


def test_a_package_without_holistic_is_refused_with_what_this_python_can_have(package, monkeypatch):
    package(holistic=False)
    monkeypatch.setattr(sys, "version_info", (3, 12, 9))
    with pytest.raises(MissingExtra, match=r"'mediapipe 0.10.21'.*avatar-kit\[track\]"):
        installed.require_holistic()
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    with pytest.raises(Unavailable, match=r"does not exist for this Python.*'mediapipe_tasks'"):
        installed.require_holistic()
