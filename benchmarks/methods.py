"""Training steps a second of every method at one size, and what caching saves of them.

python benchmarks/methods.py --size 256 --threads 2 --out methods.json

Three questions for each method. How long is a step? How much longer with bodies that are posed anew
for every step instead of kept in memory ("bodies anew")? And which share of it finds triangles
("visibility"): more than that, UV maps kept on disk could never save. Steps with kept and with new
bodies alternate, so that other work on the machine hits both.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from avatar_kit.cli.process import prepare_process

prepare_process()  # before torch is imported

import torch
from rich.console import Console
from rich.table import Table

from avatar_kit.config import parse_overrides, resolve_method
from avatar_kit.engine.device import seed_step
from avatar_kit.engine.frames import PosedFrames
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import Training, open_view, set_up
from avatar_kit.graphics import rasterizer
from avatar_kit.registry import catalog

#: Steps before the first that counts: methods may do something special in the first ones.
WARM = 20


class Stopwatch:
    """Seconds spent in a function of a module, while it stands in for it."""

    def __init__(self, module, name: str):
        self.seconds, self._inner = 0.0, getattr(module, name)
        setattr(module, name, self)

    def __call__(self, *args, **kwargs):
        started = time.perf_counter()
        try:
            return self._inner(*args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", action="append", help="left out: all")
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20, help="measured steps of either kind")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--data", default="{}", help="values of data, e.g. '{subject: ben}'")
    parser.add_argument("--out", type=Path, help="JSON file")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    watch = Stopwatch(rasterizer, "_draw")
    found = {}
    for name in arguments.method or catalog().names("method"):
        words = [f"size={arguments.size}", f"data={arguments.data}"]
        overrides = parse_overrides(words)
        config = resolve_method(name, preset=arguments.preset, overrides=overrides).config
        with tempfile.TemporaryDirectory() as folder:
            training = set_up(config, RunFolder(Path(folder)), open_view(config))
            found[name] = measure(training, arguments.steps, watch)
    show(found)
    if arguments.out:
        about = {k: str(v) for k, v in vars(arguments).items()}
        about["threads"] = torch.get_num_threads()
        arguments.out.write_text(json.dumps({"settings": about, "methods": found}, indent=1))


def measure(training: Training, steps: int, watch: Stopwatch) -> dict[str, float]:
    """Median milliseconds of steps with kept and with new bodies, and of visibility in a step."""
    frames, capture = training.frames, training.view.capture
    frames.posed.bodies(range(len(capture)))
    kept = frames.posed
    training.avatar.train()
    times: dict[str, list[float]] = {"kept": [], "anew": [], "visibility": []}
    for step in range(WARM + 2 * steps):
        how = ("kept", "anew")[step % 2]
        if how == "anew":
            frames.posed = PosedFrames(kept.body, capture.motion, training.avatar.shape)
            frames.posed.bodies([0])  # what the first frame alone has to do
        seed_step(training.config.seed, step)
        watch.seconds, started = 0.0, time.perf_counter()
        losses = training.update(training.read(step), step)
        float(next(iter(losses.values())))  # wait for the device
        elapsed = time.perf_counter() - started
        frames.posed = kept
        if step >= WARM:
            times[how].append(1000 * elapsed)
            times["visibility"].append(1000 * watch.seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def show(found: dict[str, dict[str, float]]) -> None:
    table = Table("method", "step", "steps/s", "bodies anew", "visibility", "share")
    for name, of in found.items():
        share = of["visibility"] / of["kept"]
        table.add_row(
            name,
            f"{of['kept']:.0f} ms",
            f"{1000 / of['kept']:.2f}",
            f"{of['anew'] / of['kept'] - 1:+.1%}",
            f"{of['visibility']:.1f} ms",
            f"{share:.1%}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
