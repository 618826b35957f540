"""What `live` refuses before it starts anything."""

import pytest

from avatar_kit.cli.live import live
from avatar_kit.errors import UserError

VMC, FACE = "vmc://127.0.0.1:39539", "livelink://127.0.0.1:11111"


@pytest.fixture
def run_folder(tmp_path):
    return tmp_path / "none"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"check": True}, "--check: needs a clip"),
        ({"camera": "clip.mp4"}, "--camera clip.mp4: no such file"),
        ({"fov": 300.0}, "--fov 300: a vertical field of view lies between"),
        ({"background": "trnsparent"}, "background 'trnsparent': neither"),
        ({"fps": 0.0}, "--fps 0: expected between 1 and 120"),
        ({"strength": 2.0}, "--align-strength 2"),
        ({"record": "film.avi"}, "cannot write '.avi'"),
        ({"record": "film.mp4", "background": "transparent"}, "has no alpha"),
        ({"receive": "osc://127.0.0.1:9000"}, "--receive osc://127.0.0.1:9000: expected vmc://"),
        ({"receive": VMC, "camera": "0"}, "provides body and face; omit --camera 0"),
        ({"receive": VMC, "fov": 50.0}, "--fov: only for a camera, and --receive"),
        ({"receive": FACE, "performer": "me.json"}, "--performer: only for a camera"),
        ({"receive": FACE, "camera": "browser", "check": True}, "--check: needs a clip"),
        ({"receive": FACE, "camera": "clip.mp4"}, "--camera clip.mp4: no such file"),
        ({"send": "livelink://a:1"}, "--send livelink://a:1: expected vmc://HOST:PORT"),
        ({"receive": VMC}, "none"),
        ({}, "none"),
    ],
)
def test_what_is_wrong_is_said_first(tmp_path, given, message):
    from pathlib import Path

    if "record" in given:
        given = {**given, "record": Path(given["record"])}
    with pytest.raises(UserError, match=message):
        live(tmp_path / "none", **{"fps": 25.0, "strength": 1.0, **given})
