"""Validation errors as a person wants to read them: key, what was expected, what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from avatar_kit.errors import UserError, near, shown

_M = TypeVar("_M", bound=BaseModel)

#: Lines of one message: after so many mistakes a person mends these first.
_LINES = 8

_WHOLE, _NUMBER, _TRUTH = "a whole number", "a number", "true or false"
#: Type of pydantic's error -> what was expected.
_EXPECTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    **dict.fromkeys(("dict_type", "model_type", "mapping_type"), "a mapping of keys"),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("string_type", "string_unicode"), "text"),
    "model_attributes_type": "a mapping of keys",
    "path_type": "the path of a file or folder",
    "finite_number": "a finite number",
    "none_required": "null",
}
#: Type of pydantic's error -> name of the bound, and its words.
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


@dataclass(frozen=True)
class _Mistake:
    """One key that is wrong: ``said`` outright, or by what was ``expected`` and is ``given``.

    ``tried`` are the places where several types were tried, each with the type that this is of.
    """

    path: tuple[Any, ...]
    said: str = ""
    expected: str = ""
    given: Any = None
    hint: str = ""
    tried: tuple[tuple[Any, ...], ...] = ()


def validated(model: type[_M], data: Any, where: Path | str, fix: str = "") -> _M:
    """Plain values as a model.

    Args:
        model: What is expected.
        data: What :func:`~avatar_kit.io.documents.read_json` or ``read_yaml`` gave.
        where: What every line of an error begins with: the path of the file.
        fix: How to mend the file as a whole, the end of the message.

    Raises:
        UserError: A line for each mistake: key, what was expected, what was found, the near match.
    """
    end = f"; {fix}" if fix else ""
    if not isinstance(data, Mapping):
        raise UserError(f"{where}: expected a mapping of keys, found {shown(data)}{end}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = explain(error, model, data=data).splitlines()
        raise UserError("\n".join(f"{where}: {line}" for line in lines) + end) from None


def explain(
    error: ValidationError,
    model: type[BaseModel],
    origins: Mapping[str, str] | None = None,
    data: Any = None,
) -> str:
    """One line per mistake: ``renderer.chanels: unknown key; did you mean 'channels'?``.

    Args:
        error: What pydantic raised.
        model: What was validated.
        origins: Dotted key -> where its value comes from, said behind the line.
        data: What was given, so that keys are told from the alternatives of a type.
    """
    lines = []
    for path, text in _joined(list(_mistakes(error, model, (), data))).items():
        dotted = ".".join(str(p) for p in path)
        origin = (origins or {}).get(dotted)
        lines.append(
            (f"{dotted}: {text}" if dotted else text) + (f"  ({origin})" if origin else "")
        )
    more = len(lines) - _LINES
    return "\n".join(lines[:_LINES] + ([f"and {more} more mistakes"] if more > 0 else []))


def _joined(mistakes: list[_Mistake]) -> dict[tuple[Any, ...], str]:
    """Path -> text. Where several types were tried at one place, all are named; the mistake inside
    a value says more than that the value is none of the other types.
    """
    found: dict[tuple[Any, ...], list[_Mistake]] = {}
    for mistake in _likely(mistakes):
        found.setdefault(mistake.path, []).append(mistake)
    inner = [p for p in found if p and not any(len(q) > len(p) and q[: len(p)] == p for q in found)]
    texts = {}
    for path in inner or list(found):
        said = list(dict.fromkeys(m.said for m in found[path] if m.said))
        wanted = list(dict.fromkeys(m.expected for m in found[path] if m.expected))
        if wanted:
            hint = next((m.hint for m in found[path] if m.hint), "")
            said.append(f"expected {' or '.join(wanted)}, got {shown(found[path][0].given)}{hint}")
        texts[path] = "; ".join(said)
    return texts


def _likely(mistakes: list[_Mistake]) -> list[_Mistake]:
    """Those of the type that fits a value best, of the types that were tried: the one that came
    deepest, then with the fewest mistakes.
    """
    tried: dict[Any, dict[Any, list[_Mistake]]] = {}
    for mistake in mistakes:
        for *place, kind in mistake.tried:
            tried.setdefault(tuple(place), {}).setdefault(kind, []).append(mistake)
    dropped: set[int] = set()
    for kinds in tried.values():
        fit = {k: (max(len(m.path) for m in ms), -len(ms)) for k, ms in kinds.items()}
        best = max(fit.values())
        dropped.update(id(m) for k, ms in kinds.items() if fit[k] < best for m in ms)
    return [mistake for mistake in mistakes if id(mistake) not in dropped]


def _mistakes(
    error: ValidationError, model: type[BaseModel], at: tuple[Any, ...], data: Any
) -> Iterator[_Mistake]:
    for item in error.errors(include_url=False):
        inside, tried = _keys(item["loc"], data, item["type"])
        path = (*at, *inside)
        if item["type"] == "nested":
            below = item["ctx"]
            yield from _mistakes(below["cause"], below["model"], path, below["cause_of"])
        elif item["type"] == "extra_forbidden":
            known = list(_owner(model, inside).model_fields)
            hint = near(str(path[-1]), known) or f"; known: {', '.join(known)}"
            yield _Mistake(path, said=f"unknown key{hint}", tried=tried)
        elif item["type"] == "missing":
            yield _Mistake(path, said="is required", tried=tried)
        elif item["type"] in ("component", "fit"):
            yield _Mistake(path, said=item["msg"], tried=tried)
        elif item["type"] in ("value_error", "assertion_error"):
            yield _Mistake(path, said=str(item["ctx"]["error"]), tried=tried)
        else:
            field = _owner(model, inside).model_fields.get(str(inside[-1]) if inside else "")
            expected = _expectation(item, field)
            yield _Mistake(path, "", expected, item.get("input"), _hint(item), tried)


def _keys(
    loc: Sequence[Any], data: Any, kind: str
) -> tuple[tuple[Any, ...], tuple[tuple[Any, ...], ...]]:
    """The keys of a place, and where on the way to it pydantic tried which type."""
    found: list[Any] = []
    tried: list[tuple[Any, ...]] = []
    node = data
    for i, key in enumerate(loc):
        held = isinstance(node, Mapping) and key in node
        if held or (isinstance(node, list | tuple) and key in range(len(node))):
            node = node[key]
        elif data is not None and i and not (kind == "missing" and key == loc[-1]):
            tried.append((*found, key))
            continue
        found.append(key)
    return tuple(found), tuple(tried)


def _owner(model: type[BaseModel], path: Sequence[Any]) -> type[BaseModel]:
    """The model that the last key of a path belongs to."""
    owner = model
    for key in path[:-1]:
        field = owner.model_fields.get(str(key))
        owner = next(_models(field.annotation), owner) if field else owner
    return owner


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _expectation(item: Mapping[str, Any], field: FieldInfo | None) -> str:
    """What was expected, with the range of a number."""
    kind, about = item["type"], item.get("ctx", {})
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return _bounds(field.metadata if field else ()) or f"{words} {about[name]:.10g}"
    if kind in _EXPECTED:
        expected = _EXPECTED[kind]
        numeric = expected in (_WHOLE, _NUMBER)
        bounds = _bounds(field.metadata) if numeric and field else ""
        return f"{expected} of {bounds}" if bounds else expected
    if kind == "literal_error":
        return str(about["expected"])
    if kind in ("too_short", "too_long"):
        few = kind == "too_short"
        count = about["min_length" if few else "max_length"]
        return f"{'at least' if few else 'at most'} {count} entries"
    if kind == "string_too_short":
        return f"text of at least {about['min_length']} character(s)"
    if kind == "string_pattern_mismatch":
        return f"text that matches {about['pattern']}"
    return str(item["msg"]).removeprefix("Input should be ")


def _hint(item: Mapping[str, Any]) -> str:
    """The near match among the words that are allowed."""
    if item["type"] != "literal_error" or not isinstance(item["input"], str):
        return ""
    allowed = item["ctx"]["expected"].replace(" or ", ", ").split(", ")
    return near(item["input"], [word.strip("'") for word in allowed])


def _bounds(metadata: Iterable[Any]) -> str:
    """The range of a number in words; empty where none is declared."""
    said = [
        f"{words} {getattr(part, name):.10g}"
        for name, words in _BOUNDS.values()
        for part in metadata
        if hasattr(part, name)
    ]
    return " and ".join(said)
