"""The figures of finished trainings, gathered into one set that compares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.engine.comparison.bootstrap import interval, rank, sample_means
from avatar_kit.engine.comparison.cells import is_finished, run_folder, why_failed
from avatar_kit.engine.comparison.measured import read_measured
from avatar_kit.engine.comparison.plan import Cell, Plan
from avatar_kit.engine.scoring import REGIONS
from avatar_kit.errors import UserError

#: What of a protocol belongs to a capture as this machine made it, not to the way of measuring.
_OF_THE_CAPTURE = ("capture", "capture_key", "size", "crop")

#: What says how an avatar was trained: contenders may differ in it.
_OF_THE_TRAINING = ("training_poses_refined",)


@dataclass(frozen=True)
class Figures:
    """What the finished trainings of a plan left.

    Attributes:
        plan: The plan.
        tests: Cell -> ``eval/test.json``.
        frames: Cell -> ``eval/frames.json``.
        summaries: Cell -> ``summary.json``.
        missing: Cell -> why it has no figures.
    """

    plan: Plan
    tests: dict[Cell, dict[str, Any]]
    frames: dict[Cell, dict[str, Any]]
    summaries: dict[Cell, dict[str, Any]]
    missing: dict[Cell, str]

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Name -> what the protocol says of it."""
        for test in self.tests.values():
            return test["protocol"]["metrics"]
        return {}

    def splits(self) -> list[str]:
        """Names of the held-out splits, in the order of their first capture."""
        return list(dict.fromkeys(s for test in self.tests.values() for s in test["splits"]))

    def captures(self, split: str) -> list[str]:
        """The captures that have a split and figures on it."""
        found = {cell.capture for cell, test in self.tests.items() if split in test["splits"]}
        return [name for name in self.plan.captures if name in found]

    def of(self, contender: str, capture: str) -> list[Cell]:
        """The finished trainings of a contender on a capture."""
        return [c for c in self.tests if (c.contender, c.capture) == (contender, capture)]


def gather(plan: Plan, out: Path) -> Figures:
    """Read the figures of every finished training.

    Raises:
        UserError: A file of a training is damaged, or two of a capture were measured in different
            ways.
    """
    tests: dict[Cell, dict[str, Any]] = {}
    frames, summaries, missing = {}, {}, {}
    protocols: dict[str, tuple[Cell, dict[str, Any]]] = {}
    for cell in plan.cells():
        if not is_finished(out, cell):
            missing[cell] = why_failed(out, cell)
            continue
        root = run_folder(out, cell)
        measured = read_measured(root)
        test = measured.test
        if not test["splits"]:
            missing[cell] = "the capture has no held-out split, so nothing can be evaluated"
            continue
        found = {k: v for k, v in test["protocol"].items() if k not in _OF_THE_TRAINING}
        first, protocol = protocols.setdefault(cell.capture, (cell, found))
        if protocol != found:
            differing = [k for k in protocol if protocol[k] != found.get(k)]
            raise UserError(
                f"{root}: not measured like {run_folder(out, first)} ({', '.join(differing)}); "
                "remove the older folder and run the comparison again"
            )
        if tests and (metrics := next(iter(tests.values()))["protocol"]["metrics"]).keys() != (
            found["metrics"].keys()
        ):
            raise UserError(
                f"{root}: measured with {', '.join(found['metrics'])}, other runs with "
                f"{', '.join(metrics)}; evaluate it again with  avatar-kit eval {root}"
            )
        tests[cell] = test
        frames[cell], summaries[cell] = measured.frames, measured.summary
    return Figures(plan, tests, frames, summaries, missing)


def summarise(figures: Figures) -> dict[str, Any]:
    """Everything that ``report.json`` holds."""
    plan = figures.plan
    splits = {
        split: {
            "frames": _of_captures(figures, split, "n"),
            "novelty": _of_captures(figures, split, "novelty"),
            "all": _tables(figures, split, figures.captures(split)),
            "captures": {c: _tables(figures, split, [c]) for c in figures.captures(split)},
        }
        for split in figures.splits()
    }
    return {
        "plan": plan.model_dump(mode="json"),
        "protocol": protocol(figures),
        "metrics": figures.metrics,
        "splits": splits,
        "costs": {name: costs(figures, name) for name in plan.contenders},
        "trainings": [_training(figures, cell) for cell in plan.cells()],
    }


def protocol(figures: Figures) -> dict[str, Any]:
    """How the figures were made; ``hash`` is equal where they compare.

    The hash covers the captures, the seeds and the way of measuring. Captures go in by the digest
    of their content; those of a benchmark by what it asks for, since a film made on another
    processor may differ in the last bit of a few pixels.
    """
    plan = figures.plan
    measured = {cell.capture: test["protocol"] for cell, test in figures.tests.items()}
    keys = {name: measured[name]["capture_key"] for name in plan.captures if name in measured}
    # size and metrics are the same in every training of a plan: one says it for all
    way = _way(next(iter(measured.values()))) if measured else {}
    asked = {
        "benchmark": plan.benchmark,
        "captures": plan.captures if plan.benchmark else keys,
        "seeds": sorted(plan.seeds),
        "measured": way,
    }
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return {
        "hash": digest[:16],
        "benchmark": plan.benchmark,
        "seeds": list(plan.seeds),
        "captures": keys,
        "measured": way,
    }


