"""Kinds of cases: each writes something wrong into an empty folder and says how to read it.

A kind is a function of the random numbers of the case, the world of what is right, and the folder
of the case. It gives the words of a command line, or a function to call.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.api.tiny import TINY
from tests.fuzz import mutation, words
from tests.fuzz.world import CAMERA, PATH, PERFORMER, PLAN, World

Case = list[str] | Callable[[], object]


def config(random: Random, world: World, folder: Path) -> Case:
    """A config file, by its values or by its text."""
    text = yaml.safe_dump(mutation.structure(random, world.config), allow_unicode=True)
    if random.random() < 0.4:
        text = mutation.lines(random, yaml.safe_dump(world.config))
    file = _written(random, folder / "c.yaml", text)
    return ["config", "show", "--config", str(file), *_method(random)]


def overrides(random: Random, world: World, folder: Path) -> Case:
    """Values on the command line."""
    keys = [k for k, _ in _flat(world.config)]
    given = [f"{random.choice(keys)}={_text(random)}" for _ in range(random.randint(1, 3))]
    if random.random() < 0.2:
        given[0] = mutation.misspelt(random, given[0])
    return ["config", "show", *_method(random), *given]


def setup(random: Random, world: World, folder: Path) -> Case:
    """A training whose values may pass, set up until its first step would be."""
    method = random.choice(list(TINY))
    keys = [k for k, v in _flat(world.config) if not isinstance(v, dict) and "data" not in k]
    given = []
    for key in random.sample(keys, random.choice([1, 1, 2])):
        value = random.choice([0, 1, 2, 3, 5, 7, 33, 1000, 10**6, 10**9, 2**62, 1e-9, 1e9, 0.5])
        given.append(f"{key}={random.choice([value, value, value, 'true', 'null', '[1]', '[]'])}")
    small = [f"{k}={json.dumps(v)}" for k, v in TINY[method].items()]
    fixed = ["--preset", "demo", "--data", str(world.capture), "--out", f"{folder}/run"]
    return ["train", "--method", method, *fixed, *small, "steps=1", *given]


def command(random: Random, world: World, folder: Path) -> Case:
    """A command line, with options that take what they should not."""
    return words.command_line(random, world, folder)


def capture(random: Random, world: World, folder: Path) -> Case:
    """A capture folder with something wrong in it, opened and seen."""
    root = folder / "capture"
    shutil.copytree(world.capture, root)
    _spoil(random, root, "capture.json")

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
    """A run folder with something wrong in it, loaded, or gone on with."""
    root = folder / "run"
    shutil.copytree(world.run, root, ignore=shutil.ignore_patterns("tensorboard", "preview*"))
    last = max((root / "checkpoints").iterdir()).relative_to(root)
    _spoil(random, root, random.choice(["subject.json", f"{last}/state.json", "config.yaml"]))
    if random.random() < 0.3:
        _resign(root / last)
    if random.random() < 0.2:
        return ["render", str(root), "--orbit", "9", "--frames", "1", "--out", f"{folder}/o.mp4"]

    def read() -> None:
        import avatar_kit as ak
        from avatar_kit.engine.starting import resumption

        if random.random() < 0.4:
            resumption(root, {})
        else:
            ak.load(root, device="cpu").training_motion()

    return read


def plan(random: Random, world: World, folder: Path) -> Case:
    """The plan of a comparison."""
    text = yaml.safe_dump(mutation.structure(random, PLAN))
    if random.random() < 0.3:
        text = mutation.lines(random, yaml.safe_dump(PLAN))
    file = _written(random, folder / "plan.yaml", text)
    return ["compare", "--plan", str(file), "--out", str(folder / "out")]


def camera(random: Random, world: World, folder: Path) -> Case:
    """The calibration of a camera, for a video."""
    text = json.dumps(mutation.structure(random, CAMERA))
    if random.random() < 0.4:
        text = yaml.safe_dump(mutation.structure(random, _opencv()))
    if random.random() < 0.2:
        text = mutation.lines(random, "1 OPENCV 64 64 80 80 32 32 0.1 0 0 0\n")
    file = _written(random, folder / "K.json", text)
    (folder / "clip.mp4").write_bytes(world.video)

    def read() -> None:
        from avatar_kit.io import ReadOptions, read_video

        next(iter(read_video(folder / "clip.mp4", ReadOptions(camera=file))))

    return read


def path(random: Random, world: World, folder: Path) -> Case:
    """A camera path, and a motion seen along it."""
    file = _written(random, folder / "path.json", json.dumps(mutation.structure(random, PATH)))

    def read() -> None:
        from avatar_kit.engine.cameras import along_path

        loaded = world.avatar._loaded
        along_path(loaded, loaded.training_motion[[0, 1]], file)

    return read


def performer(random: Random, world: World, folder: Path) -> Case:
    """The file of a performer."""
    file = _written(random, folder / "p.json", json.dumps(mutation.structure(random, PERFORMER)))

    def read() -> None:
        from avatar_kit.live.performer import Performer

        Performer.load(file)

    return read


def picture(random: Random, world: World, folder: Path) -> Case:
    """A picture, alone or in a folder that is read as a video."""
    name = random.choice(list(world.pictures))
    folder = folder / "pictures"
    folder.mkdir()
    (folder / f"0{name}").write_bytes(world.pictures[name])
    file = _written(random, folder / f"1{name}", mutation.octets(random, world.pictures[name]))

    def read() -> None:
        from avatar_kit.engine.background import read_background
        from avatar_kit.io import read_image, read_video

        chosen = random.randrange(3)
        if chosen == 0:
            read_image(file, mode=random.choice(["RGB", "L", "RGBA"]), upright=True)
        elif chosen == 1:
            read_background(str(file))
        else:
            list(read_video(folder))

    return read


def video(random: Random, world: World, folder: Path) -> Case:
    """A video."""
    file = _written(random, folder / "v.mp4", mutation.octets(random, world.video))

    def read() -> None:
        from avatar_kit.io import read_video

        for frame, _ in zip(read_video(file), range(4), strict=False):
            assert frame is not None

    return read


def motion(random: Random, world: World, folder: Path) -> Case:
    """A motion file."""
    name = random.choice(list(world.motions))
    data = mutation.octets(random, world.motions[name])
    if name.endswith((".bvh", ".txt", ".csv")) and random.random() < 0.7:
        data = mutation.lines(random, world.motions[name].decode()).encode(errors="surrogatepass")
    file = _written(random, folder / name, data)

    def read() -> None:
        from avatar_kit.io import list_clips, load_motion

        load_motion(file, random.choice([None, None, 12.5]))
        list_clips(file)

    return read


def cloud(random: Random, world: World, folder: Path) -> Case:
    """Gaussians, plain or rigged."""
    name = random.choice(list(world.clouds))
    file = _written(random, folder / name, mutation.octets(random, world.clouds[name]))

    def read() -> None:
        from avatar_kit.io import load_rigged_gaussians, read_gaussian_ply

        (read_gaussian_ply if file.suffix == ".ply" else load_rigged_gaussians)(file)

    return read


KINDS: dict[str, Callable[[Random, World, Path], Case]] = {
    k.__name__: k
    for k in (
        *(config, overrides, setup, command, capture, run, plan, camera, path, performer, picture),
        *(video, motion, cloud),
    )
}


def _method(random: Random) -> list[str]:
    return ["--method", random.choice(["anr", "anr", "anr", "dnr", "ram", "splat", "r3", "mmlp"])]


def _text(random: Random) -> str:
    value = mutation.hostile(random)
    if random.random() < 0.2:
        return random.choice(mutation.YAML)
    return str(value) if random.random() < 0.7 else json.dumps(value)


def _flat(values: dict[str, Any], at: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in values.items():
        dotted = f"{at}.{key}" if at else key
        found.append((dotted, value))
        if isinstance(value, dict):
            found += _flat(value, dotted)
    return found


def _opencv() -> dict[str, Any]:
    return {
        "image_width": 64,
        "image_height": 64,
        "camera_matrix": {"rows": 3, "cols": 3, "data": [80, 0, 32, 0, 80, 32, 0, 0, 1]},
        "distortion_coefficients": [0.1, 0, 0, 0, 0],
    }


def _written(random: Random, file: Path, content: str | bytes) -> Path:
    """The file with the content, or, now and then, something else in its place."""
    data = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
    file.write_bytes(mutation.octets(random, data) if random.random() < 0.1 else data)
    if random.random() < 0.04:
        mutation.place(random, file)
    return file


def _spoil(random: Random, root: Path, record: str) -> None:
    """Change something in a folder: its record, bytes of a file, or what lies at a path."""
    kind = random.random()
    file = root / record
    if kind < 0.6:
        if file.suffix == ".json":
            values = mutation.structure(random, json.loads(file.read_text()))
            file.write_text(json.dumps(values))
        else:
            values = mutation.structure(random, yaml.safe_load(file.read_text()))
            file.write_text(yaml.safe_dump(values))
        return
    files = sorted(p for p in root.rglob("*") if p.is_file())
    chosen = random.choice([file, random.choice(files)])
    if kind < 0.85:
        chosen.write_bytes(mutation.octets(random, chosen.read_bytes()))
    else:
        mutation.place(random, random.choice([chosen, chosen.parent]) if chosen != root else chosen)


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
