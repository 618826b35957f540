"""The run folder: everything a training leaves behind, readable by a person."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from avatar_kit import __version__
from avatar_kit.config import MethodConfig, dump_yaml, load_yaml, resolve_method
from avatar_kit.config.layers import dump_method
from avatar_kit.engine.claim import LOCK, OWNER
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.io.atomic import atomic_path
from avatar_kit.scene import Camera

#: Says of a run of several people who they are; each has a run folder of the same name.
PEOPLE = "people.json"

#: What a training writes before its first checkpoint.
_AT_START = {
    *("config.yaml", "environment.json", "subject.json", PEOPLE, "training_motion.npz"),
    *("coverage.npz", "log.jsonl", "tensorboard", "checkpoints"),
}


@dataclass(frozen=True)
class Subject:
    """Who the avatar is of and how it was seen: what rendering needs instead of the capture.

    Attributes:
        capture: Name of the capture.
        capture_key: Digest of its content.
        body: Registered name of the body model.
        body_asset: Id and sha256 of the body model's data.
        shape: Shape values by name.
        cameras: Name -> camera of the trained picture, a batch of one, the main one first. A camera
            that moves is given as it was at the first training frame.
        training_frames: Number of training frames.
        fps: Frame rate of the capture.
        clips: Lengths of the clips that the training frames make, in their order.
    """

    capture: str
    capture_key: str
    body: str
    body_asset: dict[str, str]
    shape: dict[str, float]
    cameras: dict[str, Camera]
    training_frames: int
    fps: float
    clips: list[int]

    @property
    def camera(self) -> Camera:
        """The main camera."""
        return next(iter(self.cameras.values()))

    def check_asset(self, body: Body, where: Path) -> None:
        """Refuse a body model that differs from the one trained with.

        Raises:
            UserError: The sha256 of the body's data is another one.
        """
        if body.asset.sha256 != self.body_asset["sha256"]:
            raise UserError(
                f"{where}: trained with the body data {self.body_asset['name']} "
                f"(sha256 {self.body_asset['sha256'][:12]}), here is {body.asset.name} "
                f"({body.asset.sha256[:12]}); install the same version"
            )


class RunFolder:
    """Paths and small files of a run."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self.checkpoints = self.root / "checkpoints"
        self.log = self.root / "log.jsonl"

    @classmethod
    def create(cls, root: Path) -> RunFolder:
        """Make a new run folder.

        Raises:
            UserError: It exists and is not empty.
        """
        cls.check_free(root)
        run = cls(root)
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        return run

    @classmethod
    def check_free(cls, root: Path) -> None:
        """Refuse a place that is in use.

        Raises:
            UserError: It exists and is not empty; the message says how to go on with a run that
                lies there.
        """
        run = cls(root)
        if not root.exists() or (root.is_dir() and not run._content()):
            return
        if run.ended_early():
            raise UserError(run.how_to_start_again())
        go_on = f", or go on with  avatar-kit train --resume {root}" if run.has_config() else ""
        raise UserError(f"{root}: the output folder is not empty; choose another --out{go_on}")

    def has_config(self) -> bool:
        """Whether a run lies here."""
        return (self.root / "config.yaml").is_file()

    def ended_early(self) -> bool:
        """Whether a training began here and ended before it saved anything."""
        content = self._content()
        return bool(content) and content <= _AT_START and not any(self.checkpoints.glob("step-*"))

    def how_to_start_again(self) -> str:
        """What to say of a run that :meth:`ended_early`."""
        return (
            f"{self.root}: a training began here and ended before its first checkpoint; start it "
            f"again with  avatar-kit train --out {self.root} --resume auto"
        )

    def forget_start(self) -> None:
        """Remove what a run that :meth:`ended_early` left.

        Raises:
            UserError: There is more.
        """
        if not self.ended_early():
            self.check_free(self.root)
        for name in _AT_START & self._content():
            path = self.root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def is_measured(self) -> bool:
        """Whether what came out is measured, of everybody."""
        roots = [self.person(name) for name in self.people()] or [self.root]
        return all((root / "summary.json").is_file() for root in roots)

    def _content(self) -> set[str]:
        """Names of what is here, without the lock and files that were never finished."""
        names = {path.name for path in self.root.iterdir()} if self.root.is_dir() else set()
        return {n for n in names if n not in (LOCK, OWNER) and ".partial" not in n}

    @classmethod
    def open(cls, root: Path) -> RunFolder:
        """Open an existing run.

        Raises:
            UserError: It is not a run folder.
        """
        run = cls(root)
        if run.ended_early() and not run.has_config():
            raise UserError(run.how_to_start_again())
        if not run.has_config():
            raise UserError(f"{root}: not a run folder (no config.yaml)")
        return run

    @classmethod
    def open_person(cls, root: Path) -> RunFolder:
        """Open an existing run of one person.

        Raises:
            UserError: It is not a run folder, or one of several people.
        """
        run = cls.open(root)
        if people := run.people():
            example = run.person(people[0])
            raise UserError(
                f"{root} holds {len(people)} people: {', '.join(people)}; name one, e.g. {example}"
                + ("" if example.is_dir() else ", which is there when all steps are done")
            )
        return run

    def people(self) -> list[str]:
        """Names of the people in a run of several; none in one of one person."""
        return list(self.read_json(PEOPLE)) if (self.root / PEOPLE).exists() else []

    def person(self, name: str) -> Path:
        """The run folder of one of several people."""
        return self.root / Path(PEOPLE).stem / folder_name(name)

    @staticmethod
    def default_path(method: str, capture: str) -> Path:
        """``runs/METHOD-CAPTURE-DATE-TIME``."""
        return Path("runs") / f"{method}-{folder_name(capture)}-{datetime.now():%Y%m%d-%H%M%S}"

    def write_config(self, config: MethodConfig) -> None:
        """Save the config as plain YAML."""
        with atomic_path(self.root / "config.yaml") as path:
            path.write_text(dump_yaml(dump_method(config)))

    def read_config(
        self, overrides: dict[str, Any] | None = None, origin: str = "command line"
    ) -> MethodConfig:
        """The saved config with values laid over it; ``origin`` is where these come from."""
        file = self.root / "config.yaml"
        saved = load_yaml(file)
        if "type" not in saved:
            raise UserError(f"{file}: the key 'type' (the method) is missing")
        return resolve_method(saved["type"], file=file, overrides=overrides, origin=origin).config

    def write_subject(self, subject: Subject) -> None:
        """Save what rendering needs to know of the person and the cameras."""
        values = {k: v for k, v in vars(subject).items() if k != "cameras"}
        values["cameras"] = {
            name: {
                "K": camera.K[0].tolist(),
                "R": camera.R[0].tolist(),
                "t": camera.t[0].tolist(),
                "width": camera.width,
                "height": camera.height,
            }
            for name, camera in subject.cameras.items()
        }
        self.write_json("subject.json", values)

    def read_subject(self) -> Subject:
        """The inverse of :meth:`write_subject`.

        Raises:
            UserError: The file is missing, damaged, or of another version of avatar-kit.
        """
        values = self.read_json("subject.json")
        try:
            cameras = {
                name: Camera(
                    torch.tensor(about["K"]),
                    torch.tensor(about["R"]),
                    torch.tensor(about["t"]),
                    about["width"],
                    about["height"],
                )
                for name, about in values.pop("cameras").items()
            }
            return Subject(**values, cameras=cameras)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UserError(
                f"{self.root / 'subject.json'}: not as this version of avatar-kit writes it; train "
                "again, or use the version that wrote the run (environment.json)"
            ) from None

    def write_json(self, name: str, values: dict[str, Any]) -> Path:
        """Write a JSON file of the run, whole or not at all."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as path:
            path.write_text(json.dumps(values, indent=1))
        return target

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file of the run.

        Raises:
            UserError: It is missing or damaged.
        """
        path = self.root / name
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            raise UserError(f"{path}: missing; is the run complete?") from None
        except ValueError:
            raise UserError(f"{path}: not valid JSON") from None

    def append_log(self, line: dict[str, Any]) -> None:
        """Add a line to ``log.jsonl``."""
        with self.log.open("a") as file:
            file.write(json.dumps({"time": round(time.time(), 3), **line}) + "\n")


def folder_name(name: str) -> str:
    """The name of a capture as that of a folder, which lies in its parent whatever the name is."""
    return re.sub(r"[^\w.-]+", "-", name).lstrip(".-")[:100] or "capture"


@contextmanager
def whole_run(root: Path) -> Iterator[RunFolder]:
    """A run folder that is written elsewhere and put in its place when it is whole.

    It replaces what was there.
    """
    partial = root.parent / f".{root.name}.part"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield RunFolder.create(partial)
        shutil.rmtree(root, ignore_errors=True)
        os.replace(partial, root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def environment(device: torch.device) -> dict[str, Any]:
    """Versions and hardware, for ``environment.json``."""
    packages: dict[str, str | None] = {}
    for name in ("torch", "numpy", "pydantic", "anny", "numba", "av", "mediapipe", "gsplat"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    cuda = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "avatar_kit": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "device": str(device),
        "gpu": cuda,
        "threads": torch.get_num_threads(),
        "packages": packages,
    }
