"""Who performs, before a session begins."""

import pytest

from avatar_kit.errors import UserError
from avatar_kit.live.performer import Performer
from avatar_kit.live.starting import known_performer


def performer(tracker: str, body: str) -> Performer:
    return Performer(body=body, tracker=tracker, shape={}, height=1.7, pelvis=0.9)


@pytest.fixture(scope="module")
def asset() -> str:
    from avatar_kit.registry import catalog

    component = catalog().get("body", catalog().default("body"))
    return component.load()(component.config(type=component.name)).asset.name


def test_nobody_is_known_at_first(tmp_path):
    known, keep = known_performer(None, "mediapipe", print)
    assert known.text is None and keep is None
    said = []
    known, keep = known_performer(tmp_path / "me.json", "mediapipe", said.append)
    assert known.text is None and keep == tmp_path / "me.json"
    assert "starts with a calibration" in said[0]


@pytest.mark.parametrize("tracker", ["mediapipe", "other"])
def test_a_face_at_rest_of_another_tracker_is_said(tmp_path, asset, tracker):
    performer(tracker, asset).save(tmp_path / "me.json")
    said = []
    known, _ = known_performer(tmp_path / "me.json", "mediapipe", said.append)
    assert Performer.model_validate_json(known.text).height == 1.7
    assert bool(said) == (tracker == "other")
    assert not said or "'other'" in said[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [("me.txt", "expected a .json file"), ("none/me.json", "there is no folder")],
)
def test_what_can_be_no_performer_is_refused(tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        known_performer(tmp_path / name, "mediapipe", print)


def test_a_performer_of_a_body_that_is_not_there_is_refused(tmp_path):
    performer("mediapipe", "somebody-1").save(tmp_path / "me.json")
    with pytest.raises(UserError, match=r"calibrated with body 'somebody-1', which is not"):
        known_performer(tmp_path / "me.json", "mediapipe", print)
