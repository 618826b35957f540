"""Parsing ASCII FBX, versions 7000 to 7999."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from avatar_kit.errors import UserError
from avatar_kit.io.fbx.node import DEEPEST, MOST_NODES, MOST_VALUES, FbxArray, FbxNode

_TOKEN = re.compile(
    r"""
    (?P<blank> [\s,]+ | ;[^\n]* )
    | "(?P<text> [^"]* )"
    | (?P<name> [A-Za-z_][\w.|-]* )[ \t]*:
    | \*(?P<count> \d{1,10} )\s*\{\s*a:(?P<numbers> [^{}"]* )\}
    | (?P<mark> [{}] )
    | (?P<word> [^\s{},:";]+ )
    """,
    re.VERBOSE,
)
_WHOLE, _REAL = re.compile(r"[-+]?\d{1,19}"), re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")

#: The first lines state the version: FBXVersion: 7400
_VERSION = re.compile(r"^[ \t]*FBXVersion:[ \t]*(\d{1,6})\b", re.MULTILINE)


def is_text(head: str) -> bool:
    """Whether the first characters of a file are those of ASCII FBX."""
    start = head.lstrip("\ufeff \t\r\n")
    return start.startswith(("; FBX", "FBXHeaderExtension:"))


def text_version(content: str, path: Path) -> int:
    """The version of an ASCII file, e.g. 7400.

    Raises:
        UserError: It states none.
    """
    found = _VERSION.search(content)
    if found is None:
        raise UserError(
            f"{path}: states no FBXVersion, expected e.g. 'FBXVersion: 7400' in its "
            "FBXHeaderExtension; export the file again"
        )
    return int(found[1])


def parse_text(content: str, path: Path) -> FbxNode:
    """The nodes of an ASCII file, below a root without a name.

    Raises:
        UserError: What is no FBX, braces that do not match, nodes nested too deep, or too many.
    """
    root = FbxNode("")
    stack, current = [root], root
    at = nodes = values = 0

    def wrong(what: str) -> UserError:
        line = content.count("\n", 0, at) + 1
        return UserError(f"{path}: line {line}: {what}; the FBX file is damaged: export it again")

    while at < len(content):
        token = _TOKEN.match(content, at)
        if token is None:
            raise wrong(f"{content[at : at + 20]!r} is unexpected")
        kind = token.lastgroup
        if kind == "name":
            current = FbxNode(token["name"])
            stack[-1].children.append(current)
            nodes += 1
        elif token["mark"] == "{":
            if current is stack[-1] or len(stack) > DEEPEST:
                raise wrong("a brace without a node, or nodes that are nested too deep")
            stack.append(current)
        elif token["mark"] == "}":
            if len(stack) == 1:
                raise wrong("a brace is closed that was not opened")
            current = stack.pop()
        elif kind in ("text", "numbers", "word"):
            if current is stack[-1]:
                raise wrong(f"{token[0]!r:.40} stands outside of any node")
            current.values.append(_value(token))
            values += 1
        if nodes > MOST_NODES or values > MOST_VALUES:
            raise wrong(f"more than {MOST_NODES} nodes or {MOST_VALUES} values")
        at = token.end()
    if len(stack) > 1:
        raise wrong(f"node '{stack[-1].name}' is not closed")
    return root


def _value(token: re.Match[str]) -> Any:
    """int, float or str of a token, or an array."""
    if token["numbers"] is not None:
        return FbxArray(int(token["count"]), token["numbers"])
    if token["text"] is not None:
        return token["text"].replace("&quot;", '"')
    word = token["word"]
    if _WHOLE.fullmatch(word):
        return int(word)
    return float(word) if len(word) < 64 and _REAL.fullmatch(word) else word
