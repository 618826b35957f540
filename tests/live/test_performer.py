import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.live import Performer
from tests.live.people import body_named, performer_of

KNOWN = {"body": "stick", "shape": {"size": 0.5}, "height": 1.7, "pelvis": 0.9}


def test_a_saved_performer_is_read_again(tmp_path):
    performer = performer_of(body_named("stick")).model_copy(
        update={"floor": -0.93, "tracker": "mediapipe", "notes": ("guessed",)}
    )
    path = tmp_path / "new" / "me.json"
    performer.save(path)
    assert Performer.load(path) == performer
    assert [p.name for p in path.parent.iterdir()] == ["me.json"]
    assert json.loads(path.read_text())["shape"] == performer.shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 17.0}, "height: .*less than 3.*17"),
        ({"height": float("nan")}, "height: "),
        ({"height": "tall"}, "height: "),
        ({"pelvis": 1.6}, "pelvis: 1.6 m above the soles"),
        ({"floor": 100.0}, "floor: "),
        ({"shape": {"size": float("inf")}}, "shape.size: "),
        ({"neutral": [0.5] * 51}, "neutral: expected 52 channels, got 51"),
        ({"neutral": [0.5] * 51 + [1.5]}, r"neutral.51: "),
        ({"hight": 1.7}, "hight: unknown key; did you mean 'height'"),
        ({"body": ""}, "body: "),
        ({"version": 2}, "version: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, message):
    path = tmp_path / "me.json"
    path.write_text(json.dumps(KNOWN | change))
    with pytest.raises(UserError, match=f"me.json: {message}.*calibrate"):
        Performer.load(path)


@pytest.mark.parametrize("key", KNOWN)
def test_a_missing_key_is_named(tmp_path, key):
    path = tmp_path / "me.json"
    path.write_text(json.dumps({k: v for k, v in KNOWN.items() if k != key}))
    with pytest.raises(UserError, match=f"{key}: is required"):
        Performer.load(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(UserError, match="no such performer's file"):
        Performer.load(tmp_path / "nobody.json")
    path = tmp_path / "list.json"
    path.write_text("[1, 2]")
    with pytest.raises(UserError, match=r"expected a mapping of keys, found \[1, 2\]"):
        Performer.load(path)
    with pytest.raises(UserError, match="is a folder; expected a performer's file"):
        Performer.load(tmp_path)


@given(st.data())
def test_damage_never_leaves_another_error(tmp_path_factory, data):
    whole = Performer.model_validate(KNOWN).model_dump_json(indent=2).encode()
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    damaged = whole[:at] if cut else whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + 1 :]
    path = tmp_path_factory.mktemp("damaged") / "me.json"
    path.write_bytes(damaged)
    try:
        Performer.load(path)
    except UserError as error:
        assert "me.json" in str(error)
