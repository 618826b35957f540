"""Model files that a person may add: what a component declares, and where the files are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avatar_kit.errors import UserError, near
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir
from avatar_kit.io.digest import file_digest

_BLOCK = 1 << 18
#: Seconds without an answer after which a download is given up.
_TIMEOUT = 30.0


@dataclass(frozen=True)
class ModelFile:
    """A model that is not part of the program: known by its digest, kept in the cache.

    Attributes:
        name: What a person types, and the name of the kept file.
        purpose: What is better with it, in a few words.
        size: Bytes.
        licence: Of the model.
        url: Where its publisher offers it.
        sha256: Digest of the file.
    """

    name: str
    purpose: str
    size: int
    licence: str
    url: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where the file is kept; it need not be there."""
        return cache_dir("models") / self.name

    def here(self) -> bool:
        """Whether the file is kept, going by its size."""
        path = self.path
        return path.is_file() and path.stat().st_size == self.size

    def genuine(self) -> Path:
        """The kept file, its digest checked.

        Raises:
            UserError: It is not there, or it is damaged.
        """
        if not self.path.is_file():
            raise UserError(
                f"model '{self.name}' is not here: run  avatar-kit models get {self.name}"
            )
        found = file_digest(self.path)
        if found != self.sha256:
            raise UserError(
                f"{self.path}: damaged (sha256 {found[:12]}..., expected {self.sha256[:12]}...): "
                f"run  avatar-kit models get {self.name}"
            )
        return self.path


def add_model(file: Path, known: Sequence[ModelFile]) -> ModelFile:
    """Keep a file that a person has.

    Args:
        file: Of any name; its digest says what it is.
        known: The models that are declared.

    Raises:
        UserError: It cannot be read, or is none of them.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    digest = file_digest(file)
    model = next((m for m in known if m.sha256 == digest), None)
    if model is None:
        expected = "; ".join(f"{m.name} {m.sha256}" for m in known) or "none"
        raise UserError(f"{file}: sha256 {digest} is none of the known models: {expected}")
    if not (model.here() and file.samefile(model.path)):
        with atomic_path(model.path) as partial:
            shutil.copyfile(file, partial)
            _check(partial, model, str(file))
    return model


def get_model(model: ModelFile, report: Callable[[int], None]) -> Path:
    """Download a model from its publisher.

    Args:
        model: Which.
        report: Told how many bytes are there.

    Raises:
        UserError: The publisher cannot be reached, or what came is not the model.
    """
    import urllib.request
    from http.client import HTTPException
    from urllib.error import URLError

    with atomic_path(model.path) as partial:
        try:
            with (
                urllib.request.urlopen(model.url, timeout=_TIMEOUT) as answer,
                open(partial, "wb") as file,
            ):
                done = 0
                while (block := answer.read(_BLOCK)) and done <= model.size:
                    file.write(block)
                    done += len(block)
                    report(done)
        except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise UserError(
                f"{model.url}: cannot be downloaded ({reason}); get the file in another way and "
                "run  avatar-kit models add FILE"
            ) from None
        _check(partial, model, model.url)
    return model.path


def find_model(name: str, known: Sequence[ModelFile]) -> ModelFile:
    """A declared model by its name.

    Raises:
        UserError: There is none; says the near match.
    """
    for model in known:
        if model.name == name:
            return model
    names = [m.name for m in known]
    hint = near(name, names) or f"; known: {', '.join(names) or 'none'}"
    raise UserError(f"unknown model '{name}'{hint}")


def _check(file: Path, model: ModelFile, source: str) -> None:
    digest = file_digest(file)
    if digest != model.sha256:
        raise UserError(
            f"{source}: sha256 is {digest}, expected {model.sha256} of '{model.name}'; "
            "nothing was kept"
        )
