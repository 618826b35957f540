"""JSON and YAML give plain values, or one message."""

import json
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from avatar_kit.config import parse_overrides
from avatar_kit.config.yaml import dump_yaml
from avatar_kit.errors import UserError
from avatar_kit.io.documents import parse_json, parse_yaml

#: What a file may hold.
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), below
        )
    ),
    max_leaves=20,
)

#: Nine lists, each of nine of the one before: a billion values.
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@given(PLAIN)
def test_json_that_was_written_is_read(value):
    assert parse_json(json.dumps(value), "here") == value


@settings(max_examples=60)
@given(PLAIN)
@example({"\x85": "a\x85b\u2028c\u2029"})
def test_yaml_that_was_written_is_read(value):
    assert parse_yaml(dump_yaml(value), "here") == value


@settings(max_examples=200)
@given(st.text(max_size=60) | st.text("[]{}&*!?:-|>'\"%@` \n\tab01.e~<=", max_size=40))
def test_any_text_gives_plain_values_or_one_message(text):
    for parse in (parse_json, parse_yaml):
        try:
            json.dumps(parse(text, "here"))  # what JSON can hold is plain
        except UserError as error:
            assert str(error).startswith("here: not valid ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "more than 20000 values"),
        ("&a [*a]", "stands for what contains it"),
        ("&a {b: {c: *a}}", "stands for what contains it"),
        ("[" * 5000, "nested more than"),
        ("{a: " * 60 + "1" + "}" * 60, "nested more than"),
        ("!!int many", "invalid literal"),
        ("!!timestamp soon", "a tag .* does not fit"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("!!binary aGk=", "a bytes; expected text"),
        ("{a: !!set {b, c}}", "a: a set; expected text"),
        ("a: 1\nb: 2\na: 3", "key 'a' is there twice"),
        ("{1: 2}", "the key 1 is no text"),
        ("{on: 2}", "the key True is no text; put it into quotes"),
        ("seed: 18446744073709551616", "seed: .*whole numbers have at most 64 bits"),
        ('name: "a\\0b"', "name: .*a character that no text has"),
        ("[1, 2", "expected ',' or ']'"),
    ],
)
def test_what_yaml_may_not_say(text, says):
    started = time.perf_counter()
    with pytest.raises(UserError, match=f"(?s)^plan.yaml: not valid YAML: .*{says}"):
        parse_yaml(text, "plan.yaml")
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1, "a": 2}', "key 'a' is there twice"),
        ("[" * 50_000, "nested more than"),
        ("9" * 5000, "4300 digits"),
        ('"\\ud800"', "a character that no text has"),
        ('{"a": [0, 1e9, 99999999999999999999]}', r"a\.2: .*64 bits"),
        ("{'a': 1}", "double quotes"),
    ],
)
def test_what_json_may_not_say(text, says):
    with pytest.raises(UserError, match=f"^a.json: not valid JSON: .*{says}"):
        parse_json(text, "a.json")


def test_dates_are_text_and_merges_are_kept():
    text = "base: &b {steps: 1, name: 2001-01-01}\nmine: {<<: *b, steps: 2}"
    assert parse_yaml(text, "")["mine"] == {"steps": 2, "name": "2001-01-01"}


@pytest.mark.parametrize("word", ["steps=2001-99-99", "steps=&a [*a]", "steps=!!int x", "a.b=["])
def test_values_on_the_command_line_are_read_in_the_same_way(word):
    if "99-99" in word:
        assert parse_overrides([word]) == {"steps": "2001-99-99"}
        return
    with pytest.raises(UserError, match=re.escape(repr(word)) + ": not valid YAML"):
        parse_overrides([word])
