"""What the named functions of a pickle stand for: arrays, numbers and tensors from their bytes."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

#: Bytes that a sparse matrix may have as a whole one.
_LARGEST = 2 << 30


class Shell:
    """An array or a type of numbers whose state is still to come.

    Attributes:
        meaning: "array", "dtype" or "joblib", or a key of :data:`HELD`.
        dtype: Of a type of numbers, before its byte order is known.
        kept: Numbers under which the pickle remembers it.
    """

    def __init__(self, meaning: str, dtype: np.dtype | None = None):
        self.meaning, self.dtype = meaning, dtype
        self.kept: list[int] = []


def _make_reconstruct(*_: Any) -> Shell:
    return Shell("array")


def _make_joblib() -> Shell:
    return Shell("joblib")


def _make_dict(*given: Any) -> dict:
    items = given[-1] if given and isinstance(given[-1], list | dict) else {}
    return dict(items)


def _make_list(*given: Any) -> list:
    return list(*given)


def _make_bytearray(content: Any = b"", *_: Any) -> bytes:
    return as_bytes(content)


_make_bytes = _make_bytearray


def _make_encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"a text in {encoding}")
    return text.encode("latin1")


def _make_dtype(code: str, *_: Any) -> Shell:
    dtype = np.dtype(code if isinstance(code, str) else "")
    if dtype.names is not None or dtype.kind not in "biufSUO":
        raise ValueError(f"numbers of the type {code!r}")
    return Shell("dtype", dtype)


def _make_scalar(dtype: Any, content: Any = b"") -> Any:
    return filled(dtype_of(dtype), (), as_bytes(content), "C")[()].item()


def _make_frombuffer(content: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    return filled(dtype_of(dtype), shape, as_bytes(content), order)


def _make_storage(content: Any) -> Any:
    """The storage of a tensor, as ``torch.save`` wrote it."""
    import torch

    try:
        return torch.load(io.BytesIO(as_bytes(content)), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the damage leads it to
        raise ValueError(f"a damaged tensor: {type(error).__name__}") from None


def _make_tensor(storage: Any, offset: int, size: Any, stride: Any, *_: Any) -> np.ndarray:
    import torch

    if not isinstance(storage, torch.storage.TypedStorage):
        raise ValueError("a tensor without its numbers")
    found = torch.empty(0, dtype=storage.dtype)
    found.set_(storage._untyped_storage, offset, tuple(size), tuple(stride))
    return (found.float() if found.dtype in (torch.float16, torch.bfloat16) else found).numpy()


def _make_reconstructor(kind: Any, *_: Any) -> Shell:
    if kind not in HELD:
        raise ValueError(f"an object of {kind!r}")
    return Shell(kind)


def _make_chumpy(*_: Any) -> Shell:
    return Shell("chumpy")


def _make_csc(*_: Any) -> Shell:
    return Shell("csc")


def _make_csr(*_: Any) -> Shell:
    return Shell("csr")


def _whole(state: dict, *, by_columns: bool) -> np.ndarray:
    """A sparse matrix of scipy, from its attributes."""
    shape = checked_shape(state["_shape"] if "_shape" in state else state["shape"])
    if len(shape) != 2 or 8 * math.prod(shape) > _LARGEST:
        raise ValueError(f"a matrix of the shape {shape}")
    rows, columns = shape[::-1] if by_columns else shape
    starts, places, data = (np.asarray(state[key]) for key in ("indptr", "indices", "data"))
    if len(starts) != rows + 1 or not (places >= 0).all() or not (places < columns).all():
        raise ValueError(f"a matrix of the shape {shape} with other places")
    matrix = np.zeros((rows, columns))
    np.add.at(matrix, (np.repeat(np.arange(rows), np.diff(starts)), places), data)
    return matrix.T if by_columns else matrix


#: What the attributes of an object stand for: the array in it.
HELD = {
    "chumpy": lambda state: state["x"],
    "csc": lambda state: _whole(state, by_columns=True),
    "csr": lambda state: _whole(state, by_columns=False),
}


def dtype_of(value: Any) -> np.dtype:
    """The type of numbers that a value of a pickle is.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, Shell) and value.dtype is not None:
        return value.dtype
    if isinstance(value, np.dtype):
        return value
    raise ValueError("an array without the type of its numbers")


def as_bytes(content: Any) -> bytes:
    """The bytes that a value of a pickle is.

    Raises:
        ValueError: It is none.
    """
    if isinstance(content, str):  # Python 2 wrote bytes as text
        return content.encode("latin1")
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    raise ValueError("an array without its bytes")


def checked_shape(shape: Any) -> tuple[int, ...]:
    """The shape of an array.

    Raises:
        ValueError: It is none.
    """
    sides = (shape,) if isinstance(shape, int) else tuple(shape)
    if not all(isinstance(side, int) and side >= 0 for side in sides):
        raise ValueError(f"an array of the shape {shape}")
    return sides


def array_of(dtype: np.dtype, shape: Any, content: Any, fortran: bool) -> np.ndarray:
    """An array of numbers from its bytes, or of values from their list.

    Raises:
        ValueError: They do not fill the shape.
    """
    if not dtype.hasobject:
        return filled(dtype, shape, as_bytes(content), "F" if fortran else "C")
    sides = checked_shape(shape)
    if not isinstance(content, list) or len(content) != math.prod(sides):
        raise ValueError(f"an array of the shape {shape} with other items")
    found = np.empty(len(content), dtype=object)
    found[:] = content
    return found.reshape(sides, order="F" if fortran else "C")


def as_native(array: np.ndarray) -> np.ndarray:
    """The array in the byte order of this machine; torch reads no other."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def filled(dtype: np.dtype, shape: Any, content: bytes, order: str) -> np.ndarray:
    """An array of numbers from its bytes, in the byte order of this machine.

    Raises:
        ValueError: There are more or fewer of them.
    """
    sides = checked_shape(shape)
    if dtype.hasobject or math.prod(sides) * dtype.itemsize != len(content):
        raise ValueError(f"an array {sides} of {dtype} in {len(content)} bytes")
    found = np.frombuffer(content, dtype).reshape(sides, order="F" if order == "F" else "C")
    return as_native(found)


#: What a name stands for -> what makes it of the values that a pickle gives.
MAKERS = {
    name: globals()[f"_make_{name}"]
    for name in (
        "reconstruct",
        "joblib",
        "dict",
        "list",
        "bytes",
        "bytearray",
        "encode",
        "dtype",
        "scalar",
        "frombuffer",
        "storage",
        "tensor",
        "reconstructor",
        "chumpy",
        "csc",
        "csr",
    )
}
