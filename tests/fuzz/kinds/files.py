"""Single files."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.fuzz import mutation
from tests.fuzz.damage import Case, damaged, written
from tests.fuzz.world import CAMERA, PATH, PERFORMER, World


def camera(random: Random, world: World, folder: Path) -> Case:
    """The calibration of a camera, for a video."""
    text = json.dumps(mutation.structure(random, CAMERA))
    if random.random() < 0.4:
        text = yaml.safe_dump(mutation.structure(random, _opencv()))
    if random.random() < 0.2:
        text = mutation.lines(random, "1 OPENCV 64 64 80 80 32 32 0.1 0 0 0\n")
    file = written(random, folder / "K.json", text)
    (folder / "clip.mp4").write_bytes(world.video)

    def read() -> None:
        from avatar_kit.io import ReadOptions, read_video

        next(iter(read_video(folder / "clip.mp4", ReadOptions(camera=file))))

    return read


def path(random: Random, world: World, folder: Path) -> Case:
    """A camera path, and a motion seen along it."""
    file = written(random, folder / "path.json", json.dumps(mutation.structure(random, PATH)))

    def read() -> None:
        from avatar_kit.engine.cameras import along_path

        loaded = world.avatar._loaded
        along_path(loaded, loaded.training_motion[[0, 1]], file)

    return read


def performer(random: Random, world: World, folder: Path) -> Case:
    """The file of a performer."""
    file = written(random, folder / "p.json", json.dumps(mutation.structure(random, PERFORMER)))

    def read() -> None:
        from avatar_kit.live.starting import known_performer

        known_performer(file, "mediapipe", lambda line: None)

    return read


def picture(random: Random, world: World, folder: Path) -> Case:
    """A picture, alone or in a folder that is read as a video."""
    name = random.choice(list(world.pictures))
    folder = folder / "pictures"
    folder.mkdir()
    (folder / f"0{name}").write_bytes(world.pictures[name])
    file = written(random, folder / f"1{name}", mutation.octets(random, world.pictures[name]))
    mode, chosen = random.choice(["RGB", "L", "RGBA"]), random.randrange(3)

    def read() -> None:
        from avatar_kit.engine.background import read_background
        from avatar_kit.io import read_image, read_video

        if chosen == 0:
            read_image(file, mode=mode, upright=True)
        elif chosen == 1:
            read_background(str(file))
        else:
            list(read_video(folder))

    return read


def video(random: Random, world: World, folder: Path) -> Case:
    """A video, and its sound."""
    name = random.choice(list(world.videos))
    file = written(random, folder / name, mutation.octets(random, world.videos[name]))
    sound = random.random() < 0.3

    def read() -> None:
        from avatar_kit.io import VideoWriter, read_video
        from avatar_kit.io.sound import Sound

        if sound:
            heard = Sound.of(file, ((0.0, 0.2),))
            with VideoWriter(folder / "o.mp4", 25, (64, 64), sound=heard) as out:
                for _ in range(5):
                    out.write(world.colours)
            return
        for frame, _ in zip(read_video(file), range(4), strict=False):
            assert frame is not None

    return read


def cloud(random: Random, world: World, folder: Path) -> Case:
    """Gaussians, plain or rigged."""
    name = random.choice(list(world.clouds))
    file = written(random, folder / name, damaged(random, name, world.clouds[name]))

    def read() -> None:
        from avatar_kit.io import load_rigged_gaussians, read_gaussian_ply

        (read_gaussian_ply if file.suffix == ".ply" else load_rigged_gaussians)(file)

    return read


def prior(random: Random, world: World, folder: Path) -> Case:
    """A pose prior: an aligner learns from it, and aligns a pose."""
    name = "prior.safetensors"
    file = written(random, folder / name, damaged(random, name, world.prior))

    def read() -> None:
        from avatar_kit.registry import catalog

        component = catalog().get("aligner", "mda")
        values = {"type": "mda", "prior": file, "latent": 4, "width": 8}
        short = {"learn_avatar": {"steps": 1, "batch": 2}}
        aligner = component.load()(component.config.model_validate(values | short))
        aligner.learn([world.walk])
        found, _ = aligner.step(world.walk[[0]], None)
        assert bool(found.is_finite().all()), "the prior gives a pose that is not finite"

    return read


def model(random: Random, world: World, folder: Path) -> Case:
    """The model file of a body."""
    name = random.choice(list(world.models))
    file = written(random, folder / name, damaged(random, name, world.models[name]))

    def read() -> None:
        from avatar_kit.registry import catalog

        component = catalog().get("body", "smplx")
        body = component.load()(component.config.model_validate({"type": "smplx", "model": file}))
        posed = body(body.from_motion(world.walk[[0]], body.default_shape()))
        assert bool(posed.vertices.isfinite().all()), "vertices that are not finite"

    if random.random() < 0.1:
        return ["models", "add", str(file)]
    return read


def certificate(random: Random, world: World, folder: Path) -> Case:
    """A certificate and its key, to sign with."""
    chain, key = world.certificate
    if random.random() < 0.5:
        chain = damaged(random, "c.pem", chain)
    else:
        key = damaged(random, "k.pem", key)
    chain_file, key_file = folder / "c.pem", folder / "k.pem"
    written(random, chain_file, chain), written(random, key_file, key)

    def read() -> None:
        from avatar_kit.cli.signing import chosen_signer
        from avatar_kit.io import write_image
        from avatar_kit.io.synthetic import Synthetic

        signer = chosen_signer(True, chain_file, key_file, lambda line: None)
        about = Synthetic("a", "b", "c", signer=signer)
        write_image(folder / "signed.png", world.colours, synthetic=about)

    return read


def _opencv() -> dict[str, Any]:
    return {
        "image_width": 64,
        "image_height": 64,
        "camera_matrix": {"rows": 3, "cols": 3, "data": [80, 0, 32, 0, 80, 32, 0, 0, 1]},
        "distortion_coefficients": [0.1, 0, 0, 0, 0],
    }
