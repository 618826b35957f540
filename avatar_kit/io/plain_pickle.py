"""Numbers out of pickle and joblib files, without running what they say.

A pickle is a program. This reader knows the few instructions that build numbers, texts, lists,
dictionaries and numpy arrays, and refuses every other one; it imports and calls nothing by name.
Sparse matrices of scipy become whole ones, and objects of chumpy the arrays that they hold.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import pickle
import pickletools
import tokenize
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.documents import read_bytes
from avatar_kit.io.pickled_values import (
    HELD,
    MAKERS,
    Shell,
    array_of,
    checked_shape,
    dtype_of,
    filled,
)

#: Bytes that a file may hold, unpacked.
LARGEST = 4 << 30

#: How packed files begin (joblib packs with any of these), and what opens them.
_PACKED: dict[bytes, Callable[[io.BytesIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x5d\x00": lzma.LZMAFile,
}
_ZLIB, _NPY = b"\x78", b"\x93NUMPY"

_NUMPY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC_MODULES = ("numpy.core.numeric", "numpy._core.numeric")
#: (module, name) -> what it stands for here.
_KNOWN = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("collections", "OrderedDict"): "dict",
    ("collections", "defaultdict"): "dict",
    ("_codecs", "encode"): "encode",
    ("torch._utils", "_rebuild_tensor_v2"): "tensor",
    ("torch.storage", "_load_from_bytes"): "storage",
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): "joblib",
    **{(module, "_reconstruct"): "reconstruct" for module in _NUMPY_MODULES},
    **{(module, "scalar"): "scalar" for module in _NUMPY_MODULES},
    **{(module, "_frombuffer"): "frombuffer" for module in _NUMERIC_MODULES},
    **{(m, k): k for m in ("builtins", "__builtin__") for k in ("list", "dict", "bytes")},
    ("builtins", "bytearray"): "bytearray",
    **{(m, "object"): "object" for m in ("builtins", "__builtin__")},
    **{(m, "_reconstructor"): "reconstructor" for m in ("copyreg", "copy_reg")},
    ("chumpy.ch", "Ch"): "chumpy",
    **{(f"scipy.sparse.{m}", f"{k}_matrix"): k for k in ("csc", "csr") for m in (k, f"_{k}")},
}  # fmt: skip

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_IGNORED = {"PROTO", "FRAME"}
_VALUES = {
    "INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_PUTS, _GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Name:
    """What a global of a pickle stands for."""

    def __init__(self, meaning: str):
        self.meaning = meaning


class _Mark:
    """Where the items of a list, tuple or dictionary begin."""


def read_pickle(path: Path) -> Any:
    """What a pickle or joblib file holds: numbers, texts, lists, dicts, tuples, numpy arrays.

    Raises:
        UserError: The file is missing, damaged or too large, or holds anything else.
    """
    content = read_bytes(path, limit=LARGEST)
    if content.startswith(_NPY):
        return _single(unpickled(_behind_header(content, path), str(path)))
    return unpickled(_unpacked(content, path), str(path))


def unpickled(content: bytes, what: str) -> Any:
    """What the bytes of a pickle hold.

    Args:
        content: The bytes.
        what: The file, and where in it, for messages.

    Raises:
        UserError: It is damaged, or holds anything but plain data.
    """
    try:
        return _Reader(io.BytesIO(content), what).load()
    except UserError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError,
            RuntimeError, MemoryError, UnicodeError, pickle.UnpicklingError) as error:  # fmt: skip
        raise UserError(f"{what}: a pickle that is damaged ({error})") from None


def is_pickle(head: bytes) -> bool:
    """Whether a file that begins like this is a pickle, packed or not."""
    packed = head[:1] == _ZLIB and len(head) > 1 and int.from_bytes(head[:2], "big") % 31 == 0
    return packed or head.startswith((b"\x80", *_PACKED))


def _unpacked(content: bytes, path: Path) -> bytes:
    try:
        if content[:1] == _ZLIB:
            unpacked = zlib.decompressobj().decompress(content, LARGEST + 1)
        else:
            opens = next((o for mark, o in _PACKED.items() if content.startswith(mark)), None)
            if opens is None:
                return content
            unpacked = opens(io.BytesIO(content)).read(LARGEST + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{path}: cannot be unpacked ({error}); is it whole?") from None
    if len(unpacked) > LARGEST:
        raise UserError(f"{path}: unpacks to more than {LARGEST >> 30} GiB")
    return unpacked


def _behind_header(content: bytes, path: Path) -> bytes:
    """The pickle of an .npy file of one object."""
    file = io.BytesIO(content)
    try:
        old = np.lib.format.read_magic(file) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        dtype = read(file)[2]
    except (ValueError, EOFError, SyntaxError, tokenize.TokenError) as error:
        raise UserError(f"{path}: an .npy file that is damaged ({error})") from None
    if not dtype.hasobject:
        raise UserError(f"{path}: an .npy file of plain numbers, not of objects")
    return file.read()


def _single(value: Any) -> Any:
    """The object of an array that holds one."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.shape == ():
        return value.item()
    return value


