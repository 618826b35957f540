"""RAM-Avatar's ablations: variants x seeds, each a plain training; mean and spread as a table.

python benchmarks/ablate.py --out runs/ablation                                # as in the paper
python benchmarks/ablate.py --out runs/small --size 128 --steps 800 --workers 2 --threads 1 \\
    encoders.body.size=256 renderer.channel_multiplier=0.25

Words of the form key=value go to every training. Run it again to go on: what is finished is kept,
what was interrupted is resumed, what failed is tried again. Writes OUT/ablation.json and
OUT/ablation.md; every run's own log is OUT/VARIANT-SEED.log.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

#: Name -> what differs from the full method. With both branches off, the attentive texture is the
#: plain neural texture, bit for bit.
VARIANTS: dict[str, tuple[str, ...]] = {
    "full": (),
    "first form": (
        "encoders.body.spatial=false",
        "encoders.body.temporal=false",
        "loss.adversarial=0",
        "loss.hand=0",
    ),
    "without spatial": ("encoders.body.spatial=false",),
    "without temporal": ("encoders.body.temporal=false",),
    "without face": ("encoders.face=null",),
    "without hands": ("encoders.hands=null", "loss.hand=0"),
    "without discriminator": ("loss.adversarial=0",),
}


def main() -> int:
    arguments = parse()
    console = Console()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    keep_settings(out, settings(arguments))
    jobs = [(variant, seed) for seed in arguments.seeds for variant in arguments.only]
    failed = []
    writing = threading.Lock()

    def work(job: tuple[str, int]) -> None:
        variant, seed = job
        outcome = train(out, variant, seed, arguments)
        if outcome == "failed":
            failed.append(job)
        console.print(f"{variant}, seed {seed}: {outcome}", highlight=False)
        with writing:
            write(out, collect(out, arguments.only, arguments.seeds))

    with ThreadPoolExecutor(arguments.workers) as pool:
        list(pool.map(work, jobs))
    console.print((out / "ablation.md").read_text(), highlight=False)
    for variant, seed in failed:
        console.print(f"[red]failed:[/] {variant}, seed {seed}: {log_file(out, variant, seed)}")
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and the table")
    parser.add_argument("--data", default="studio", help="capture folder or dataset")
    parser.add_argument("--preset", default="paper", help="preset of the method ram")
    parser.add_argument("--size", type=int, help="pixels; left out: the preset's")
    parser.add_argument("--steps", type=int, help="steps; left out: the preset's")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2], help="such as 0,1,2")
    only = "train this variant; may be repeated; left out: all of them"
    parser.add_argument("--only", action="append", choices=list(VARIANTS), help=only)
    parser.add_argument("--threads", type=int, help="CPU threads of a training")
    parser.add_argument("--workers", type=int, default=1, help="trainings at the same time")
    parser.add_argument("words", nargs="*", metavar="key=value", help="values for every training")
    arguments = parser.parse_intermixed_args()
    arguments.only = arguments.only or list(VARIANTS)
    return arguments


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def settings(arguments: argparse.Namespace) -> dict:
    """What must be equal for runs to stand in one table."""
    sized = [f"{k}={v}" for k in ("size", "steps") if (v := getattr(arguments, k)) is not None]
    words = [*sized, *arguments.words]
    return {"data": arguments.data, "preset": arguments.preset, "words": words}


def keep_settings(out: Path, wanted: dict) -> None:
    """Write the settings, or refuse a folder that was made with others."""
    file = out / "settings.json"
    if file.exists() and json.loads(file.read_text()) != wanted:
        sys.exit(f"{file}: made with other settings; choose another --out")
    file.write_text(json.dumps(wanted, indent=1))


def run_folder(out: Path, variant: str, seed: int) -> Path:
    return out / f"{variant.replace(' ', '-')}-{seed}"


def log_file(out: Path, variant: str, seed: int) -> Path:
    return run_folder(out, variant, seed).with_suffix(".log")


def train(out: Path, variant: str, seed: int, arguments: argparse.Namespace) -> str:
    """One training in a process of its own: "kept", "trained" or "failed"."""
    run = run_folder(out, variant, seed)
    if (run / "summary.json").exists():
        return "kept"
    about = settings(arguments)
    if any(run.glob("checkpoints/step-*")):
        words = ["--resume", str(run)]
    else:
        shutil.rmtree(run, ignore_errors=True)
        words = ["--method", "ram", "--preset", about["preset"], "--data", about["data"]]
        words += ["--out", str(run), f"seed={seed}", *about["words"], *VARIANTS[variant]]
    env = dict(os.environ)
    if arguments.threads:
        env |= {k: str(arguments.threads) for k in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    with log_file(out, variant, seed).open("a") as log:
        command = [sys.executable, "-m", "avatar_kit.cli.main", "train", *words]
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=env, check=False)
    return "trained" if (run / "summary.json").exists() else "failed"


def collect(out: Path, variants: list[str], seeds: list[int]) -> dict:
    """Figures of the finished runs.

    Returns:
        ``{"settings", "protocol", "variants": {name: {"seeds": [...], "seconds": [...], "splits":
        {split: {region: {metric: {"mean", "spread", "values", "to_full"}}}}}}}``. ``spread`` is
        the standard deviation over seeds; ``to_full`` the mean difference to the full method with
        the same seed, and its spread.
    """
    found: dict[str, dict[int, dict]] = {}
    protocol = None
    for variant in variants:
        for seed in seeds:
            run = run_folder(out, variant, seed)
            if not (run / "summary.json").exists():
                continue
            test = json.loads((run / "eval" / "test.json").read_text())
            protocol = test["protocol"]
            summary = json.loads((run / "summary.json").read_text())
            found.setdefault(variant, {})[seed] = {
                "seconds": summary["seconds"],
                "figures": figures(test),
            }
    full = found.get("full", {})
    return {
        "settings": json.loads((out / "settings.json").read_text()),
        "protocol": protocol,
        "variants": {name: summarise(runs, full) for name, runs in found.items()},
    }


def figures(test: dict) -> dict[tuple[str, str, str], float]:
    """(split, region, metric) -> value of one run; metrics that are n/a are left out."""
    values = {}
    for split, scores in test["splits"].items():
        for metric in test["protocol"]["metrics"]:
            regions = {"full": scores, "person": scores["person"]}
            for region, found in regions.items():
                if found[metric] is not None:
                    values[split, region, metric] = found[metric]
    return values


def summarise(runs: dict[int, dict], full: dict[int, dict]) -> dict:
    """Mean and spread of a variant over its seeds."""
    splits: dict = {}
    for key in next(iter(runs.values()))["figures"]:
        split, region, metric = key
        values = {seed: run["figures"][key] for seed, run in runs.items() if key in run["figures"]}
        shared = [values[s] - full[s]["figures"][key] for s in values if s in full]
        entry = {**mean_and_spread(list(values.values())), "values": list(values.values())}
        if shared:
            entry["to_full"] = mean_and_spread(shared)
        splits.setdefault(split, {}).setdefault(region, {})[metric] = entry
    seconds = [run["seconds"] for run in runs.values()]
    return {"seeds": list(runs), "seconds": seconds, "splits": splits}


def mean_and_spread(values: list[float]) -> dict[str, float | None]:
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "spread": spread}


def write(out: Path, table: dict) -> None:
    """``ablation.json`` and ``ablation.md``, each replaced as a whole."""
    for name, text in (
        ("ablation.json", json.dumps(table, indent=1)),
        ("ablation.md", markdown(table)),
    ):
        part = out / f".{name}.part"
        part.write_text(text)
        os.replace(part, out / name)


def markdown(table: dict, region: str = "person") -> str:
    """One table a split: variants as rows, metrics as columns."""
    if not table["variants"]:
        return "No run is finished.\n"
    metrics = table["protocol"]["metrics"]
    splits = next(iter(table["variants"].values()))["splits"]
    lines = [
        "Person crop; mean and standard deviation over seeds; in brackets the mean difference to "
        "the full method with the same seed.",
    ]
    for split in splits:
        lines += ["", f"**{split.replace('_', ' ')}**", ""]
        arrows = [f"{m} {'↑' if a['higher_is_better'] else '↓'}" for m, a in metrics.items()]
        lines += ["| | " + " | ".join(arrows) + " | seeds |", "|---" * (len(arrows) + 2) + "|"]
        for name, about in table["variants"].items():
            row = about["splits"].get(split, {}).get(region, {})
            cells = [cell(row.get(metric), name) for metric in metrics]
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {len(about['seeds'])} |")
    return "\n".join(lines) + "\n"


def cell(entry: dict | None, variant: str) -> str:
    if entry is None:
        return "n/a"
    digits = 2 if abs(entry["mean"]) >= 10 else 4
    text = f"{entry['mean']:.{digits}f}"
    if entry["spread"] is not None:
        text += f" ± {entry['spread']:.{digits}f}"
    if variant != "full" and "to_full" in entry:
        text += f" ({entry['to_full']['mean']:+.{digits}f})"
    return text


if __name__ == "__main__":
    sys.exit(main())
