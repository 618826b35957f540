"""The causal solver against the fit of the whole clip, against known poses, and its time.

    python benchmarks/live_solver.py me.mp4 [more.mp4 ...] --films ada ben --json live.json

A video is tracked and fitted as `prepare` does it (cached); a film is one of the default dataset,
whose poses are known. Both are compared over frames that follow each other:

* limbs, root: mean angle between the directions of ten lines of the body, and between the
  rotations of the pelvis, degrees;
* lag: shift in frames at which the velocities of those lines correlate best;
* jitter: accelerations of the body's points about the hips over those of the reference.

The baseline has no body: the directions of the tracker's own points in space under a One-Euro
filter, what a skeleton shows that is posed joint by joint.
"""

import argparse
import json
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import roma
import torch
from rich.console import Console
from rich.table import Table

from avatar_kit.capture import Capture
from avatar_kit.config.slots import resolve_component
from avatar_kit.interfaces import Body, FrameTrack
from avatar_kit.io.read_options import ReadOptions
from avatar_kit.live import FrameSolver, Performer
from avatar_kit.live.calibration import pelvis_height
from avatar_kit.live.expression import OneEuro
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import concatenate
from avatar_kit.tracking.fitted import fit_observed
from avatar_kit.tracking.girth import stature
from avatar_kit.tracking.observe import decode, observe
from avatar_kit.tracking.place import static_camera
from avatar_kit.tracking.stages import Silent, Stages, digest
from avatar_kit.tracking.tracks import Tracks

#: Upper arms, forearms, thighs, shins, shoulders, hips in ``BODY_KEYPOINTS``.
LIMBS = np.array(
    [(5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (5, 6), (11, 12)]
)
#: Of times: undisturbed by other work on the machine, typical, rare.
_QUANTILES = (0.05, 0.5, 0.95)
SEEN = [field.name for field in fields(Tracks) if field.name != "masks"]


def component(kind: str, name: str | None = None):
    found = catalog().get(kind, name or catalog().default(kind))
    return found.load()(found.config(type=found.name))


def performer(body: Body, shape: torch.Tensor) -> Performer:
    with torch.no_grad():
        height = float(stature(body, shape))
    values = dict(zip(body.shape_names, shape.tolist(), strict=True))
    pelvis = pelvis_height(body, shape)
    return Performer(body=body.asset.name, shape=values, height=height, pelvis=pelvis)


class Stopwatch:
    """Milliseconds of every call of a part of the solver, summed over a frame."""

    def __init__(self, call):
        self.call, self.spent = call, 0.0

    def __call__(self, *values):
        since = time.perf_counter()
        found = self.call(*values)
        self.spent += 1000 * (time.perf_counter() - since)
        return found


def solve(solver: FrameSolver, tracks: list[FrameTrack], fps: float):
    """The solved frames, and the milliseconds of the body and of all else."""
    watch = solver.problem.model = Stopwatch(solver.problem.model)
    found, times = [], []
    for i, track in enumerate(tracks):
        watch.spent = 0.0
        found.append(solver.solve(track, i / fps))
        times.append((watch.spent, found[-1].milliseconds - watch.spent))
    solver.problem.model = watch.call
    return found, times


def directions(points: np.ndarray) -> np.ndarray:
    lines = points[:, LIMBS[:, 1]] - points[:, LIMBS[:, 0]]
    return lines / np.linalg.norm(lines, axis=-1, keepdims=True)


def angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos((a * b).sum(-1).clip(-1, 1)))


def lag(live: np.ndarray, true: np.ndarray, reach: int = 6) -> float:
    """Frames by which directions [T, L, 3] come late: top of the correlation of velocities."""
    a, b = (np.diff(x.reshape(len(x), -1), axis=0) for x in (live, true))
    if len(b) < 4 * reach:
        return float("nan")
    score = []
    for shift in range(-reach, reach + 1):
        x, y = a[reach + shift : len(a) - reach + shift], b[reach : len(b) - reach]
        score.append((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))
    top = int(np.argmax(score))
    if not 0 < top < 2 * reach:
        return float("nan")
    left, middle, right = score[top - 1 : top + 2]
    return top - reach + (left - right) / (2 * (left - 2 * middle + right))


def shaking(points: np.ndarray) -> float:
    about_hips = points[:, :23] - points[:, 11:13].mean(1, keepdims=True)
    return float(np.linalg.norm(np.diff(about_hips, 2, axis=0), axis=-1).mean())


