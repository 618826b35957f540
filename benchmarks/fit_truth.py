"""The fit of whole videos against known poses, with and without a term of the objective.

    python benchmarks/fit_truth.py --films ada ben cleo --term upright --values 0 5 --json fit.json

Films are those of the default dataset, tracked by the default tracker, shape fitted as for any
video. By split: rotation of the pelvis and directions of ten lines of the body, degrees; key points
of the body about the pelvis and of the hands about their wrists, millimetres.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from live_solver import SEEN, angles, component, directions, filmed, root_angle
from rich.console import Console
from rich.table import Table

import avatar_kit.tracking.fit as fitting
from avatar_kit.tracking.objective import Weights
from avatar_kit.tracking.tracks import Tracks
from avatar_kit.tracking.watch import shrink


def fitted(body, film, tracks, term: str, value: float):
    """The fit of a film under another weight of a term."""
    usual = Weights()
    fitting.Weights = lambda: replace(usual, **{term: value})
    try:
        values = {name: np.stack([getattr(t, name) for t in tracks]) for name in SEEN}
        stacked = Tracks(**values, masks=np.stack([shrink(t.mask) for t in tracks]))
        clips = [tuple(clip) for clip in film.record.clips]
        return fitting.Fitter(body, film.camera, stacked, clips, film.fps).run()
    finally:
        fitting.Weights = Weights


def compare(body, film, fit) -> dict[str, dict[str, float]]:
    """Split -> figures."""
    shape = body.shape_vector(film.shape)
    with torch.no_grad():
        true = body.keypoints(body.from_motion(film.motion, shape)).numpy()
    points, found = fit.keypoints.numpy(), {}
    places = [m.transl.numpy()[:, None] for m in (fit.motion, film.motion)]
    for name, split in film.splits.items():
        at = list(split.frames)
        about = (points - places[0])[at] - (true - places[1])[at]
        hands = [x[at, 23:].reshape(-1, 2, 21, 3) for x in (points, true)]
        spread = (hands[0] - hands[0][:, :, :1]) - (hands[1] - hands[1][:, :, :1])
        found[name] = {
            "root": root_angle(fit.motion[at], film.motion[at]),
            "limbs": float(angles(directions(points[at]), directions(true[at])).mean()),
            "joints": 1000 * float(np.linalg.norm(about[:, :23], axis=-1).mean()),
            "hands": 1000 * float(np.linalg.norm(spread, axis=-1).mean()),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", nargs="+", default=["ada"], help="subjects of the dataset")
    parser.add_argument("--term", choices=sorted(asdict(Weights())), default="upright")
    parser.add_argument("--values", nargs="+", type=float, default=[0.0, Weights().upright])
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    body, results = component("body").eval(), {}
    table = Table("film", arguments.term, "split", "root", "limbs", "joints mm", "hands mm")
    for subject in arguments.films:
        film, tracks = filmed(subject)
        for value in arguments.values:
            fit = fitted(body, film, tracks, arguments.term, value)
            for split, figures in compare(body, film, fit).items():
                results[f"{subject} {value:g} {split}"] = figures
                table.add_row(subject, f"{value:g}", split, *(f"{v:.1f}" for v in figures.values()))
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
