"""Pickles of numbers, read without running anything that is in them.

A pickle is a program. This reader follows it with a table of constructors of our own in place of
every class and function that it names: arrays, numbers, sparse matrices and the arrays inside
chumpy's objects. A name that is not in the table ends the reading, before anything is built. The
files of ``joblib``, whose arrays lie between the parts of the pickle, and ``.npy`` files with one
pickled object are read in the same way.
"""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from avatar_kit.errors import UserError

#: Bytes that a compressed file may grow to.
_LARGEST = 2 << 30

#: How deep lists and mappings may lie in each other.
_DEEPEST = 64

_DAMAGE = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError),
    *(AttributeError, zlib.error, MemoryError, OverflowError, struct.error, AssertionError),
    *(RecursionError, NameError),
)


class _Refused(Exception):
    """A name that numbers do not need."""


class _Dtype:
    """``numpy.dtype`` of plain numbers, text, or ``object``."""

    def __init__(self, name: Any, *_: Any):
        self.dtype = np.dtype(name if isinstance(name, str) else name.decode("latin1"))
        if self.dtype.kind not in "biufcSUO":
            raise _Refused(f"numpy.dtype {self.dtype}")

    def __setstate__(self, state: tuple) -> None:
        if state[2] is not None or state[3] is not None:
            raise _Refused("numpy.dtype with fields")
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """``numpy.ndarray``, whose content comes afterwards."""

    value: Any = None

    def __setstate__(self, state: tuple) -> None:
        shape, dtype, fortran, raw = state[-4:]
        if isinstance(raw, list):  # an array of objects: what they are was checked on the way
            self.value = raw[0] if shape == () else raw
            return
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        self.value = _shaped(raw, dtype.dtype, shape, "F" if fortran else "C")


class _Attributes:
    """An object of which only the attributes matter."""

    state: dict

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


class _Chumpy(_Attributes):
    """``chumpy.Ch``: the array that it wraps."""

    @property
    def value(self) -> Any:
        """What it wraps."""
        if "x" not in self.state:
            raise _Refused("a chumpy expression without its values")
        return self.state["x"]


class _Sparse(_Attributes):
    """A matrix of ``scipy.sparse`` in compressed form, by columns or by rows."""

    def dense(self, by_columns: bool) -> np.ndarray:
        """The whole matrix."""
        parts = {key: _plain(self.state[key]) for key in ("data", "indices", "indptr")}
        whole = self.state["_shape"] if "_shape" in self.state else self.state["shape"]
        shape = tuple(int(n) for n in whole)
        if shape[0] * shape[1] * 8 > _LARGEST:
            raise ValueError(f"a matrix of {shape}")
        matrix = np.zeros(shape if not by_columns else shape[::-1])
        for row, (a, b) in enumerate(zip(parts["indptr"], parts["indptr"][1:], strict=False)):
            np.add.at(matrix[row], parts["indices"][a:b], parts["data"][a:b])
        return matrix.T if by_columns else matrix


class _Columns(_Sparse):
    @property
    def value(self) -> Any:
        """The whole matrix."""
        return self.dense(by_columns=True)


class _Rows(_Sparse):
    @property
    def value(self) -> Any:
        """The whole matrix."""
        return self.dense(by_columns=False)


class _JoblibArray(_Attributes):
    """``joblib``'s note that the bytes of an array follow in the file."""

    value: Any = None

    def fill(self, file: IO[bytes]) -> None:
        """Read those bytes."""
        state = self.state
        dtype = state["dtype"].dtype
        if dtype.hasobject:
            raise _Refused("an array of objects in a joblib file")
        count = int(np.prod(state["shape"], dtype=np.int64)) * dtype.itemsize
        if state.get("numpy_array_alignment_bytes") is not None:
            file.read(file.read(1)[0])
        self.value = _shaped(file.read(count), dtype, state["shape"], state["order"])


def _shaped(raw: Any, dtype: np.dtype, shape: tuple, order: Any) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(raw) != size:
        raise ValueError(f"an array {shape} of {dtype} holds {len(raw)} bytes, expected {size}")
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy()


def _scalar(dtype: _Dtype, raw: Any = b"") -> Any:
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    return _shaped(raw, dtype.dtype, (), "C")[()]