class _Reader:
    """One walk over the instructions of a pickle."""

    def __init__(self, file: io.BytesIO, what: str):
        self.file, self.what = file, what
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:
        for opcode, arg, _ in pickletools.genops(self.file):
            if opcode.name == "STOP":
                value = self.stack.pop()
                if isinstance(value, _Name | Shell | _Mark):
                    raise ValueError("ends before its value is whole")
                return value
            self._do(opcode.name, arg)
        raise ValueError("ends too soon")

    def _do(self, name: str, arg: Any) -> None:
        if name in _VALUES:
            self.stack.append(arg)
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _PUTS:
            self._keep(arg)
        elif name == "MEMOIZE":
            self._keep(len(self.memo))
        elif name in _GETS:
            self.stack.append(self.memo[arg])
        elif name in _TUPLES:
            count = _TUPLES[name]
            items = [self.stack.pop() for _ in range(count)][::-1]
            self.stack.append(tuple(items))
        elif name not in _IGNORED:
            doing = getattr(self, f"_{name.lower()}", None)
            if doing is None:
                raise UserError(
                    f"{self.what}: a pickle with the instruction {name}, which may run code and is "
                    "never obeyed; save its arrays with numpy.savez"
                )
            doing(arg)

    def _keep(self, key: int) -> None:
        value = self.stack[-1]
        self.memo[key] = value
        if isinstance(value, Shell):
            value.kept.append(key)

    def _replace(self, shell: Shell, value: Any) -> None:
        self.stack[-1] = value
        for key in shell.kept:
            self.memo[key] = value

    def _since_mark(self) -> list[Any]:
        items: list[Any] = []
        while not isinstance(top := self.stack.pop(), _Mark):
            items.append(top)
        return items[::-1]

    def _mark(self, _: Any) -> None:
        self.stack.append(_Mark())

    def _pop(self, _: Any) -> None:
        self.stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._since_mark()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _list(self, _: Any) -> None:
        self.stack.append(self._since_mark())

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _frozenset(self, _: Any) -> None:
        self.stack.append(frozenset(self._since_mark()))

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))

    def _append(self, _: Any) -> None:
        value = self.stack.pop()
        self._top(list).append(value)

    def _appends(self, _: Any) -> None:
        items = self._since_mark()
        self._top(list).extend(items)

    def _additems(self, _: Any) -> None:
        items = self._since_mark()
        self._top(set).update(items)

    def _setitem(self, _: Any) -> None:
        key, value = self.stack[-2:]
        del self.stack[-2:]
        self._top(dict)[key] = value

    def _setitems(self, _: Any) -> None:
        items = self._since_mark()
        self._top(dict).update(zip(items[::2], items[1::2], strict=True))

    def _top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"fills a {type(self.stack[-1]).__name__} as a {kind.__name__}")
        return self.stack[-1]

    def _global(self, arg: str) -> None:
        module, _, name = arg.partition(" ")
        self._named(module, name)

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._named(str(module), str(name))

    def _named(self, module: str, name: str) -> None:
        meaning = _KNOWN.get((module, name))
        if meaning is None:
            raise UserError(
                f"{self.what}: a pickle that asks for {module}.{name}, which may run code and is "
                "never done; save its arrays with numpy.savez"
            )
        self.stack.append(_Name(meaning))

    def _newobj(self, _: Any) -> None:
        self._reduce(_)

    def _reduce(self, _: Any) -> None:
        given, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, _Name) or not isinstance(given, tuple):
            raise ValueError("calls what is no function")
        given = tuple(v.meaning if isinstance(v, _Name) else v for v in given)
        makes = MAKERS.get(called.meaning)
        if makes is None:
            raise ValueError(f"calls {called.meaning}")
        self.stack.append(makes(*given))

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        shell = self.stack[-1]
        if not isinstance(shell, Shell):
            raise ValueError("sets the state of what has none")
        if shell.meaning == "dtype":
            assert shell.dtype is not None
            order = state[1]
            fixed = shell.dtype if order == "|" else shell.dtype.newbyteorder(order)
            self._replace(shell, fixed)
        elif shell.meaning == "array":
            shape, dtype, fortran, content = state[-4:]
            self._replace(shell, array_of(dtype_of(dtype), shape, content, fortran))
        elif shell.meaning == "joblib":
            self._replace(shell, self._joblib_array(state))
        else:
            self._replace(shell, HELD[shell.meaning](state))

    def _joblib_array(self, state: dict) -> np.ndarray:
        """The array whose bytes follow in the file."""
        dtype, shape = dtype_of(state["dtype"]), state["shape"]
        if dtype.hasobject:
            return array_of(
                dtype, shape, np.ravel(_Reader(self.file, self.what).load()).tolist(), False
            )
        if state.get("numpy_array_alignment_bytes") is not None:
            self.file.read(int.from_bytes(self.file.read(1), "little"))
        count = math.prod(checked_shape(shape)) * dtype.itemsize
        return filled(dtype, shape, self.file.read(count), state.get("order", "C"))