def _way(protocol: dict[str, Any]) -> dict[str, Any]:
    """What of a capture's protocol is the same on every machine."""
    left_out = (*_OF_THE_CAPTURE, *_OF_THE_TRAINING)
    way = {k: v for k, v in protocol.items() if k not in left_out}
    about = {
        name: {k: v for k, v in metric.items() if k != "unavailable"}
        for name, metric in way["metrics"].items()
    }
    return {**way, "metrics": about}


def costs(figures: Figures, contender: str) -> dict[str, float | None]:
    """Means over a contender's trainings: steps, seconds, parameters, milliseconds a frame."""
    mine = [s for cell, s in figures.summaries.items() if cell.contender == contender]
    keys = ("steps", "seconds", "parameters", "milliseconds")
    return {key: _mean([s[key] for s in mine if s.get(key) is not None]) for key in keys}


def efficiency(distance: float, parameters: float, reference: tuple[float, float]) -> float:
    """The rIPFIP of ANR (section 4.3): gain in distance times gain in size, both relative.

    Read it with the distances beside it: a contender both larger and worse than the reference also
    gets a positive figure.

    Args:
        distance: Perceptual distance, 0 for perfect pictures.
        parameters: Number of learned values.
        reference: Distance and parameters of the contender compared with.
    """
    gain = (reference[0] - distance) / reference[0]
    return gain * float(np.log(reference[1] / parameters) / np.log(reference[1]))


def _of_captures(figures: Figures, split: str, key: str) -> dict[str, Any]:
    """Capture -> what its evaluation says of a split; older ones do not say what is novel."""
    return {
        cell.capture: test["splits"][split].get(key)
        for cell, test in figures.tests.items()
        if split in test["splits"]
    }


def _tables(figures: Figures, split: str, captures: list[str]) -> dict[str, Any]:
    """Region -> metric -> contender or baseline -> mean, interval, rank."""
    return {
        region: {
            metric: {
                **_contenders(figures, split, captures, region, metric),
                **_baselines(figures, split, captures, region, metric),
            }
            for metric in figures.metrics
        }
        for region in REGIONS
    }


def _contenders(
    figures: Figures, split: str, captures: list[str], region: str, metric: str
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in figures.plan.contenders:
        values = [
            [_score(figures.tests[cell]["splits"][split], region, metric) for cell in cells]
            for capture in captures
            if (cells := figures.of(name, capture))
        ]
        known = [[v for v in row if v is not None] for row in values]
        if len(known) < len(captures) or not all(known):
            continue  # a mean over other captures than the others' would mislead
        over_seeds = [float(np.std(row, ddof=1)) for row in known if len(row) > 1]
        found[name] = {
            "mean": float(np.mean([np.mean(row) for row in known])),
            "spread": _mean(over_seeds),
            "trainings": sum(map(len, known)),
        }
    drawn = list(_per_frame(figures, split, captures, region, metric, list(found)))
    if found and all(drawn):
        samples = sample_means(drawn)
        first = next(iter(found))
        for name, means in samples.items():
            found[name]["low"], found[name]["high"] = interval(means)
            if name != first and first in samples:
                low, high = interval(means - samples[first])
                mean = found[name]["mean"] - found[first]["mean"]
                found[name]["difference"] = {"to": first, "mean": mean, "low": low, "high": high}
        if len(samples) == len(found):
            direction = figures.metrics[metric]["higher_is_better"]
            ranks = rank({n: f["mean"] for n, f in found.items()}, samples, direction)
            for name, place in ranks.items():
                found[name]["rank"] = place
    return found


def _per_frame(
    figures: Figures,
    split: str,
    captures: list[str],
    region: str,
    metric: str,
    contenders: list[str],
) -> Iterator[dict[str, np.ndarray]]:
    """For each capture: contender -> [seeds, frames] values; empty where the metric has none."""
    for capture in captures:
        found = {}
        for name in contenders:
            rows = [
                figures.frames[cell][split][region].get(metric)
                for cell in figures.of(name, capture)
            ]
            if all(rows):
                found[name] = np.array(rows, dtype=np.float64)  # None becomes NaN
        yield found


def _baselines(
    figures: Figures, split: str, captures: list[str], region: str, metric: str
) -> dict[str, dict[str, Any]]:
    """The scores of the mean and of the nearest training frame, averaged over the captures."""
    found: dict[str, list[float | None]] = {}
    for capture in captures:
        test = next(t for c, t in figures.tests.items() if c.capture == capture)
        for name, scores in test["splits"][split]["baselines"].items():
            found.setdefault(name, []).append(_score(scores, region, metric))
    return {
        name: {"mean": _mean([v for v in values if v is not None]), "baseline": True}
        for name, values in found.items()
        if None not in values
    }


def _score(scores: dict[str, Any], region: str, metric: str) -> float | None:
    return (scores if region == "full" else scores[region])[metric]


def _training(figures: Figures, cell: Cell) -> dict[str, Any]:
    about: dict[str, Any] = {
        "contender": cell.contender,
        "capture": cell.capture,
        "seed": cell.seed,
        "run": f"runs/{cell.slug}",
    }
    if cell in figures.missing:
        return {**about, "missing": figures.missing[cell]}
    summary = figures.summaries[cell]
    return {**about, "seconds": summary["seconds"], "milliseconds": summary["milliseconds"]}


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
