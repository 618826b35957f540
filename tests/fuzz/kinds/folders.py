"""Folders with something wrong in them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from random import Random

from tests.fuzz import mutation
from tests.fuzz.damage import Case, damaged, spoil
from tests.fuzz.world import World


def capture(random: Random, world: World, folder: Path) -> Case:
    """A capture folder, opened and seen."""
    root = folder / "capture"
    shutil.copytree(random.choice([world.capture, world.seen_by_three]), root)
    spoil(random, root, "capture.json")

    def read() -> None:
        from avatar_kit.capture import CaptureView, open_capture

        opened = open_capture(root)
        view = CaptureView(opened, 32)
        for split in opened.splits.values():
            for sample in split.samples()[-1:]:
                view.image(sample)
        opened.landmarks()

    return read


def run(random: Random, world: World, folder: Path) -> Case:
    """A run folder, loaded, rendered, measured, listed, or gone on with."""
    root = folder / "run"
    shutil.copytree(world.run, root, ignore=shutil.ignore_patterns("tensorboard", "preview*"))
    last = max((root / "checkpoints").iterdir()).relative_to(root)
    spoil(random, root, random.choice(["subject.json", f"{last}/state.json", "config.yaml"]))
    if random.random() < 0.3:
        _resign(root / last)
    kind = random.random()
    if kind < 0.15:
        return ["render", str(root), "--orbit", "9", "--frames", "1", "--out", f"{folder}/o.mp4"]
    if kind < 0.2:
        return ["licences", str(root)]
    if kind < 0.25:
        return ["export", str(root), "--to", f"{folder}/o.bvh"]

    def read() -> None:
        import avatar_kit as ak
        from avatar_kit.engine.starting import resumption

        if kind < 0.5:
            resumption(root, {})
        else:
            ak.load(root, device="cpu").training_motion()

    return read


def people(random: Random, world: World, folder: Path) -> Case:
    """A run of several people, dressed or loaded."""
    root = folder / "run"
    shutil.copytree(world.both, root, ignore=shutil.ignore_patterns("tensorboard", "preview*"))
    spoil(random, root, "people.json")
    names = ["--from", "normals", "--to", "normals-2", "--region", "face"]
    if random.random() < 0.7:
        return ["mix", str(root), *names, "--out", f"{folder}/mixed"]
    return ["licences", str(root)]


def recording(random: Random, world: World, folder: Path) -> Case:
    """A folder in a format of the field, opened as a capture."""
    writer = random.choice(list(world.recordings))
    dataset, path = world.recordings[writer]
    root = folder / "recording"
    shutil.copytree(world.root / "recordings" / writer, root)
    records = [p for p in sorted(root.rglob("*")) if p.is_file()]
    plain = [p for p in records if p.suffix not in (".png", ".jpg")]
    spoil(random, root, str(random.choice(plain or records).relative_to(root)))

    def read() -> None:
        from avatar_kit.registry import catalog

        component = catalog().get("dataset", dataset)
        values = {"type": dataset, "path": root / path, "shape": world.shape}
        opened = component.load()(component.config.model_validate(values)).open(64)
        for split in opened.splits.values():
            for sample in split.samples()[:1]:
                next(iter(opened.images([sample.frame], sample.camera)))

    if random.random() < 0.1:
        return ["data", "info", str(root / path)]
    return read


def comparison(random: Random, world: World, folder: Path) -> Case:
    """The folder of a comparison, reported anew."""
    root = folder / "comparison"
    shutil.copytree(world.comparison, root)
    runs = [str(p.relative_to(root)) for p in sorted(root.glob("runs/*/eval/*.json"))]
    spoil(random, root, random.choice(["plan.yaml", *runs, *runs]))
    return ["compare", "--only-report", "--out", str(root)]


def rendering(random: Random, world: World, folder: Path) -> Case:
    """A folder of pictures that a rendering goes on with."""
    root = folder / "pictures"
    shutil.copytree(world.rendering, root)
    spoil(random, root, "rendering.json")
    return ["render", str(world.run), "--orbit", "9", "--frames", "2", "--out", str(root)]


def masks(random: Random, world: World, folder: Path) -> Case:
    """Masks that somebody made for a video."""
    root, name = folder / "masks", random.choice(list(world.pictures))
    root.mkdir()
    (folder / "clip.mp4").write_bytes(world.video)
    for frame in range(8 if random.random() < 0.95 else 7):
        (root / f"{frame:05d}.png").write_bytes(world.mask)
    if random.random() < 0.1:
        (root / f"00003{Path(name).suffix}").write_bytes(world.pictures[name])
    spoil(random, root, f"{random.randrange(7):05d}.png")

    def read() -> None:
        from avatar_kit.io import ReadOptions, read_video

        for _ in read_video(folder / "clip.mp4", ReadOptions(masks=root)):
            pass

    return read


def cache(random: Random, world: World, folder: Path) -> Case:
    """The cache, damaged between two openings of a capture."""
    root = folder / "cache"
    shutil.copytree(world.cached, root)
    files = sorted(p for p in root.rglob("*") if p.is_file())
    chosen = random.choice(files)
    if random.random() < 0.7:
        chosen.write_bytes(damaged(random, chosen.name, chosen.read_bytes()))
    else:
        mutation.place(random, random.choice([chosen, chosen.parent]))

    def read() -> None:
        from avatar_kit.capture import CaptureView, open_capture

        before = os.environ.get("AVATAR_KIT_CACHE")
        os.environ["AVATAR_KIT_CACHE"] = str(root)
        try:
            view = CaptureView(open_capture(world.capture), 32)
            for sample in view.capture.splits["train"].samples():
                view.image(sample)
        finally:
            os.environ.pop("AVATAR_KIT_CACHE")
            if before is not None:
                os.environ["AVATAR_KIT_CACHE"] = before

    return read


def _resign(checkpoint: Path) -> None:
    """Make the digests of a checkpoint fit, as a stranger would who changed it."""
    from avatar_kit.io.digest import file_digest

    if not all(file.is_file() for file in checkpoint.glob("*")):
        return
    try:
        state = json.loads((checkpoint / "state.json").read_text())
        state["sha256"] = {n: file_digest(checkpoint / n) for n in state["sha256"]}
        (checkpoint / "state.json").write_text(json.dumps(state))
    except Exception:  # what was spoiled cannot be signed
        return
