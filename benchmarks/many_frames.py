"""What more frames, and more cameras, cost a training: seconds to begin, time of a step, memory.

    python benchmarks/many_frames.py --frames 240 2400 24000 100000 --out many_frames.json
    python benchmarks/many_frames.py --frames 240 2400 --cameras 6

The training frames of the embedded capture, again and again: every entry has a pose, masks and
pictures as in a real capture, but they come from the same few files, so no disk is filled. Every
number of frames has a process of its own, in which the method is set up with an empty cache of
decoded frames and takes --steps steps. Exit code 1 where memory grows by more than --allowed bytes
for each frame and camera. Linux only: it reads /proc.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from avatar_kit.cli.process import prepare_process

prepare_process()  # before torch is imported

from rich.console import Console
from rich.table import Table

from avatar_kit.capture import Capture, CaptureView, Pictures
from avatar_kit.capture.record import CaptureRecord
from avatar_kit.config import resolve_method
from avatar_kit.engine.ahead import ReadAhead
from avatar_kit.engine.assemble import load_class
from avatar_kit.engine.choosing import data_values
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import set_up

#: Steps that are not timed: the first ones compile and fill caches.
WARM_UP = 5


class Repeated(Pictures):
    """The first pictures of a capture, over and over."""

    def __init__(self, own: Pictures, count: int):
        self.own, self.count = own, count

    def images(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        return self.own.images(camera, (frame % self.count for frame in frames))

    def masks(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        return self.own.masks(camera, (frame % self.count for frame in frames))

    def plate(self, camera: str) -> np.ndarray | None:
        return self.own.plate(camera)

    def files(self) -> Iterator[Path]:
        return self.own.files()


def repeated(capture: Capture, frames: int) -> Capture:
    """The clip that a capture is trained on, again and again."""
    (first, end), train = capture.clips_of("train")[0], capture.splits["train"]
    assert first == 0, "the clip of the training comes first"
    starts = range(0, frames, end)
    record = CaptureRecord.model_validate(
        capture.record.model_dump()
        | {
            "frames": frames,
            "clips": [(start, min(start + end, frames)) for start in starts],
            "splits": {"train": {"frames": range(frames), "cameras": train.cameras}},
        }
    )
    motion = capture.motion[np.arange(frames) % end]
    return Capture(capture.root, record, motion, Repeated(capture.pictures, end))


def status(field: str) -> float:
    """MiB of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def measure(given: argparse.Namespace, frames: int) -> dict[str, float]:
    """One training in this process."""
    values = data_values(f"studio cameras={given.cameras} held_out=0") | {"seed": 0}
    config = resolve_method(given.method, preset="demo", overrides=values).config
    capture = repeated(load_class("dataset", config.data)(config.data).open(config.size), frames)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        view = CaptureView(capture, config.size)
        opened = time.perf_counter()
        training = set_up(config, RunFolder(Path(folder)), view)
        ready, before = time.perf_counter(), status("VmRSS")
        taken: list[float] = []
        with ReadAhead(training.read, given.steps + WARM_UP) as reading:
            for step in range(given.steps + WARM_UP):
                started = time.perf_counter()
                training.update(reading.get(step), step)
                taken.append(time.perf_counter() - started)
    return {
        "masks_s": opened - began,
        "set_up_s": ready - opened,
        "step_ms": 1e3 * statistics.median(taken[WARM_UP:]),
        "begun_mib": before,
        "peak_mib": status("VmHWM"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", default="splat")
    parser.add_argument("--frames", type=int, nargs="+", default=[240, 2400, 24_000, 100_000])
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--allowed", type=float, default=8192, help="bytes for each frame")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(measure(given, given.one)))
        return
    words = [sys.executable, __file__, "--method", given.method, "--cameras", str(given.cameras)]
    found: dict[int, dict[str, float]] = {}
    for frames in given.frames:
        line = [*words, "--steps", str(given.steps), "--one", str(frames)]
        done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
        found[frames] = json.loads(done.stdout.splitlines()[-1])
    least, most = min(found), max(found)
    entries = max(1, (most - least) * given.cameras)
    grown = (found[most]["peak_mib"] - found[least]["peak_mib"]) * 2**20 / entries
    columns = list(next(iter(found.values())))
    table = Table("frames", *columns, title=f"{given.method}, {given.cameras} cameras")
    for frames, figures in found.items():
        table.add_row(str(frames), *(f"{figures[name]:.1f}" for name in columns))
    console = Console()
    console.print(table)
    console.print(
        f"memory: {grown:.0f} bytes for each frame and camera, {given.allowed:.0f} allowed"
    )
    if given.out:
        machine = {"cores": os.cpu_count(), "method": given.method, "cameras": given.cameras}
        record = {"machine": machine, "frames": found, "bytes_per_entry": grown}
        given.out.write_text(json.dumps(record, indent=1))
    sys.exit(int(grown > given.allowed))


if __name__ == "__main__":
    main()
