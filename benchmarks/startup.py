"""How long ``avatar-kit --help`` takes with 30 plugins installed beside ours.

    python benchmarks/startup.py [--plugins 30] [--runs 9]

The plugins are written by ``avatar-kit plugins new``, one of each kind in turn, into a folder that
only these runs see. The promise is 0.7 s for ``--help``; ``plugins list``, which reads all of them,
is timed beside it. Exit code 1 where the promise does not hold.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from avatar_kit.registry import KINDS
from avatar_kit.scaffold import new_project

PROMISE = 0.7


def install(count: int, folder: Path) -> list[str]:
    """Put ``count`` plugins where Python and entry points find them; returns their names."""
    kinds = list(KINDS)
    names = []
    for i in range(count):
        name = f"bench{i:02d}"
        project = new_project(name, kinds[i % len(kinds)], folder)
        (project / f"avatar_kit_{name}").rename(folder / f"avatar_kit_{name}")
        facts = folder / f"avatar_kit_{name}-0.1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: avatar-kit-{name}\nVersion: 0.1.0\n"
        )
        (facts / "entry_points.txt").write_text(
            f"[avatar_kit]\n{name} = avatar_kit_{name}.plugin\n"
        )
        names.append(name)
    return names


def seconds(words: list[str], folder: Path, runs: int) -> tuple[float, float, str]:
    """Median wall and processor time of a command in a process of its own, and its output."""
    env = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    times, work, text = [], [], ""
    for _ in range(runs + 1):
        started, before = time.perf_counter(), os.times()
        done = subprocess.run(
            [sys.executable, "-m", "avatar_kit.cli.main", *words],
            capture_output=True,
            text=True,
            env=env,
            check=True,
        )
        times.append(time.perf_counter() - started)
        after = os.times()
        work.append(sum(after[2:4]) - sum(before[2:4]))  # of the children alone
        text = done.stdout
    # the first run fills the caches of files
    return statistics.median(times[1:]), statistics.median(work[1:]), text


def main() -> int:
    """Time the commands and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plugins", type=int, default=30)
    parser.add_argument("--runs", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = install(asked.plugins, folder)
        subprocess.run([sys.executable, "-m", "compileall", "-q", folder], check=True)
        took, work, _ = seconds(["--help"], folder, asked.runs)
        print(f"{asked.plugins} more plugins; wall and processor time, promised {PROMISE} s")
        print(f"avatar-kit --help        {took:.3f} s  {work:.3f} s")
        listed, work, text = seconds(["plugins", "list"], folder, asked.runs)
        missing = [name for name in names if name not in text or "failed" in text]
        print(f"avatar-kit plugins list  {listed:.3f} s  {work:.3f} s")
        if missing:
            print(f"did not load: {missing}")
    return int(took > PROMISE or bool(missing))


if __name__ == "__main__":
    sys.exit(main())