def _encoded(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _no_bytes(*given: Any) -> bytes:
    if given:
        raise _Refused("bytes with arguments")
    return b""


def _from_buffer(raw: Any, dtype: _Dtype, shape: tuple, order: str) -> Any:
    found = _Array()
    found.value = _shaped(raw, dtype.dtype, shape, order)
    return found


def _reconstructed(kind: type, *_: Any) -> Any:
    if kind not in (_Chumpy, _Columns, _Rows):
        raise _Refused(f"copyreg._reconstructor of {kind.__name__}")
    return kind()


#: Last parts of the packages' names have changed over time; their first part and the name count.
_KNOWN: dict[tuple[str, str], Callable] = {
    ("numpy", "_reconstruct"): lambda *_: _Array(),
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "scalar"): _scalar,
    ("numpy", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encoded,
    ("copyreg", "_reconstructor"): _reconstructed,
    ("copy_reg", "_reconstructor"): _reconstructed,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "object"): object,
    ("__builtin__", "object"): object,
    ("collections", "OrderedDict"): dict,
    ("scipy", "csc_matrix"): _Columns,
    ("scipy", "csr_matrix"): _Rows,
    ("chumpy", "Ch"): _Chumpy,
    ("joblib", "NumpyArrayWrapper"): _JoblibArray,
}


#: The unpickler that is written in Python, so that BUILD can be ours.
_Unpickler: Any = pickle._Unpickler


class _Reader(_Unpickler):
    dispatch: ClassVar[dict] = dict(_Unpickler.dispatch)

    def __init__(self, file: IO[bytes]):
        super().__init__(file, encoding="latin1")
        self.file = file

    def find_class(self, module: str, name: str) -> Any:
        """Ours in place of the one that is named."""
        found = _KNOWN.get((module.partition(".")[0], name))
        if found is None:
            raise _Refused(f"{module}.{name}")
        return found

    def load_build(self) -> None:
        """As ever; a note of joblib is followed by its array."""
        state, built = self.stack[-1], self.stack[-2]
        if not hasattr(type(built), "__setstate__") or isinstance(built, dict):
            raise _Refused(f"the state of a {type(built).__name__}")
        del self.stack[-1]
        built.__setstate__(state)
        if isinstance(built, _JoblibArray):
            built.fill(self.file)

    def load_bytearray8(self) -> None:
        """As ever, but what is not in the file is not allocated."""
        (length,) = struct.unpack("<Q", self.read(8))
        raw = self.read(min(length, _LARGEST))
        if len(raw) != length:
            raise EOFError(f"{length} bytes are announced, {len(raw)} are there")
        self.append(bytearray(raw))

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def read_pickled_numbers(path: Path) -> Any:
    """The numbers of a pickle, of a file of joblib, or of an ``.npy`` with one pickled object.

    Returns:
        Mappings, lists, texts, numbers and arrays, in each other as they are in the file.

    Raises:
        UserError: The file is missing or damaged, or names anything that is no array of numbers:
            it is not read further then, and nothing of it has run.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        return _plain(_Reader(_opened(raw)).load())
    except _Refused as error:
        raise UserError(
            f"{path}: a pickle that names {error}, which is no array of numbers and could run "
            "code; nothing of it was run. Save the arrays alone, with numpy.savez"
        ) from None
    except _DAMAGE as error:
        raise UserError(f"{path}: is no pickle of numbers, or damaged ({error})") from None


def _opened(raw: bytes) -> IO[bytes]:
    """The pickle itself: unpacked, or behind the header of an npy."""
    if raw[:1] == b"\x78":  # zlib, as joblib compresses
        unpacking = zlib.decompressobj()
        raw = unpacking.decompress(raw, _LARGEST)
        if unpacking.unconsumed_tail:
            raise ValueError(f"it unpacks to more than {_LARGEST >> 30} GiB")
    file = io.BytesIO(raw)
    if raw[:6] == b"\x93NUMPY":
        version = np.lib.format.read_magic(file)
        old = version == (1, 0)
        read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        dtype = read(file)[2]
        if not dtype.hasobject:
            raise ValueError("an npy of plain numbers; read it as one")
    return file


def _plain(value: Any, depth: int = 0) -> Any:
    """What was read, with what stands for an array replaced by the array."""
    if depth > _DEEPEST:
        raise ValueError(f"lists lie more than {_DEEPEST} deep in each other")
    if isinstance(value, _Array | _Attributes):
        return _plain(getattr(value, "value", None), depth + 1)
    if isinstance(value, dict):
        return {key: _plain(held, depth + 1) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(held, depth + 1) for held in value)
    if isinstance(value, _Dtype) or callable(value):
        raise _Refused(f"a {type(value).__name__} by itself")
    return value
