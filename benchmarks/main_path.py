"""The main path, measured from outside: start-up of the CLI, the default training cold and warm.

python benchmarks/main_path.py --out main_path.json            # warm only
python benchmarks/main_path.py --cold --out main_path.json     # also from an empty cache
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

CLI = [sys.executable, "-m", "avatar_kit.cli.main"]


def timed(command: list[str], env: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def start_up(env: dict[str, str]) -> dict[str, float]:
    """Best of seven, so that a busy moment does not count."""
    return {
        name: min(timed([*CLI, *words], env) for _ in range(7))
        for name, words in {"--help": ["--help"], "plugins": ["plugins"]}.items()
    }


def training(env: dict[str, str], words: list[str]) -> dict[str, float]:
    """One default training in a folder of its own."""
    folder = Path(tempfile.mkdtemp())
    run = folder / "run"
    try:
        seconds = timed([*CLI, "train", "--method", "ram", "--out", str(run), *words], env)
        log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        summary = json.loads((run / "summary.json").read_text())
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        return {
            "seconds": seconds,
            "loop_seconds": summary["seconds"],
            "loop_overhead": next(line["loop_overhead"] for line in log if "loop_overhead" in line),
            "peak_gib": peak,
            "psnr": summary["psnr"],
        }
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cold", action="store_true", help="also measure from an empty cache")
    parser.add_argument("--out", type=Path, help="write JSON here")
    parser.add_argument("words", nargs="*", help="key=value for the training")
    args = parser.parse_args()
    env = dict(os.environ)
    result: dict[str, dict[str, float]] = {"start_up": start_up(env)}
    if args.cold:
        with tempfile.TemporaryDirectory() as cache:
            result["train_cold"] = training({**env, "AVATAR_KIT_CACHE": cache}, args.words)
    training(env, [*args.words, "steps=2"])  # fills the cache
    result["train_warm"] = training(env, args.words)

    table = Table("what", "figure", "value")
    for what, figures in result.items():
        for figure, value in figures.items():
            table.add_row(what, figure, f"{value:.3f}")
    Console().print(table)
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
