"""Dotted keys and nested values say the same, in any order."""

import pytest

from avatar_kit.config.layers import nested


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"steps": 3, "loss": {"pixel": 1}}, {"steps": 3, "loss": {"pixel": 1}}),
        ({"a.b.c": 1, "a.b.d": 2}, {"a": {"b": {"c": 1, "d": 2}}}),
        ({"a.b": 1, "a": {"b": 2, "c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"r.width": 5, "r": "unet"}, {"r": {"type": "unet", "width": 5}}),
        ({"r": "unet", "r.width": 5}, {"r": {"type": "unet", "width": 5}}),
    ],
)
def test_dotted_keys_are_nested(given, wanted):
    assert nested(given) == wanted
