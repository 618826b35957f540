"""A frame of an avatar of Gaussians, from pose to picture, and a step of its training.

python benchmarks/splat_frame.py RUN --threads 2 --out splat_frame.json

RUN is a run folder of the method ``splat``. Times are milliseconds, the best of the repeats (and
the median, in JSON): other work on the machine only ever adds.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from avatar_kit.cli.process import prepare_process

prepare_process()  # before torch is imported

import torch
from avatar_kit_splat.cloud import SurfaceGaussians
from rich.console import Console
from rich.table import Table

from avatar_kit.engine.device import seed_step
from avatar_kit.engine.driving import render_motion
from avatar_kit.engine.loaded import LoadedAvatar, load_avatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view, set_up
from avatar_kit.graphics import vertex_normals
from avatar_kit.light import lit_vertices
from avatar_kit.scene import FrameContext


def measured(action: Callable[[], object], repeats: int) -> dict[str, float]:
    action()  # compiles, fills caches
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        taken.append(1e3 * (time.perf_counter() - started))
    return {"best_ms": min(taken), "median_ms": statistics.median(taken)}


@torch.no_grad()
def driving(loaded: LoadedAvatar, repeats: int) -> dict[str, dict[str, float]]:
    """The stages of a driven frame, and the whole."""
    avatar, motion = loaded.avatar, loaded.training_motion[0:1]
    (cloud,) = (e for e in avatar.encoders.values() if isinstance(e, SurfaceGaussians))
    others = [e for e in avatar.encoders.values() if e is not cloud]
    parameters = avatar.body.from_motion(motion, avatar.shape)
    camera = loaded.subject.camera

    def context() -> FrameContext:
        body = avatar.body(parameters)
        still = torch.zeros(1)
        return FrameContext(
            body,
            body,
            camera,
            motion,
            still,
            torch.ones(1, dtype=torch.bool),
            -torch.ones(1).long(),
        )

    frame = context()
    body = frame.body
    conditions = {name: encoder(frame) for name, encoder in avatar.encoders.items()}
    means, normals, _ = cloud.carried(frame)
    stages: dict[str, Callable[[], object]] = {
        "pose the body": context,
        "its normals": lambda: vertex_normals(body.vertices, body.topology.faces),
        "carry the Gaussians": lambda: cloud.carried(frame),
        "shadow map": lambda: lit_vertices(body, cloud.light.direction),
        "shade, shadow map included": lambda: cloud.shade(frame, normals),
        "back sides": lambda: cloud.visible(frame, means, normals),
        "shadow on the scene": lambda: [encoder(frame) for encoder in others],
        "draw and compose": lambda: avatar.renderer(conditions, camera),
    }
    found = {name: measured(action, repeats) for name, action in stages.items()}
    found["frame"] = measured(lambda: avatar(context()), repeats)
    many = loaded.training_motion[: min(30, len(loaded.training_motion))]
    whole = measured(lambda: list(render_motion(loaded, many)), 3)
    found["frame of a motion"] = {key: value / len(many) for key, value in whole.items()}
    return found


def training(run: RunFolder, repeats: int) -> dict[str, dict[str, float]]:
    """A step once every frame has been seen: reading, posing and shadow maps are kept by then."""
    config = run.read_config()
    with tempfile.TemporaryDirectory() as folder:
        trained = set_up(config, RunFolder(Path(folder)), open_view(config))
        trained.avatar.train()
        reading = trained.read(0)

        def step() -> None:
            seed_step(0, 0)
            trained.update(reading, 0)

        return {"step of the training": measured(step, repeats)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    run = RunFolder.open(chosen.run)
    loaded = load_avatar(run, device="cpu")
    loaded.avatar.eval()
    figures = driving(loaded, chosen.repeats) | training(run, chosen.repeats)
    camera = loaded.subject.camera
    count = next(e for e in loaded.avatar.encoders.values() if isinstance(e, SurfaceGaussians))
    title = (
        f"{camera.width}x{camera.height}, {len(count.faces)} Gaussians, {chosen.threads} threads"
    )
    table = Table("", "best, ms", title=title, title_justify="left")
    for name, value in figures.items():
        table.add_row(name, f"{value['best_ms']:.1f}")
    Console().print(table)
    if chosen.out:
        about = {"title": title, "torch": torch.__version__, "figures": figures}
        chosen.out.write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
