"""Long runs, watched from outside: memory, open files, log and cache of real processes.

python benchmarks/soak.py --steps 10000 --frames 10000 --out soak.json

Trains a tiny avatar, renders a long motion with it, starts two trainings at once with an empty
cache, deletes the cache below a training, and fills the cache beyond its limit. Exit code 1 where
something grows or ends as it should not. Linux only: it reads /proc.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

#: Growth of memory after the first fifth of a run that counts as none, in MiB.
FLAT = 48
TINY = (
    *("--method", "splat", "size=64", "encoders.cloud.points=600", "encoders.cloud.hull=100"),
    *("evaluation.metrics=[psnr]", "evaluation.max_frames=4"),
)

console = Console()


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "avatar_kit.cli.main", *map(str, words)]


@contextmanager
def begun(log: Path, *words: object, **env: str) -> Iterator[subprocess.Popen]:
    """A command in a process of its own; what it says goes to a file."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command(*words), stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **env}
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def look(pid: int) -> dict[str, float]:
    """Resident memory in MiB and open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "seconds": time.monotonic(),
        "mib": int(resident.split()[1]) / 1024,
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def watched(process: subprocess.Popen, at_work: Callable[[], bool]) -> list[dict[str, float]]:
    """What a process takes, each second, from when it is at work to its end."""
    seen = []
    while process.poll() is None:
        try:
            if at_work():
                seen.append(look(process.pid))
        except (OSError, StopIteration):  # it ended between two looks
            break
        time.sleep(1.0)
    process.wait()
    return seen


def growth(seen: list[dict[str, float]]) -> dict[str, float]:
    """Medians of the second fifth and of the last but one: the middle, without start and end."""
    if not seen:
        return {}
    fifth = max(1, len(seen) // 5)

    def median(part: list[dict[str, float]], key: str) -> float:
        return sorted(one[key] for one in part)[len(part) // 2]

    early, late = seen[fifth : 2 * fifth] or seen, seen[3 * fifth : 4 * fifth] or seen
    return {
        "seconds": round(seen[-1]["seconds"] - seen[0]["seconds"], 1),
        "peak_mib": round(max(one["mib"] for one in seen), 1),
        "early_mib": round(median(early, "mib"), 1),
        "late_mib": round(median(late, "mib"), 1),
        "early_files": median(early, "files"),
        "late_files": median(late, "files"),
    }


def training(work: Path, capture: Path, steps: int) -> dict[str, Any]:
    run = work / "run"
    words = ("train", *TINY, "--data", capture, "--out", run, f"steps={steps}")
    with begun(work / "train.log", *words, "checkpoint.every=1000") as process:
        found = growth(watched(process, (log := run / "log.jsonl").exists))
    if process.returncode:
        return {**found, "exit": process.returncode, "good": False}
    size, lines = log.stat().st_size, len(log.read_text().splitlines())
    found |= {"steps": steps, "exit": process.returncode, "log_bytes_a_step": size / steps}
    found |= {"log_lines": lines, "checkpoints": len(list((run / "checkpoints").iterdir()))}
    flat = found["late_mib"] - found["early_mib"] < FLAT
    found["good"] = (
        process.returncode == 0 and flat and found["late_files"] <= found["early_files"] + 2
    )
    return found


def rendering(work: Path, frames: int) -> dict[str, Any]:
    from avatar_kit.io import load_motion, save_motion

    if not (work / "run" / "summary.json").exists():
        return {"good": False, "why": "nothing was trained to render"}
    motion = load_motion(work / "run" / "training_motion.npz")
    long = work / "long.npz"
    save_motion(long, motion[[k % len(motion) for k in range(frames)]])
    words = ("render", work / "run", "--motion", long, "--out", work / "long.mp4")
    with begun(work / "render.log", *words) as process:
        found = growth(watched(process, lambda: any(work.glob(".long*"))))
    found |= {"frames": frames, "exit": process.returncode}
    flat = found["late_mib"] - found["early_mib"] < FLAT
    found["good"] = (
        process.returncode == 0 and flat and found["late_files"] <= found["early_files"] + 2
    )
    return found


def two_first_starts(work: Path) -> dict[str, Any]:
    """Two trainings of the studio with one empty cache, each in a folder of its own; two in one."""
    film = ("data.frames=8", "data.test_frames=4", "data.supersample=1", "steps=4")
    ends = {}
    for name, outs in (("own folders", ("a", "b")), ("one folder", ("c", "c"))):
        cache = work / f"cache of {name}"
        words = [("train", *TINY, *film, "--out", work / out) for out in outs]
        logs = [work / f"{name} {k}.log" for k in range(2)]
        with (
            begun(logs[0], *words[0], AVATAR_KIT_CACHE=str(cache)) as one,
            begun(logs[1], *words[1], AVATAR_KIT_CACHE=str(cache)) as other,
        ):
            ends[name] = sorted([one.wait(), other.wait()])
        ends[f"{name}, tracebacks"] = sum("Traceback" in log.read_text() for log in logs)
    good = ends["own folders"] == [0, 0] and ends["one folder"] == [0, 2]
    tracebacks = ends["own folders, tracebacks"] + ends["one folder, tracebacks"]
    return {**ends, "good": good and not tracebacks}


def deleted_cache(work: Path, capture: Path) -> dict[str, Any]:
    """The cache is deleted while a training runs."""
    cache, run, log = work / "cache", work / "below", work / "below.log"
    words = ("train", *TINY, "--data", capture, "--out", run, "steps=60", "report_every=1")
    with begun(log, *words, AVATAR_KIT_CACHE=str(cache)) as process:
        while process.poll() is None and not (run / "log.jsonl").exists():
            time.sleep(0.05)
        shutil.rmtree(cache, ignore_errors=True)
        process.wait()
    traceback = "Traceback" in log.read_text()
    return {"exit": process.returncode, "good": process.returncode == 0 and not traceback}


def limited_cache(work: Path, captures: int = 4) -> dict[str, Any]:
    """Decoded frames of several captures stay below the limit, but for the one in use."""
    from avatar_kit.testing.capture import small_capture

    cache, limit = work / "small cache", 256 * 1024
    env = {"AVATAR_KIT_CACHE": str(cache), "AVATAR_KIT_CACHE_GIB": str(limit / 2**30)}
    sizes, codes = [], []
    for k in range(captures):
        capture = small_capture(work / f"capture {k}", frames=8 + k).root
        words = ("train", *TINY, "--data", capture, "--out", work / f"run {k}", "steps=2")
        with begun(work / f"limited {k}.log", *words, **env) as process:
            codes.append(process.wait())
        sizes.append(sum(f.stat().st_size for f in (cache / "frames").rglob("*") if f.is_file()))
    entries = len(list((cache / "frames").iterdir()))
    good = not any(codes) and (sizes[-1] <= limit or entries == 1)
    return {"limit": limit, "bytes_after_each": sizes, "entries": entries, "good": good}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--steps", type=int, default=10_000)
    options.add_argument("--frames", type=int, default=10_000)
    options.add_argument("--only", nargs="*", help="Parts to do; left out: all.")
    options.add_argument("--out", type=Path, help="Where to write the figures as JSON.")
    chosen = options.parse_args()
    from avatar_kit.testing.capture import small_capture

    with tempfile.TemporaryDirectory(prefix="avatar-kit-soak-") as folder:
        work = Path(folder)
        capture = small_capture(work / "capture", frames=16).root
        parts = {
            "training": lambda: training(work, capture, chosen.steps),
            "rendering": lambda: rendering(work, chosen.frames),
            "two first starts": lambda: two_first_starts(work),
            "deleted cache": lambda: deleted_cache(work, capture),
            "limited cache": lambda: limited_cache(work),
        }
        found = {}
        for name, part in parts.items():
            if chosen.only and name not in chosen.only:
                continue
            found[name] = part()
            console.print(name, found[name])
            if not found[name]["good"]:
                for log in sorted(work.glob("*.log"), key=lambda path: path.stat().st_mtime)[-2:]:
                    console.print(f"{log.name}: {log.read_text()[-1500:]}", markup=False)
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=1))
    sys.exit(not all(part["good"] for part in found.values()))


if __name__ == "__main__":
    main()
