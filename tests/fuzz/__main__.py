"""``python -m tests.fuzz --cases 20000 --seed 7 [--kind config] [--only NUMBER]``."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.fuzz import part
from tests.fuzz.kinds import KINDS

#: Kinds whose cases take long -> rounds of all kinds in which they are there once.
_RARE = {"setup": 40, "people": 4, "recording": 2, "drive": 2}

#: Rounds until all begins again.
_ROUNDS = 40

#: Cases of one process.
_PART = 2000

_COLUMNS = ("cases", "refused", "accepted", "traceback", "crash", "hang", "left-over", "slowest s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="How many in all.")
    parser.add_argument("--seed", type=int, default=0, help="Other cases for another seed.")
    parser.add_argument("--kind", choices=KINDS, action="append", help="This kind only.")
    parser.add_argument("--only", type=int, help="The one case of this number, with its message.")
    parser.add_argument("--part", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run the cases and print a table; 1 where one did not end as it must."""
    given = _arguments()
    kinds = given.kind or list(KINDS)
    order = [k for i in range(_ROUNDS) for k in kinds if given.kind or i % _RARE.get(k, 1) == 0]
    if given.part:
        part.run(given.seed, order, range(*given.part))
    wanted = range(given.cases) if given.only is None else range(given.only, given.only + 1)
    count: dict[str, dict[str, float]] = {kind: defaultdict(float) for kind in kinds}
    causes: dict[str, list[str]] = {}
    began = time.monotonic()
    for number, found in _endings(given, order, wanted):
        row = count[found["kind"]]
        row["cases"] += 1
        row[found["how"]] += 1
        row["slowest s"] = max(row["slowest s"], found["seconds"])
        if found["how"] not in ("accepted", "refused"):
            again = causes.setdefault(found["cause"], [])
            again.append(f"--only {number}")
            if len(again) == 1:
                _show(found, given, again[0])
        elif given.only is not None:
            print(found["how"], found["text"])
        if number and number % 1000 == 0:
            minutes = (time.monotonic() - began) / 60
            print(f"{number} cases, {minutes:.0f} min, {len(causes)} distinct failures", flush=True)
    _table(count)
    print(f"\n{len(causes)} distinct failures")
    for cause, again in causes.items():
        print(f"  {len(again)} x {cause}: {', '.join(again[:3])}")
    return 1 if causes else 0


def _endings(
    given: argparse.Namespace, order: list[str], wanted: range
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The cases with how they ended; one that ends its process is a crash."""
    first = wanted.start
    words = [sys.executable, "-m", "tests.fuzz", "--seed", str(given.seed)]
    words += [word for kind in given.kind or [] for word in ("--kind", kind)]
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ending.append(number))
    while first < wanted.stop and not ending:
        last, begun, ended = min(first + _PART, wanted.stop), None, True
        with tempfile.TemporaryFile("w+") as said:
            child = subprocess.Popen(
                [*words, "--part", str(first), str(last)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True,
            )  # fmt: skip
            for line in child.stdout or ():
                found = json.loads(line)
                ended = "begun" not in found
                if ended:
                    assert begun is not None
                    yield begun, found
                else:
                    begun = found["begun"]
                if ending:
                    child.terminate()
                    break
            child.wait()
            said.seek(0)
            text = said.read()[-3000:]
        if begun is None:
            raise SystemExit(f"no case was begun: {text}")
        if not ended and not ending:
            how = f"exit code {child.returncode} {text}"
            kind, frames = order[begun % len(order)], [t for t in text.splitlines() if "File" in t]
            cause = f"crash {child.returncode} {(frames or [''])[0].strip()}"
            yield (
                begun,
                {"kind": kind, "how": "crash", "seconds": 0.0, "cause": cause, "text": how},
            )
        first = begun + 1


def _show(found: dict[str, Any], given: argparse.Namespace, again: str) -> None:
    kinds = " ".join(f"--kind {k}" for k in given.kind or [])
    print(f"\n{found['how']} ({found['kind']}): {found['cause']}")
    print(f"  python -m tests.fuzz --cases {given.cases} --seed {given.seed} {kinds} {again}")
    print("  " + "\n  ".join(found["text"].strip().splitlines()[-14:]), flush=True)


def _table(count: dict[str, dict[str, float]]) -> None:
    total: dict[str, float] = defaultdict(float)
    for row in count.values():
        for column in _COLUMNS:
            both = total[column], row[column]
            total[column] = max(both) if column == "slowest s" else sum(both)
    print(f"\n| {'kind':<11} | " + " | ".join(_COLUMNS) + " |\n|---|" + "---|" * len(_COLUMNS))
    for kind, row in {**count, "all": total}.items():
        cells = [f"{row[c]:.1f}" if c == "slowest s" else f"{row[c]:.0f}" for c in _COLUMNS]
        print(f"| {kind:<11} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    sys.exit(main())
