"""Changing what is right: plain values, bytes, lines of text, and what lies at a path."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

HUGE = [2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400]
NUMBERS = [0, 1, -1, 2, 3, 7, 0.5, -0.0, 1e-320, 1e-9, 1e9, 1e38, 1e308, -1e308, 0.1 + 0.2]
ODD = [float("nan"), float("inf"), -float("inf"), True, False, None]
WORDS = [
    "", " ", "x", "auto", "none", "null", "nan", "1e400", "0x10", "2001-99-99", "2001-01-01", "~",
    "a\0b", "\ud800", "ünïcode", "x" * 300, "../..", ".", "/", "/dev/zero", "/dev/stdin", "/etc",
    "-1", "1_000", "%s%n", "{}", "[]", "[red]", "a b", "ram", "splat", "capture", "studio", "\n",
]  # fmt: skip

YAML = [
    "!!python/object/apply:os.system ['true']", "&a [*a]", "&a {b: *a}", "2001-99-99", "!!int x",
    "!!float y", "!!bool z", "!!timestamp q", "!!binary '???'", "!!set {a, b}", "? [1, 2]\n: 3",
    "<<: *nobody", "[" * 3000, "{a: " * 500, "- " * 2000, "1:30:99", "? ", "a: 1\na: 2", "%YAML 9",
    "&a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]"
    "\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]", "9" * 5000, "\t",
]  # fmt: skip


def hostile(random: Random, depth: int = 0) -> Any:
    """A plain value, often one that no key takes."""
    kind = random.random()
    if kind < 0.3:
        return random.choice(NUMBERS)
    if kind < 0.4:
        return random.choice(HUGE)
    if kind < 0.55:
        return random.choice(ODD)
    if kind < 0.8 or depth > 3:
        return random.choice(WORDS)
    if kind < 0.9:
        return [hostile(random, depth + 1) for _ in range(random.randrange(5))]
    if kind < 0.98:
        return {
            str(random.choice(WORDS)): hostile(random, depth + 1)
            for _ in range(random.randrange(4))
        }
    deep: Any = 1
    for _ in range(random.choice([20, 60, 300])):
        deep = [deep] if random.random() < 0.5 else {"a": deep}
    return deep


def structure(random: Random, data: Any, times: int = 3) -> Any:
    """A copy of nested plain values in which one to ``times`` things are changed."""
    data = copy.deepcopy(data)
    for _ in range(random.choice([1, 1, 1, times])):
        places = list(_places(data))
        if not places:
            return hostile(random)
        owner, key = random.choice(places)
        change(random, owner, key)
    return data


def _places(data: Any) -> Any:
    pairs = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in list(pairs):
        yield data, key
        yield from _places(value)


def change(random: Random, owner: Any, key: Any) -> None:
    """Change the value at a key of a mapping or a list, or the key."""
    value, kind = owner[key], random.randrange(9)
    if kind == 0:
        del owner[key]
    elif kind == 1 and isinstance(owner, dict):
        owner[misspelt(random, str(key))] = owner.pop(key)
    elif kind == 2 and isinstance(owner, dict):
        owner[random.choice(WORDS)] = hostile(random)
    elif kind == 3:
        owner[key] = [value] if random.random() < 0.5 else {"a": value}
    elif kind == 4:
        owner[key] = str(value)
    elif kind == 5 and isinstance(value, int | float) and abs(value) < 2**64:
        owner[key] = value * random.choice([-1, 0, 10, 1e3, 1e6, 1e30, 0.1])
    elif kind == 6 and isinstance(owner, list):
        owner.insert(key, copy.deepcopy(value))
    else:
        owner[key] = hostile(random)


def misspelt(random: Random, word: str) -> str:
    """A word with one letter exchanged, left out or doubled."""
    at = random.randrange(max(1, len(word)))
    return word[:at] + random.choice(["", word[at : at + 1] * 2, "x", "\0"]) + word[at + 1 :]


def octets(random: Random, data: bytes) -> bytes:
    """Bytes that are damaged in one to four places."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        # the beginning, where headers are, is hit as often as the rest
        span = min(len(changed), 256) if random.random() < 0.5 else len(changed)
        at, kind = random.randrange(max(1, span)), random.randrange(7)
        if kind == 0:
            del changed[at:]
        elif kind == 1 and changed:
            changed[at % len(changed)] ^= 1 << random.randrange(8)
        elif kind == 2:
            changed[at : at + 4] = random.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
        elif kind == 3:
            changed[at:at] = random.randbytes(random.choice([1, 8, 100]))
        elif kind == 4:
            del changed[at : at + random.choice([1, 4, 50, 5000])]
        elif kind == 5:
            changed[at : at + 8] = random.choice([2**63 - 1, 2**40, 10**9]).to_bytes(8, "little")
        else:
            changed[at : at + 64] = changed[at : at + 64] * 2
    return bytes(changed)


def lines(random: Random, text: str) -> str:
    """Text in which one to three lines or words are changed."""
    found = text.split("\n")
    for _ in range(random.randint(1, 3)):
        at, kind = random.randrange(len(found)), random.randrange(6)
        words = found[at].split(" ")
        if kind == 0:
            del found[at]
            found = found or [""]
        elif kind == 1:
            found.insert(at, found[random.randrange(len(found))])
        elif kind == 2:
            words[random.randrange(len(words))] = str(hostile(random, 9))
            found[at] = " ".join(words)
        elif kind == 3:
            found[at] = found[at][: random.randrange(len(found[at]) + 1)]
        elif kind == 4:
            found[at] = random.choice(YAML)
        else:
            found = found[: at + 1]
    return "\n".join(found)


def place(random: Random, path: Path) -> str:
    """Put something else where a file or a folder is; says what."""
    kind = random.choice(["gone", "folder", "pipe", "loop", "empty", "zero", "closed", "dangling"])
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif kind != "closed":
        path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "empty":
        path.touch()
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "closed" and path.exists():
        path.chmod(0)
    return kind
