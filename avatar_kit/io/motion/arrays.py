"""Reading array files and checking the motion that came out of them."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.documents import check_regular
from avatar_kit.io.pickled_values import as_native
from avatar_kit.io.plain_pickle import LARGEST as _LARGEST
from avatar_kit.io.plain_pickle import unpickled
from avatar_kit.scene.motion import Motion

#: What numpy and zipfile raise at a damaged file.
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError),
    *(SyntaxError, tokenize.TokenError),  # numpy's, of a header
)

#: Bytes that the header of an array may take; those of real ones take some hundred.
_LARGEST_HEADER = 1 << 16

#: Bytes that the pickled objects of an array may take.
_LARGEST_OBJECTS = 1 << 30


class NpzArrays(Mapping[str, Any]):
    """The arrays of an npz, each read when it is asked for.

    What nobody asks for is never read. Entries that claim more than they can hold are refused
    before anything is allocated. Pickled entries are read as plain data, see
    :mod:`avatar_kit.io.plain_pickle`.

    Attributes:
        objects: Names of the entries that are pickled objects.
    """

    def __init__(self, path: Path):
        self.path, self._read = path, dict[str, Any]()
        self._names: list[str] = []
        self.objects: list[str] = []
        check_regular(path, "motion file")
        try:
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    if member.filename.endswith(".npy"):
                        self._list(archive, member)
        except DAMAGE as error:
            raise UserError(f"{path}: {_not_numpy(error)}") from None

    def _list(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        name = member.filename.removesuffix(".npy")
        with archive.open(member) as file:
            shape, dtype = _header(file)
        if dtype.hasobject:
            self.objects.append(name)
            self._names.append(name)
            return
        _check_size(shape, dtype, member.file_size, f"{self.path}: key '{name}'")
        self._names.append(name)

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            try:
                with zipfile.ZipFile(self.path) as archive, archive.open(f"{name}.npy") as file:
                    if name in self.objects:
                        self._read[name] = _objects(file, f"{self.path}: key '{name}'")
                    else:
                        self._read[name] = _numbers(file)
            except DAMAGE as error:
                raise UserError(f"{self.path}: key '{name}' is damaged ({error})") from None
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _numbers(file: IO[bytes]) -> np.ndarray:
    return as_native(np.lib.format.read_array(file, allow_pickle=False))


def read_npz(path: Path) -> NpzArrays:
    """The arrays of an npz.

    Raises:
        UserError: The file is missing, is no npz, or is damaged.
    """
    return NpzArrays(path)


def read_npy(path: Path) -> Any:
    """The array of an npy; of pickled objects the plain data they are.

    Raises:
        UserError: The file is missing, is no npy, is damaged, or would run code.
    """
    check_regular(path, "motion file")
    try:
        with path.open("rb") as file:
            shape, dtype = _header(file)
            if dtype.hasobject:
                file.seek(0)
                return _objects(file, str(path))
            _check_size(shape, dtype, path.stat().st_size, str(path))
            file.seek(0)
            return _numbers(file)
    except DAMAGE as error:
        if zipfile.is_zipfile(path):
            raise UserError(f"{path}: holds several arrays; name it .npz") from None
        raise UserError(f"{path}: {_not_numpy(error)}") from None


def _objects(file: IO[bytes], what: str) -> Any:
    """The pickled objects of an entry: one alone, or a list of them."""
    _header(file)
    content = bytearray()
    while part := file.read(1 << 20):
        content += part
        if len(content) > _LARGEST_OBJECTS:
            raise UserError(
                f"{what} unpacks to more than {_LARGEST_OBJECTS >> 30} GiB; no motion is so large"
            )
    found = unpickled(bytes(content), what)
    return found.item() if isinstance(found, np.ndarray) and found.size == 1 else found


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    begins, width = file.tell(), 2 if version == (1, 0) else 4
    length = int.from_bytes(file.read(width), "little")
    if length > _LARGEST_HEADER:  # numpy would ask for as much memory at once
        raise ValueError(f"a header of {length} bytes")
    file.seek(begins)
    read = np.lib.format.read_array_header_1_0
    shape, _, dtype = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
    return shape, dtype


def _check_size(shape: tuple[int, ...], dtype: np.dtype, held: int, what: str) -> None:
    """Refuse an array that says it is larger than what holds it, or than any motion.

    Raises:
        UserError: It is.
    """
    size = math.prod(shape) * dtype.itemsize
    if size > held or size > _LARGEST:
        raise UserError(
            f"{what} says it is an array {shape} of {dtype}, {size / 2**30:.3g} GiB; "
            + (f"the file holds {held / 2**30:.3g} GiB of it" if size > held else "no motion is")
        )


def _not_numpy(error: Exception) -> str:
    """Why a file cannot be read, without numpy's advice to load it unsafely."""
    return f"cannot be read ({error}); is it a numpy file, whole?"


def checked(motion: Motion, path: Path) -> Motion:
    """The motion, if it has frames and every value is finite.

    Raises:
        UserError: No frames; or NaN or infinity, with the first bad frame.
    """
    if len(motion) == 0:
        raise UserError(f"{path}: the motion has no frames")
    finite = motion.is_finite()
    if not finite.all():
        bad = (~finite).nonzero().flatten().tolist()
        raise UserError(
            f"{path}: pose of frame {bad[0]} is not finite (NaN or infinity; {len(bad)} frame(s) "
            "in all); mend or cut these frames"
        )
    return motion
