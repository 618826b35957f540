"""A driven frame of an avatar that paints from feature maps: torch beside ONNX Runtime.

python benchmarks/painter.py RUN [RUN ...] --threads 2 --out painter.json

RUN is a run folder of ``ram``, ``anr`` or ``dnr``. Times are milliseconds, the best of the repeats
(and the median, in JSON): other work on the machine only ever adds. ``painting`` is the renderer
alone, the part that a graph of ONNX can take over; the rest is the body and the encoders.
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

import numpy as np
import onnxruntime
import torch
from rich.console import Console
from rich.table import Table

import avatar_kit as ak
from avatar_kit.engine.loaded import LoadedAvatar, load_avatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.scene import FrameContext


def measured(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each action. They take turns, so that all see the same other work."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for action in actions.values():
        action()  # compiles, fills caches
    for _ in range(repeats):
        for name, action in actions.items():
            started = time.perf_counter()
            action()
            taken[name].append(1e3 * (time.perf_counter() - started))
    return {
        name: {"best_ms": min(times), "median_ms": statistics.median(times)}
        for name, times in taken.items()
    }


@torch.no_grad()
def stages(
    loaded: LoadedAvatar, graph: Path, threads: int, repeats: int
) -> tuple[dict[str, dict[str, float]], float]:
    """The stages of a frame, and how far both paintings are from each other at most."""
    avatar, camera = loaded.avatar, loaded.subject.camera
    pose = loaded.training_motion[0:1]
    parameters = avatar.body.from_motion(pose, avatar.shape)

    def context() -> FrameContext:
        return FrameContext.driven(avatar.body(parameters), camera, pose, before=None, seconds=0.0)

    conditions, _ = avatar.encode(context(), None)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(graph), options, ["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    given = {name: np.ascontiguousarray(conditions[name].values.numpy()) for name in names}
    painted = avatar.renderer(conditions, camera).rgb.numpy()
    (other,) = session.run(["rgb"], given)
    actions = {
        "body": lambda: avatar.body(parameters),
        "body and encoders": lambda: avatar.encode(context(), None),
        "painting, torch": lambda: avatar.renderer(conditions, camera),
        "painting, onnxruntime": lambda: session.run(["rgb"], given),
    }
    found = measured(actions, repeats)
    return found, float(np.abs(painted - other).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    results = {}
    shown = Table("run", "stage", "best, ms", "median, ms")
    for run in arguments.runs:
        loaded = load_avatar(RunFolder.open_person(run), device="cpu")
        with tempfile.TemporaryDirectory() as folder:
            graph = Path(folder) / "graph.onnx"
            ak.load(run, device="cpu").export(graph)
            found, apart = stages(loaded, graph, arguments.threads, arguments.repeats)
        results[run.name] = {"stages": found, "apart": apart}
        for name, times in found.items():
            shown.add_row(run.name, name, f"{times['best_ms']:.1f}", f"{times['median_ms']:.1f}")
        shown.add_row(run.name, "largest difference", f"{apart:.1e}", "")
    Console().print(shown)
    if arguments.out:
        facts = {"threads": arguments.threads, "torch": torch.__version__}
        facts["onnxruntime"] = onnxruntime.__version__
        arguments.out.write_text(json.dumps({**facts, "runs": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
