"""How long `avatar-kit prepare` takes on a video, stage by stage, and what it reaches.

    python benchmarks/prepare.py me.mp4 [more.mp4 ...] --json prepare.json

Runs without the cache. The target is 5 minutes for 300 frames on 2 CPU cores.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from avatar_kit.tracking import Options, prepare_video


class Clock:
    """Seconds of each stage."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    def start(self, stage: str, total: int | None) -> None:
        self._stage, self._since = stage, time.perf_counter()

    def step(self, done: int) -> None:
        pass

    def finish(self, note: str, *, cached: bool = False) -> None:
        self.seconds[self._stage] = round(time.perf_counter() - self._since, 2)


def measure(video: Path) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        clock, since = Clock(), time.perf_counter()
        prepared = prepare_video(video, Path(folder) / "capture", Options(fresh=True), clock)
        seconds = time.perf_counter() - since
    return {
        "video": video.name,
        "seconds": round(seconds, 1),
        "stages": clock.seconds,
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "verdict": prepared.verdict,
        "figures": prepared.figures.rounded(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    results = [measure(video) for video in arguments.videos]
    table = Table("video", "frames", "total s", *results[0]["stages"], "GiB", "error %", "IoU")
    for r in results:
        figures = r["figures"]
        stages = [f"{s:.0f}" for s in r["stages"].values()]
        figure = (f"{figures['error']:.2f}", f"{figures['iou']:.2f}")
        table.add_row(
            r["video"], str(int(figures["frames"])), f"{r['seconds']:.0f}", *stages,
            f"{r['peak_gib']:.1f}", *figure,
        )  # fmt: skip
    Console().print(table, f"{os.cpu_count()} CPUs; target: 300 s for 300 frames on 2")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"cpus": os.cpu_count(), "results": results}, indent=2)
        )


if __name__ == "__main__":
    main()
