"""The run folder: everything a training leaves behind, readable by a person."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from avatar_kit.config import MethodConfig, dump_yaml, load_yaml, resolve_method
from avatar_kit.config.layers import dump_method
from avatar_kit.engine.claim import LOCK, OWNER
from avatar_kit.engine.foreign import missing_parts
from avatar_kit.engine.records import SubjectRecord
from avatar_kit.engine.subject import Subject
from avatar_kit.errors import UserError, shown
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.documents import read_json, validated
from avatar_kit.scene import Camera

#: Says of a run of several people who they are; each has a run folder of the same name.
PEOPLE = "people.json"

#: What a training writes before its first checkpoint.
_AT_START = {
    *("config.yaml", "environment.json", "subject.json", PEOPLE, "training_motion.npz"),
    *("coverage.npz", "log.jsonl", "tensorboard", "checkpoints"),
}

_OTHER_VERSION = (
    "train again, or use the version of avatar-kit that wrote the run (environment.json)"
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
        go_on = f", or continue with  avatar-kit train --resume {root}" if run.has_config() else ""
        raise UserError(f"{root}: the output folder is not empty; choose another --out{go_on}")

    def has_config(self) -> bool:
        """Whether a run lies here."""
        return self._has("config.yaml")

    def _has(self, name: str) -> bool:
        return (self.root / name).is_file()

    def ended_early(self) -> bool:
        """Whether a training began here and ended before it saved anything."""
        content = self._content()
        return bool(content) and content <= _AT_START and not any(self.checkpoints.glob("step-*"))

    def how_to_start_again(self) -> str:
        """What to say of a run that :meth:`ended_early`."""
        return (
            f"{self.root}: a training started here and ended before its first checkpoint; start "
            f"it again with  avatar-kit train --out {self.root} --resume auto"
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
                f"{root} contains {len(people)} people: {', '.join(people)}; name one, e.g. "
                f"{example}"
                + ("" if example.is_dir() else ", which is there when all steps are done")
            )
        return run

    def people(self) -> list[str]:
        """Names of the people in a run of several; none in one of one person."""
        if not (self.root / PEOPLE).exists():
            return []
        people = self.read_json(PEOPLE)
        if not people or not all(isinstance(about, dict) for about in people.values()):
            raise UserError(
                f"{self.root / PEOPLE}: expected a mapping of what is known of each person; "
                f"{_OTHER_VERSION}"
            )
        return list(people)

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
        if not isinstance(saved.get("type"), str):
            raise UserError(
                f"{file}: type: expected the name of a method, got {shown(saved.get('type'))}"
            )
        try:
            found = resolve_method(saved["type"], file=file, overrides=overrides, origin=origin)
        except UserError as error:
            recorded = self.read_json("environment.json") if self._has("environment.json") else {}
            missing = missing_parts(recorded.get("plugins", {}))
            raise UserError(f"{error}{missing}") from None
        return found.config

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
        path = self.root / "subject.json"
        record = validated(SubjectRecord, self.read_json(path.name), path, _OTHER_VERSION)
        cameras = {
            name: Camera(torch.tensor(c.K), torch.tensor(c.R), torch.tensor(c.t), c.width, c.height)
            for name, c in record.cameras.items()
        }
        for name, camera in cameras.items():
            if fault := camera.fault():
                raise UserError(f"{path}: cameras.{name}.{fault}; {_OTHER_VERSION}")
        return Subject(**record.model_dump(exclude={"cameras"}), cameras=cameras)

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
        values = read_json(path, what="file of a run", fix="is the run complete?")
        if not isinstance(values, dict):
            raise UserError(f"{path}: expected a mapping of keys, found {shown(values)}")
        return values

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
