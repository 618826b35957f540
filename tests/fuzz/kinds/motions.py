"""Motion files, and what goes with them."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import yaml

from tests.fuzz import content, mutation
from tests.fuzz.damage import Case, damaged, spoil, written
from tests.fuzz.world import JOINT_MAP, World


def motion(random: Random, world: World, folder: Path) -> Case:
    """A motion file of any layout but glTF."""
    return _read(random, _motion_file(random, world, folder))


def gltf(random: Random, world: World, folder: Path) -> Case:
    """A glTF file, one of other programs or one of ours."""
    return _read(random, _gltf_file(random, world, folder))


def frames(random: Random, world: World, folder: Path) -> Case:
    """A folder with a motion file for each frame."""
    name = random.choice(list(world.frame_folders))
    root = folder / name
    shutil.copytree(world.frame_folders[name], root)
    files = sorted(root.iterdir())
    spoil(random, root, random.choice(files).name)
    return _read(random, root)


def corpus(random: Random, world: World, folder: Path) -> Case:
    """A folder of motions that an aligner learns from, one of them damaged."""
    root = folder / "corpus"
    root.mkdir()
    (root / "good.npz").write_bytes(world.motions["own.npz"])
    _motion_file(random, world, root)
    leave_out = random.choice([None, None, None, "good", "(", "x", ""])

    def read() -> None:
        from avatar_kit.engine.corpus import gather_corpus

        gather_corpus([root], leave_out=leave_out)

    return read


def joint_map(random: Random, world: World, folder: Path) -> Case:
    """A file that names joints, and a skeleton that it is for."""
    (folder / "walk.bvh").write_bytes(world.motions["mixamo.bvh"])
    text = yaml.safe_dump(mutation.structure(random, JOINT_MAP))
    if random.random() < 0.4:
        text = mutation.lines(random, yaml.safe_dump(JOINT_MAP))
    if random.random() < 0.1:
        text = random.choice(mutation.YAML)
    file = written(random, folder / "map.yaml", text)

    def read() -> None:
        from avatar_kit.io.motion import MotionOptions, read_file

        read_file(folder / "walk.bvh", options=MotionOptions(joints=file))

    return read


def drive(random: Random, world: World, folder: Path) -> Case:
    """A command that takes a motion file, with options of how to read it."""
    make = _gltf_file if random.random() < 0.4 else _motion_file
    file, options = make(random, world, folder), _options(random, world, folder)
    command = random.choice(["render", "export", "export", "align", "info", "convert", "preview"])
    if command in ("info", "convert", "preview"):
        out = {"info": ["--json"], "preview": ["--out", f"{folder}/o.mp4"]}
        convert = ["--out", f"{folder}/{random.choice(['o.npz', 'o.bvh'])}"]
        kept = [word for word in options if command != "preview" or word != "--face"]
        return ["motion", command, str(file), *out.get(command, convert), *kept]
    if command == "render":
        out = ["--out", f"{folder}/o.mp4", "--frames", "1", "--no-sound"]
        return ["render", str(world.run), "--motion", str(file), *out, *options]
    if command == "align":
        out = ["--out", f"{folder}/o.npz", "--align", random.choice(["none", "pca_clamp"])]
        return ["align", str(world.run), "--motion", str(file), *out, *options]
    to = random.choice(["o.bvh", "o.npz", "o.glb"])
    frames = ["--frames", random.choice(["0", "1", "2", "99"])]
    given = ["texture=64", "pictures=2"] if to == "o.glb" else frames
    out = ["--to", f"{folder}/{to}", *given]
    return ["export", str(world.run), "--motion", str(file), *out, *options]


def _options(random: Random, world: World, folder: Path) -> list[str]:
    """How a motion file is read: mostly not said."""
    given: list[str] = []
    if random.random() < 0.2:
        given += ["--up", random.choice(["y", "z", "-y", "x", "auto", "w", ""])]
    if random.random() < 0.2:
        given += ["--unit", random.choice(["m", "cm", "mm", "in", "km"])]
    if random.random() < 0.2:
        given += ["--motion-fps", random.choice(["30", "nan", "0", "1e9", "-1", "5"])]
    if random.random() < 0.1:
        given += ["--clip", random.choice(["0", "1", "walk", "-1", "", "99"])]
    if random.random() < 0.1:
        file = written(random, folder / "map.yaml", yaml.safe_dump(JOINT_MAP))
        given += ["--map", str(file)]
    return given


def _motion_file(random: Random, world: World, folder: Path) -> Path:
    name = random.choice(list(world.motions))
    return written(random, folder / name, damaged(random, name, world.motions[name]))


def _gltf_file(random: Random, world: World, folder: Path) -> Path:
    name = random.choice([*world.gltf_files, "walk.glb"])
    data, suffix = world.gltf_files[name], ".glb"
    if random.random() < 0.75:
        suffix, data = content.gltf(random, data)
    else:
        data = mutation.octets(random, data)
    return written(random, folder / f"{Path(name).stem}{suffix}", data)


def _read(random: Random, file: Path) -> Case:
    fps = random.choice([None, None, 12.5])

    def read() -> None:
        from avatar_kit.io import list_clips, load_motion

        for name in list_clips(file)[:2]:
            load_motion(file, fps, clip=name)
        load_motion(file, fps)

    return read
