"""Files that a person may hand in, read in one way: regular, small enough, plain, and as declared.

:func:`read_json` and :func:`read_yaml` give plain values, :func:`validated` holds them against a
pydantic model. Every error names the file, the key, what was expected and what was found.
"""

from avatar_kit.io.documents.explain import explain, validated
from avatar_kit.io.documents.files import check_regular, opened, read_bytes, read_text
from avatar_kit.io.documents.parsing import (
    PlainLoader,
    parse_json,
    parse_yaml,
    read_json,
    read_yaml,
)

__all__ = [
    "PlainLoader",
    "check_regular",
    "explain",
    "opened",
    "parse_json",
    "parse_yaml",
    "read_bytes",
    "read_json",
    "read_text",
    "read_yaml",
    "validated",
]
