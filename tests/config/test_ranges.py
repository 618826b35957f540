"""Every number that a config of ours takes has a range, so that nonsense is refused by its key."""

import typing
from types import UnionType

from avatar_kit.declarations import Config
from avatar_kit.registry import catalog

#: Checked by a validator of their own.
CHECKED_ELSEWHERE = {"CropConfig.scale"}


def configs():
    """The config classes of our components, with those within them."""
    waiting = [c.config for c in catalog().components() if c.is_own]
    found = {}
    while waiting:
        cls = waiting.pop()
        if cls not in found:
            found[cls] = None
            waiting += [c for f in cls.model_fields.values() for c in within(f.annotation)]
    return list(found)


def within(annotation):
    """The config classes in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return [annotation]
    return [cls for part in typing.get_args(annotation) for cls in within(part)]


def unbounded(annotation, metadata=()):
    """The numbers in an annotation that have no least value."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return unbounded(inner[0], (*metadata, *inner[1:]))
    if origin is typing.Literal:
        return []
    if origin:
        kept = metadata if origin in (typing.Union, UnionType) else ()
        return [n for part in inner if part is not ... for n in unbounded(part, kept)]
    least = any(hasattr(m, "ge") or hasattr(m, "gt") for m in metadata)
    text = " ".join(map(repr, metadata))  # of a Field inside Annotated
    return [annotation] if annotation in (int, float) and not least and "Ge(" not in text else []


def test_the_search_finds_a_number_without_a_range():
    assert unbounded(int) == [int] and unbounded(tuple[float, ...]) == [float]
    assert unbounded(float | None) == [float] and unbounded(bool | str) == []


def test_every_number_has_a_least_value():
    bare = {
        f"{cls.__name__}.{name}"
        for cls in configs()
        for name, field in cls.model_fields.items()
        if name != "shape"  # numbers by name for any body, which knows their ranges
        and unbounded(field.annotation, field.metadata)
    }
    assert len(configs()) > 60
    assert bare == CHECKED_ELSEWHERE
