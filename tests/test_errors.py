import sys

import pytest

from avatar_kit.errors import MissingExtra


@pytest.mark.parametrize(
    ("python", "exists"), [((3, 11, 7), True), ((3, 12, 0), True), ((3, 13, 1), False)]
)
def test_an_extra_that_a_python_cannot_have_says_which_python_can(monkeypatch, python, exists):
    monkeypatch.setattr(sys, "version_info", python)
    text = str(MissingExtra("tracker 'mediapipe'", "track", "mediapipe"))
    assert 'pip install "avatar-kit[track]"' in text
    assert ("does not exist for Python 3.13: make an environment of Python 3.12" in text) != exists
    assert "Python" not in str(MissingExtra("the viewer", "view", "viser"))