def baseline(tracks: list[FrameTrack], to_world: np.ndarray, fps: float) -> np.ndarray:
    world = np.stack([t.body_world for t in tracks]) @ to_world.T
    smooth = OneEuro(world[0].astype(float), 1.5, 3.0)
    return np.stack([smooth.step(points, 1 / fps) for points in world])


def compare(body, shape, camera, clips, motion, tracks, fps) -> dict:
    solver = FrameSolver(body, performer(body, shape), camera, fps)
    to_world = camera.R[0].numpy().T
    rows, times = [], []
    for a, b in clips:
        solver.reset()
        found, spent = solve(solver, tracks[a:b], fps)
        times += spent
        live, true = concatenate([f.motion for f in found]), motion[a:b]
        with torch.no_grad():
            points, wanted = (
                body.keypoints(body.from_motion(m, shape)).numpy() for m in (live, true)
            )
        plain = baseline(tracks[a:b], to_world, fps)
        rows.append(
            {
                "frames": b - a,
                "limbs": angles(directions(points), directions(wanted)).mean(),
                "root": root_angle(live, true),
                "lag": lag(directions(points), directions(wanted)),
                "jitter": shaking(points) / shaking(wanted),
                "lost": 100 * np.mean([f.lost for f in found]),
                "plain limbs": angles(directions(plain), directions(wanted)).mean(),
                "plain lag": lag(directions(plain), directions(wanted)),
            }
        )
    return summary(rows) | timing(np.array(times))


def root_angle(live: Motion, true: Motion) -> float:
    turns = [roma.rotvec_to_rotmat(m.global_orient) for m in (live, true)]
    return float(torch.rad2deg(roma.rotmat_geodesic_distance(*turns)).mean())


def summary(rows: list[dict]) -> dict:
    """Means over clips, weighted by their frames."""
    frames = np.array([row["frames"] for row in rows], float)
    found: dict = {"frames": int(frames.sum())}
    for name in rows[0].keys() - {"frames"}:
        values = np.array([row[name] for row in rows])
        known = np.isfinite(values)
        if known.any():
            found[name] = float(np.average(values[known], weights=frames[known]))
    return found


def timing(times: np.ndarray) -> dict:
    """Percentiles of milliseconds of the body, of all else, and together."""
    stages = {"body ms": times[:, 0], "rest ms": times[:, 1], "ms": times.sum(1)}
    return {k: np.quantile(v, _QUANTILES).round(2).tolist() for k, v in stages.items()}


def of_video(body: Body, path: Path) -> dict:
    reader = decode(path, ReadOptions(), Silent())
    stages = Stages(digest([path], {}), Silent())
    tracker = catalog().get("tracker", catalog().default("tracker"))
    (seen,) = observe([reader], tracker, [stages])
    camera, _ = static_camera(reader.width, reader.height)
    (fitted,) = fit_observed([seen], body, [camera], {}, stages)
    t = seen.tracks
    tracks = [FrameTrack(**{n: getattr(t, n)[i] for n in SEEN}, mask=t.masks[i])
              for i in range(len(t))]  # fmt: skip
    fit = fitted.fit
    return compare(body, fit.shape, fitted.camera, seen.clips, fit.motion, tracks, reader.fps)


def filmed(subject: str) -> tuple[Capture, list[FrameTrack]]:
    """A film of the default dataset, and what the default tracker sees in it."""
    kind = catalog().default("dataset")
    values = {"type": kind, "subject": subject, "frames": 72, "test_frames": 48}
    config = resolve_component("dataset", values)
    film = catalog().get("dataset", kind).load()(config).open(512)
    tracker, tracks = component("tracker"), []
    for a, b in film.record.clips:
        tracks += tracker.track(film.images(range(a, b)))
    return film, tracks


def of_film(body: Body, subject: str) -> dict:
    film, tracks = filmed(subject)
    shape = body.shape_vector(film.shape)
    return compare(body, shape, film.camera, film.record.clips, film.motion, tracks, film.fps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--films", nargs="*", default=[], help="subjects of the default dataset")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    body = component("body").eval()
    results = {video.name: of_video(body, video) for video in arguments.videos}
    results |= {f"film of {name}": of_film(body, name) for name in arguments.films}
    columns = ("frames", "limbs", "root", "lag", "jitter", "lost", "plain limbs", "plain lag")
    table = Table("", *columns, "body ms", "rest ms", "ms (5, 50, 95 %)")
    for name, r in results.items():
        numbers = [f"{r[c]:.4g}" if c in r else "" for c in columns]
        spent = ["{:.1f}, {:.1f}, {:.1f}".format(*r[k]) for k in ("body ms", "rest ms", "ms")]
        table.add_row(name, *numbers, *spent)
    Console(width=160).print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
