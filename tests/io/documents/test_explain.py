"""Errors name the key, what was expected with its range, and what was found."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from avatar_kit.errors import UserError
from avatar_kit.io.documents import validated


class Lens(BaseModel):
    model_config = ConfigDict(extra="forbid")

    width: int = Field(ge=1, le=64)
    focal: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lens: Lens | Literal["none"]
    lenses: dict[str, Lens] = {}
    kind: Literal["jpg", "png"] = "png"
    rows: tuple[tuple[float, float], ...] = ()
    names: list[str] = Field(default=[], max_length=2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lens": {"width": "wide"}}, "lens.width: expected a whole number of at least 1 and at"),
        ({"lens": {"width": 65}}, "lens.width: expected at least 1 and at most 64, got 65"),
        ({"lens": {"width": 1.5}}, "lens.width: expected a whole number .* got 1.5"),
        ({"lens": {"widht": 3, "width": 1}}, "lens.widht: unknown key; did you mean 'width'"),
        ({"lens": {}}, "lens.width: is required"),
        ({"lens": 7}, "lens: expected a mapping of keys or 'none', got 7"),
        ({"lens": "non"}, "lens: .*got 'non'; did you mean 'none'"),
        ({"lenses": {"a": {"width": 1, "focal": -1}}}, "lenses.a.focal: expected more than 0.*-1"),
        ({"lenses": {"a": {"width": 1, "focal": float("nan")}}}, "a.focal: expected a finite num"),
        ({"lenses": {"a": {"w": 1, "width": 2}}}, "lenses.a.w: unknown key; known: width, focal"),
        ({"kind": "jpgg"}, "kind: expected 'jpg' or 'png', got 'jpgg'; did you mean 'jpg'"),
        ({"rows": [[1, 2], [1, None]]}, "rows.1.1: expected a number, got None"),
        ({"rows": "x"}, "rows: expected a list, got 'x'"),
        ({"names": ["a", "b", "c"]}, "names: expected at most 2 entries, got"),
        ({"names": ["a", "y" * 999]}, None),
        ({"kind": "y" * 999}, r"got 'y+\.\.\.y+'$|got 'y+\.\.\."),
    ],
)
def test_the_message(change, says):
    values = {"lens": "none", **change}
    if says is None:
        assert validated(File, values, "f.json").names
        return
    with pytest.raises(UserError, match=says) as refused:
        validated(File, values, "f.json", "write it again")
    assert str(refused.value).startswith("f.json: ")
    assert str(refused.value).endswith("; write it again")
    assert len(str(refused.value)) < 250
    assert "Input should" not in str(refused.value)


def test_every_mistake_has_its_line_up_to_a_few():
    with pytest.raises(UserError) as refused:
        validated(File, {"lens": "none", "rows": [["x", "y"]] * 10}, "f.json")
    lines = str(refused.value).splitlines()
    assert len(lines) == 9
    assert lines[-1] == "f.json: and 12 more mistakes"


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_what_is_no_mapping(value):
    with pytest.raises(UserError, match=r"f\.json: expected a mapping of keys, found"):
        validated(File, value, "f.json")
