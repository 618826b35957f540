"""Aligners in motion space, side by side: what they keep of known motion, what they do to unknown.

python benchmarks/aligners.py --clips bandai_smpl_15fps.npz --kinds '^dataset-2_(raise-up|wave)' \\
    --held-out '_\\d*([02468][048]|[13579][26])$' --far deepmimic_smpl_30fps.npz \\
    --far-kinds '^(backflip|cartwheel|kick|roll|spin)$' --out aligners.json mda.prior=p.safetensors

Clips of --clips whose name holds --kinds are known motion: those that also hold --held-out are
tested, the others are what an avatar would be trained on. Clips of --far are unlike them. All
registered aligners are fitted and measured; words like NAME.key=value configure them. Places are
measured twice: of the 21 joints of a skeleton, and of 23 key points of the default body, which also
tell how hands, feet and head are turned.
"""

import argparse
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from avatar_kit.aligners import measure
from avatar_kit.config import parse_overrides
from avatar_kit.engine.aligning import aligner_config
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Aligner, Body
from avatar_kit.io.motion import load_clips
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import concatenate

#: Frames of a free run at least.
_FREE_RUN = 1000

#: Frames of a clip that a free run goes back and forth over.
_STRETCH = 50


@dataclass(frozen=True)
class Sets:
    """The motions, all at the frame rate of the training clips.

    Attributes:
        training: Takes an avatar would be trained on.
        held_out: Other clips of the same kinds.
        far: Clips of other kinds.
    """

    training: list[Motion]
    held_out: list[Motion]
    far: list[Motion]

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> "Sets":
        """Split by the names of the clips."""
        known = _named(arguments.clips, arguments.kinds)
        chosen = {n for n in known if re.search(arguments.held_out, n)}
        held_out = [m for n, m in known.items() if n in chosen]
        training = [m for n, m in known.items() if n not in chosen]
        far = _named(arguments.far, arguments.far_kinds).values()
        if not (training and held_out):
            raise UserError(f"{arguments.clips}: --held-out leaves nothing to train on or to test")
        return cls(
            spread(training, arguments.train_frames),
            spread(held_out, arguments.test_frames),
            [m.resample(training[0].fps) for m in far],
        )


