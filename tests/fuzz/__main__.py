"""``python -m tests.fuzz --cases 20000 --seed 7 [--kind config] [--only NUMBER]``."""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import signal
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

#: Kinds whose cases take long -> rounds of all kinds in which they are there once.
_RARE = {"setup": 40, "people": 4, "recording": 2, "drive": 2}

#: Rounds until all begins again.
_ROUNDS = 40

#: What a case may allocate beside what is there.
_MEMORY_GIB = 3

_COLUMNS = ("cases", "refused", "accepted", "traceback", "hang", "left-over", "slowest s")


def _arguments(kinds: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="How many in all.")
    parser.add_argument("--seed", type=int, default=0, help="Other cases for another seed.")
    parser.add_argument("--kind", choices=kinds, action="append", help="This kind alone.")
    parser.add_argument("--only", type=int, help="The one case of this number, with its message.")
    return parser.parse_args()


def main() -> int:
    """Run the cases and print a table; 1 where one did not end as it must."""
    with tempfile.TemporaryDirectory(prefix="avatar-kit-fuzz-") as root:
        os.environ.setdefault("AVATAR_KIT_CACHE", f"{root}/cache")
        os.environ.setdefault("COLUMNS", "200")
        from tests.fuzz.kinds import KINDS
        from tests.fuzz.running import ended
        from tests.fuzz.world import World

        given = _arguments(list(KINDS))
        kinds, world = given.kind or list(KINDS), World(Path(root) / "world")
        assert world.run.is_dir()
        _limit_memory()
        count: dict[str, dict[str, float]] = {k: defaultdict(float) for k in kinds}
        causes: dict[str, list[str]] = {}
        round_ = [k for i in range(_ROUNDS) for k in kinds if i % _RARE.get(k, 1) == 0]
        ending_early: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _: ending_early.append(number))
        for number, kind in zip(range(given.cases), itertools.cycle(round_), strict=False):
            if ending_early:
                break
            if given.only not in (None, number):
                continue
            ending = ended(kind, f"{given.seed}-{kind}-{number}", world, Path(root) / "case")
            row = count[kind]
            row["cases"] += 1
            row[ending.how] += 1
            row["slowest s"] = max(row["slowest s"], ending.seconds)
            if ending.bad and ending.cause not in causes:
                causes[ending.cause] = [f"--kind {kind} --only {number}", ending.how, ending.text]
                _show(ending.cause, causes[ending.cause], given)
            elif given.only is not None:
                print(ending.how, ending.text)
            if number and number % 1000 == 0:
                print(f"{number} cases, {len(causes)} distinct failures", flush=True)
        _table(count)
        print(f"\n{len(causes)} distinct failures")
        return 1 if causes else 0


def _limit_memory() -> None:
    """Make whoever asks for more memory than any case needs an error instead of a dead machine."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (_MEMORY_GIB << 30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _show(cause: str, found: list[str], given: argparse.Namespace) -> None:
    kinds = " ".join(f"--kind {k}" for k in given.kind or [])
    again = found[0].split("--only")[1]
    print(f"\n{found[1]}: {cause}")
    print(f"  python -m tests.fuzz --cases {given.cases} --seed {given.seed} {kinds} --only{again}")
    print("  " + "\n  ".join(found[2].strip().splitlines()[-14:]), flush=True)


def _table(count: dict[str, dict[str, float]]) -> None:
    total: dict[str, float] = defaultdict(float)
    for row in count.values():
        for column in _COLUMNS:
            total[column] = (max if column[-1:] == "s" and "slow" in column else _sum)(
                total[column], row[column]
            )
    print(f"\n| {'kind':<10} | " + " | ".join(_COLUMNS) + " |\n|---|" + "---|" * len(_COLUMNS))
    for kind, row in {**count, "all": total}.items():
        cells = [f"{row[c]:.2f}" if c == "slowest s" else f"{row[c]:.0f}" for c in _COLUMNS]
        print(f"| {kind:<10} | " + " | ".join(cells) + " |")


def _sum(a: float, b: float) -> float:
    return a + b


if __name__ == "__main__":
    sys.exit(main())
