"""Numbered pictures in a folder, which can be gone on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.documents import read_json
from avatar_kit.io.image import write_image
from avatar_kit.io.synthetic import Synthetic

#: What the pictures of a folder are of.
RECORD = "rendering.json"


class PictureFolder:
    """PNG pictures ``000000.png``, ``000001.png``, ... and what they are of, each there or not.

    Where some are there already, of the same thing, the next one is written after them. A context
    manager, as :class:`~avatar_kit.io.VideoWriter` is.

    Args:
        root: The folder; it need not exist.
        about: What the pictures are of: anything JSON can hold. Two foldersful are the same where
            it is equal.
        synthetic: What the pictures say of themselves.

    Attributes:
        done: Pictures that are there.

    Raises:
        UserError: ``root`` is a file, holds something else, or pictures of something else.
    """

    def __init__(
        self, root: str | Path, about: Mapping[str, Any], synthetic: Synthetic | None = None
    ):
        self.root = Path(root)
        self._synthetic = synthetic
        self.about = json.loads(json.dumps(about))
        if self.root.exists() and not self.root.is_dir():
            raise UserError(f"{root}: is a file; choose another folder, or give it a suffix")
        if self.root.is_dir() and any(self.root.iterdir()):
            self._check(self.root / RECORD)
        self.done = 0
        while self.path(self.done).exists():
            self.done += 1

    def _check(self, record: Path) -> None:
        if not record.exists():
            raise UserError(
                f"{self.root}: not empty, and no rendering (no {RECORD}); choose another folder"
            )
        try:
            before = read_json(record, what="record of a rendering")
        except UserError as error:
            raise UserError(f"{error}; choose another folder") from None
        known = before if isinstance(before, dict) else {}
        keys = dict.fromkeys([*self.about, *known])
        if changed := [key for key in keys if known.get(key) != self.about.get(key)]:
            raise UserError(
                f"{self.root}: holds another rendering, which differs in {', '.join(changed)}; "
                "choose another folder, or remove this one to start anew"
            )

    def path(self, number: int) -> Path:
        """Where a picture is or will be."""
        return self.root / f"{number:06d}.png"

    def __enter__(self) -> PictureFolder:
        self.root.mkdir(parents=True, exist_ok=True)
        for left in self.root.glob(".*.partial.*"):  # of a process that was killed
            left.unlink()
        with atomic_path(self.root / RECORD) as path:
            path.write_text(json.dumps(self.about, indent=1))
        return self

    def write(self, image: np.ndarray) -> None:
        """Append a picture: [H, W, 3] RGB or [H, W, 4] RGBA with straight alpha, uint8."""
        write_image(self.path(self.done), image, synthetic=self._synthetic)
        self.done += 1

    def __exit__(self, *error: object) -> None:
        """Keep what is there."""