@dataclass(frozen=True)
class Judge:
    """What every aligner is measured with.

    Attributes:
        sets: The motions.
        body: Gives places of joints.
        limit: Frames of a set at most whose distance to the training poses is measured.
    """

    sets: Sets
    body: Body
    limit: int

    def points(self, motion: Motion) -> dict[str, Tensor]:
        """Places in millimetres, of either set of points."""
        key_points = measure.body_points(self.body, motion, self.body.default_shape())
        return {"joints": 1000 * measure.joint_points(motion), "key_points": 1000 * key_points}

    def distances(self, motions: Sequence[Motion]) -> dict[str, Tensor]:
        """Distance of each frame to the training poses: degrees to the 5 nearest, deviations."""
        known = torch.cat([m.body_pose for m in self.sets.training])
        poses = torch.cat([m.body_pose for m in motions])
        poses = poses[:: -(-len(poses) // self.limit)]
        return {
            "knn": measure.knn_distance(poses, known).rad2deg(),
            "mahalanobis": measure.mahalanobis_distance(poses, known),
        }

    def held_out(self, aligner: Aligner) -> dict[str, Any]:
        """Errors on held-out known motion."""
        source = self.sets.held_out
        aligned = [aligner.align(m) for m in source]
        pairs = list(zip(aligned, source, strict=True))
        angles = [measure.geodesic_error(a.body_pose, b.body_pose).mean(1) for a, b in pairs]
        return {
            "degrees": float(torch.cat(angles).rad2deg().mean()),
            **self.course(aligned, source),
        }

    def far(self, aligner: Aligner, usual: Mapping[str, Tensor]) -> dict[str, Any]:
        """What becomes of unknown motion; ``usual`` are distances of held-out known motion."""
        source = self.sets.far
        aligned = [aligner.align(m) for m in source]
        before, after = self.distances(source), self.distances(aligned)
        figures: dict[str, Any] = self.course(aligned, source)
        for name, reference in usual.items():
            figures[f"{name}_before"] = float(before[name].mean())
            figures[f"{name}_after"] = float(after[name].mean())
            figures[f"{name}_usual_before"] = measure.share_under(before[name], reference)
            figures[f"{name}_usual_after"] = measure.share_under(after[name], reference)
        return figures

    def course(
        self, aligned: Sequence[Motion], source: Sequence[Motion]
    ) -> dict[str, dict[str, float]]:
        """How points run: mean over frames, and the clip that shakes most beside its source."""
        rows = []
        for a, b in zip(aligned, source, strict=True):
            if len(b) > 2:
                first, second = self.points(a), self.points(b)
                rows.append((len(b), {n: paces(first[n], second[n]) for n in first}))
        total = sum(frames for frames, _ in rows)
        found = {}
        for name in rows[0][1]:
            error, follows, ours, theirs = (
                sum(frames * of[name][i] for frames, of in rows) / total for i in range(4)
            )
            worst = max(of[name][2] / max(of[name][3], 1e-9) for _, of in rows)
            found[name] = {
                "mpjpe_mm": error,
                "velocity_correlation": follows,
                "acceleration_ratio": ours / theirs,
                "worst_acceleration_ratio": worst,
            }
        return found

    def free_run(self, aligner: Aligner, motion: Motion) -> dict[str, float]:
        """Degrees by which the end of a long run over a stretch of motion is worse than its start.

        Once in error against the source, once in distance to the training poses.
        """
        there = list(range(min(len(motion), _STRETCH)))
        lap = there + there[-2:0:-1]
        laps = -(-_FREE_RUN // len(lap))
        source = motion[lap * laps]
        aligned = aligner.align(source)
        errors = measure.geodesic_error(aligned.body_pose, source.body_pose).mean(1)
        known = torch.cat([m.body_pose for m in self.sets.training])
        ends = torch.cat((aligned.body_pose[: len(lap)], aligned.body_pose[-len(lap) :]))
        away = measure.knn_distance(ends, known)
        return {
            "frames": len(source),
            "drift_degrees": float(torch.rad2deg(torch.tensor(measure.drift(errors, len(lap))))),
            "knn_drift_degrees": float(torch.rad2deg(torch.tensor(measure.drift(away, len(lap))))),
        }


def paces(ours: Tensor, theirs: Tensor) -> tuple[float, float, float, float]:
    """Mean error of points [T, J, 3], correlation of velocities, both mean accelerations."""
    return (
        float(measure.position_error(ours, theirs).mean()),
        measure.velocity_correlation(ours, theirs),
        measure.mean_acceleration(ours),
        measure.mean_acceleration(theirs),
    )


def spread(motions: Sequence[Motion], frames: int) -> list[Motion]:
    """Whole clips, taken evenly, of about so many frames together."""
    return list(motions)[:: max(1, round(sum(map(len, motions)) / frames))]


def main() -> None:
    """Fit and measure every aligner."""
    arguments = parse()
    console = Console(width=160)
    torch.set_num_threads(arguments.threads)
    values = parse_overrides(arguments.values)
    component = catalog().get("body", catalog().default("body"))
    config = component.config.model_validate({"type": component.name})
    body = component.load()(config).eval().requires_grad_(False)
    judge = Judge(Sets.read(arguments), body, arguments.limit)
    usual = judge.distances(judge.sets.held_out)
    names = arguments.only or catalog().names("aligner")
    result = {"settings": settings(arguments, judge.sets), "aligners": {}}
    for name in names:
        figures = assess(name, values.get(name, {}), judge, usual)
        result["aligners"][name] = figures
        console.print(f"{name}: fitted in {figures['fit_seconds']:.1f} s", highlight=False)
        if arguments.out:
            arguments.out.write_text(json.dumps(result, indent=1))
    show(result["aligners"], console)


def assess(
    name: str, values: dict[str, Any], judge: Judge, usual: Mapping[str, Tensor]
) -> dict[str, Any]:
    """All figures of one aligner."""
    config = aligner_config(name, values)
    aligner: Aligner = catalog().get("aligner", name).load()(config).eval()
    started = time.perf_counter()
    aligner.fit(judge.sets.training, judge.body.asset)
    fitted = time.perf_counter()
    longest = max(judge.sets.held_out, key=len)
    aligner.align(longest)
    pace = (time.perf_counter() - fitted) / len(longest)
    figures: dict[str, Any] = {
        "config": config.model_dump(mode="json"),
        "facts": aligner.facts(),
        "fit_seconds": fitted - started,
        "milliseconds_per_frame": 1000 * pace,
        "held_out": judge.held_out(aligner),
        "free_run_held_out": judge.free_run(aligner, longest),
    }
    if judge.sets.far:
        figures["far"] = judge.far(aligner, usual)
        figures["free_run_far"] = judge.free_run(aligner, max(judge.sets.far, key=len))
    return figures


def settings(arguments: argparse.Namespace, sets: Sets) -> dict[str, Any]:
    """What makes the figures comparable with others."""
    counts = {
        name: {"clips": len(motions), "frames": sum(map(len, motions))}
        for name, motions in vars(sets).items()
    }
    given = {k: str(v) for k, v in vars(arguments).items() if k not in ("out", "clips", "far")}
    files = {"clips": arguments.clips.name, "far": arguments.far.name if arguments.far else None}
    fps = concatenate(sets.training).fps
    return {**given, **files, "fps": fps, "sets": counts, "torch": torch.__version__}


def show(aligners: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """A table with a row for each aligner."""
    columns: dict[str, tuple[str, ...]] = {
        "held-out degrees": ("held_out", "degrees"),
        "joints mm": ("held_out", "joints", "mpjpe_mm"),
        "key points mm": ("held_out", "key_points", "mpjpe_mm"),
        "accel.": ("held_out", "joints", "acceleration_ratio"),
        "drift": ("free_run_held_out", "drift_degrees"),
        "far: kNN before": ("far", "knn_before"),
        "after": ("far", "knn_after"),
        "usual after": ("far", "knn_usual_after"),
        "Mahal. before": ("far", "mahalanobis_before"),
        " after": ("far", "mahalanobis_after"),
        " usual after": ("far", "mahalanobis_usual_after"),
        "vel. corr.": ("far", "joints", "velocity_correlation"),
        "accel. ": ("far", "joints", "acceleration_ratio"),
        "worst": ("far", "joints", "worst_acceleration_ratio"),
        "kNN drift": ("free_run_far", "knn_drift_degrees"),
    }
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("aligner", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    for name, figures in aligners.items():
        table.add_row(name, *(cell(figures, keys) for keys in columns.values()))
    console.print(table)


def cell(figures: Any, keys: Sequence[str]) -> str:
    """The figure at nested keys; empty where it was not measured."""
    for key in keys:
        figures = figures.get(key, {})
    return f"{figures:.2f}" if isinstance(figures, float) else ""


def _named(path: Path | None, pattern: str) -> dict[str, Motion]:
    if path is None:
        return {}
    found = {n: m for n, m in load_clips(path).items() if re.search(pattern, n) and len(m)}
    if not found:
        raise UserError(f"{path}: no clip has a name that holds '{pattern}'")
    return found


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("values", nargs="*", help="NAME.key=value of an aligner")
    parser.add_argument("--clips", type=Path, required=True, help="motion file of known motion")
    parser.add_argument("--kinds", default="", help="regular expression for its clips")
    parser.add_argument("--held-out", required=True, help="regular expression for those tested")
    parser.add_argument("--far", type=Path, help="motion file of unknown motion")
    parser.add_argument("--far-kinds", default="", help="regular expression for its clips")
    parser.add_argument(
        "--only", action="append", help="aligner to measure (may be repeated); left out: all"
    )
    parser.add_argument("--train-frames", type=int, default=1500, help="to fit on, about")
    parser.add_argument("--test-frames", type=int, default=2000, help="held out, about")
    parser.add_argument("--limit", type=int, default=2000, help="frames compared with training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    main()
