"""What tracking costs an avatar: one film, trained with its true poses and with tracked ones.

    python benchmarks/tracking_cost.py --films ada --method splat --json cost.json

A film of the default dataset is tracked and fitted as a video is, with its true camera. Pictures,
masks and splits of the twin captures are the same; poses and shape are true, or fitted. Test poses
are tracked too, as those of a real video. How far the training poses are from the true ones is
measured before the training and after it, when they are refined. Words after -- go to every
training.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from live_solver import SEEN, angles, component, directions
from rich.console import Console
from rich.table import Table

from avatar_kit.capture import Capture, open_capture
from avatar_kit.config.slots import resolve_component
from avatar_kit.engine.loaded import load_avatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.interfaces import Body
from avatar_kit.io.motion import save_motion
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion
from avatar_kit.tracking.fit import Fitter
from avatar_kit.tracking.tracks import Tracks
from avatar_kit.tracking.watch import shrink

#: Poses of a training, and what is said to it of their refinement.
TRAININGS = {
    "true": ("true", []),
    "tracked": ("tracked", []),
    "tracked, not refined": ("tracked", ["refine=null"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--films", nargs="+", default=["ada"], help="subjects of the dataset")
    parser.add_argument("--method", default="splat")
    parser.add_argument("--height", type=int, default=512, help="of the film that is tracked")
    parser.add_argument("--runs", type=Path, help="folder for the runs; a temporary one if omitted")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("words", nargs="*", help="key=value for the training")
    arguments = parser.parse_args()
    results: dict[str, dict] = {}
    table = Table("film", "poses", "split", "PSNR", "st_lpips_alex")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.runs or Path(temporary)
        for subject in arguments.films:
            captures = both(subject, arguments.height, folder)
            for name, (poses, own) in TRAININGS.items():
                run = folder / f"{subject}-{name.replace(', ', '-').replace(' ', '-')}"
                data = ["data.type=capture", f"data.path={captures[poses]}"]
                words = [*data, *own, *arguments.words, "--out", str(run)]
                command = [sys.executable, "-m", "avatar_kit", "train", "--method"]
                subprocess.run([*command, arguments.method, *words], check=True)
                splits = json.loads((run / "eval" / "test.json").read_text())["splits"]
                for split, figures in splits.items():
                    person = figures["person"]
                    results[f"{subject}, {name}, {split}"] = person
                    values = (f"{person['psnr']:.2f}", f"{person['st_lpips_alex']:.4f}")
                    table.add_row(subject, name, split, *values)
                if poses == "tracked":
                    off = results[f"{subject}, {name}, train"] = pose_errors(run, captures)
                    said = "  ".join(f"{key} {value:.2f}" for key, value in off.items())
                    Console().print(f"{subject}, {name}: training poses: {said}")
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


def both(subject: str, height: int, folder: Path) -> dict[str, Path]:
    """Captures of a film: with its own poses, and with those that are found in its pictures."""
    kind = catalog().default("dataset")
    config = resolve_component("dataset", {"type": kind, "subject": subject})
    film = catalog().get("dataset", kind).load()(config).open(height)
    found = {name: folder / f"{subject}-{name}-capture" for name in ("true", "tracked")}
    for path in found.values():
        shutil.copytree(film.root, path)
    fit, body = fitted(film), component("body")
    save_motion(found["tracked"] / "motion.npz", fit.motion)
    record = json.loads((film.root / "capture.json").read_text())
    record["shape"] = dict(zip(body.shape_names, fit.shape.tolist(), strict=True))
    record["provenance"]["tracker"] = {"name": catalog().default("tracker")}
    (found["tracked"] / "capture.json").write_text(json.dumps(record))
    return found


def pose_errors(run: Path, captures: dict[str, Path]) -> dict[str, float]:
    """Key points about the pelvis in millimetres and limbs in degrees, of the training poses."""
    loaded = load_avatar(RunFolder.open(run), device="cpu")
    body, found = loaded.avatar.body, {}
    film, seen = (open_capture(captures[name]) for name in ("true", "tracked"))
    frames = list(seen.splits["train"].frames)
    true = key_points(body, film.motion[frames], body.shape_vector(film.shape))
    motion, refinement = seen.motion[frames], loaded.avatar.refinement
    shown = {"tracked": motion}
    if refinement is not None:
        shown["refined"] = refinement(motion, range(len(frames)))
    for name, poses in shown.items():
        points = key_points(body, poses, body.shape_vector(seen.shape))
        found[f"{name} mm"] = 1000 * float(np.linalg.norm(points - true, axis=-1).mean())
        found[f"{name} limbs"] = float(angles(directions(points), directions(true)).mean())
    return found


@torch.no_grad()
def key_points(body: Body, motion: Motion, shape: torch.Tensor) -> np.ndarray:
    """[T, 23, 3] those of the body about the pelvis, metres."""
    points = body.keypoints(body.from_motion(motion, shape)) - motion.transl[:, None]
    return points[:, :23].numpy()


def fitted(film: Capture):
    """Poses and shape as ``prepare`` finds them."""
    tracker, body, tracks = component("tracker"), component("body").eval(), []
    for a, b in film.record.clips:
        tracks += tracker.track(film.images(range(a, b)))
    values = {name: np.stack([getattr(t, name) for t in tracks]) for name in SEEN}
    seen = Tracks(**values, masks=np.stack([shrink(t.mask) for t in tracks]))
    clips = [tuple(clip) for clip in film.record.clips]
    torch.set_num_threads(1)
    return Fitter(body, film.camera, seen, clips, film.fps).run()


if __name__ == "__main__":
    main()
