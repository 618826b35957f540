"""A part of the cases, in a process of its own: what ends the process ends no more than a case."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import sys
import tempfile
from pathlib import Path

#: What a case may allocate beside what is there.
_MEMORY_GIB = 3


def run(seed: int, kinds: list[str], numbers: range) -> None:
    """Run cases and print a line of JSON before and after each.

    Args:
        seed: Of all of them.
        kinds: The kind of each case, over and over.
        numbers: Of the cases.
    """
    faulthandler.enable()
    told = os.fdopen(os.dup(1), "w")  # cases may close or change what they print to
    with tempfile.TemporaryDirectory(prefix="avatar-kit-fuzz-") as root:
        os.environ.setdefault("AVATAR_KIT_CACHE", f"{root}/cache")
        os.environ["COLUMNS"] = "200"
        from tests.fuzz.running import ended
        from tests.fuzz.world import World

        world = World(Path(root) / "world")
        assert world.run.is_dir()
        _limit_memory()
        for number in numbers:
            kind = kinds[number % len(kinds)]
            print(json.dumps({"begun": number}), file=told, flush=True)
            case = kind, f"{seed}-{kind}-{number}", world, Path(root) / "case"
            ending = ended(*case)
            if ending.how == "hang":  # or other work on the machine was in the way
                ending = ended(*case)
            found = {"kind": kind, "how": ending.how, "seconds": ending.seconds}
            found |= {"cause": ending.cause, "text": ending.text}
            found = {k: v.replace(root, "") if isinstance(v, str) else v for k, v in found.items()}
            print(json.dumps(found), file=told, flush=True)
    sys.exit(0)


def _limit_memory() -> None:
    """Make whoever asks for more memory than any case needs an error instead of a dead machine."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (_MEMORY_GIB << 30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
