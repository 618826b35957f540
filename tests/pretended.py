"""A GPU that is pretended: tensors whose numbers lie on the CPU and that say they lie on CUDA.

Within :class:`PretendedDevice` what is made on, or moved to, "cuda" is a :class:`Pretended`. It
refuses to meet tensors of the CPU, as CUDA does, and every call that would make the CPU wait for
the GPU, or send it numbers, is recorded with the line of ours that made it.
"""

import sys
from collections import Counter
from contextlib import ExitStack
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

from avatar_kit.graphics import segments, splat_cuda, splat_numba, warp_device, warp_zbuffer

CUDA = torch.device("cuda", 0)

#: Calls that bring numbers to the CPU, or whose result has a shape that depends on numbers.
_WAITS = {
    *("item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__", "__array__"),
    *("nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "bincount"),
    *("equal", "allclose", "is_nonzero", "__contains__", "__iter__of_scalars", "__format__"),
    *("inv", "linalg_inv", "svd", "linalg_svd", "solve", "linalg_solve", "cholesky", "histc"),
}
_NAMES = {"linalg_inv": "inv", "linalg_svd": "svd"}
_FROM_NUMBERS = {"tensor", "as_tensor", "new_tensor", "asarray", "from_numpy"}


class Pretended(Tensor):
    """A tensor that says it is on CUDA; only within :class:`PretendedDevice`."""

    __torch_function__ = torch._C._disabled_torch_function_impl


def plain(value):
    """The tensors in ``value`` as what they are, with their gradients."""
    return tree_map_only(Pretended, lambda t: t.as_subclass(Tensor), value)


class PretendedDevice(TorchFunctionMode):
    """Within it there is a CUDA device.

    Attributes:
        waits: What made the CPU wait: "call at file:line" -> how often.
        uploads: What sent numbers to the device, likewise.
    """

    def __init__(self):
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.uploads: Counter[str] = Counter()
        self._backward = 0
        self._stack = ExitStack()

    def __enter__(self):
        patches = (
            mock.patch.object(warp_device, "usable", lambda device: True),
            mock.patch.object(warp_zbuffer, "project", self._on_cpu(warp_zbuffer.project)),
            mock.patch.object(warp_zbuffer, "draw", self._on_cpu(warp_zbuffer.draw)),
            mock.patch.object(segments, "draw_on_cuda", self._on_cpu(segments.draw_on_cuda)),
            mock.patch.object(splat_cuda, "usable", lambda: True),
            mock.patch.object(splat_cuda, "draw", self._on_cpu(splat_numba.draw)),
        )
        for patch in patches:
            self._stack.enter_context(patch)
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._stack.close()

    def forget(self):
        """Count from 0."""
        self.waits.clear()
        self.uploads.clear()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = _name(func)
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        there = any(isinstance(t, Pretended) for t in tensors)
        if name == "device.__get__":
            return CUDA if there else func(*args)
        if name == "is_cuda.__get__":
            return there
        if name == "pin_memory":
            return args[0]
        if name in ("to", "cpu", "cuda", "type_as"):
            return self._moved(func, name, args, kwargs, there)
        asked = kwargs.get("device")
        if asked is not None and torch.device(asked).type == "cuda":
            kwargs["device"] = "cpu"
            if name in _FROM_NUMBERS and not there:
                self._record(self.uploads, name)
            return self._wrapped(func(*args, **kwargs))
        if not there:
            return func(*args, **kwargs)
        if asked is not None and torch.device(asked).type == "cpu":
            return plain(func(*args, **kwargs))
        if name == "_has_compatible_shallow_copy_type":
            return False  # so that a module that moves gets new parameters
        self._refuse_mixed(name, args, tensors)
        self._watch(name, args, kwargs)
        if name in ("backward", "grad"):
            self._backward += 1
            try:
                return self._wrapped(func(*args, **kwargs))
            finally:
                self._backward -= 1
        result = func(*args, **kwargs)
        return result if name in ("numpy", "tolist", "item") else self._wrapped(result)

    def _moved(self, func, name, args, kwargs, there):
        target = "cuda" if name == "cuda" else "cpu" if name == "cpu" else None
        rest = list(args[1:])
        for place, value in [*enumerate(rest), ("device", kwargs.get("device"))]:
            if isinstance(value, Tensor):
                target = "cuda" if isinstance(value, Pretended) else "cpu"
            elif isinstance(value, str | torch.device):
                target = torch.device(value).type
                if place == "device":
                    kwargs["device"] = "cpu"
                else:
                    rest[place] = "cpu"
        if name == "cuda":
            func, rest = Tensor.to, ["cpu"]
        result = func(args[0], *rest, **kwargs)
        if target is None:
            return self._wrapped(result) if there else result
        if target == "cuda":
            if not isinstance(args[0], Pretended):
                self._record(self.uploads, name)
                result = result.clone() if result is args[0] else result
            return self._wrapped(result)
        if isinstance(args[0], Pretended):
            self._record(self.waits, name)
        return plain(result)

    def _watch(self, name, args, kwargs):
        if name in _WAITS:
            self._record(self.waits, name)
        elif name == "new_tensor":
            self._record(self.uploads, name)
        elif name == "where" and len(args) == 1:
            self._record(self.waits, name)
        elif name == "repeat_interleave" and "output_size" not in kwargs and len(args) > 1:
            if isinstance(args[1], Tensor):
                self._record(self.waits, name)
        elif name == "copy_" and not isinstance(args[0], Pretended):
            self._record(self.waits, name)
        elif name == "copy_" and not isinstance(args[1], Pretended):
            self._record(self.uploads, name)
        elif name in ("__getitem__", "__setitem__"):
            self._watch_index(name, args)

    def _watch_index(self, name, args):
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        for one in index:
            if isinstance(one, Tensor) and one.dtype in (torch.bool, torch.uint8):
                scalar = name == "__setitem__" and not (
                    isinstance(args[2], Tensor) and args[2].ndim
                )
                if not scalar:
                    self._record(self.waits, f"{name} by a mask")
            elif isinstance(one, Tensor) and one.ndim and not isinstance(one, Pretended):
                self._record(self.uploads, f"{name} by indices of the CPU")
            elif isinstance(one, list | range):
                self._record(self.uploads, f"{name} by a list")

    def _refuse_mixed(self, name, args, tensors):
        if self._backward or name in ("__getitem__", "__setitem__", "copy_", "__set__"):
            return
        for one in tensors:
            if one.ndim and one.numel() and not isinstance(one, Pretended):
                raise RuntimeError(f"{name}: a tensor of the CPU meets one of the GPU; {_place()}")

    def _record(self, book, what):
        book[f"{what} at {_place()}"] += 1

    def _wrapped(self, result):
        def wrap(t):
            return t if isinstance(t, Pretended) else t.as_subclass(Pretended)

        return tree_map_only(Tensor, wrap, result)

    def _on_cpu(self, function):
        """A kernel of CUDA, in the place of which one of the CPU runs and nobody counts."""

        def run(*args, **kwargs):
            with torch._C.DisableTorchFunction():
                return self._wrapped(function(*plain(args), **plain(kwargs)))

        return run


def _name(func):
    name = getattr(func, "__name__", str(func))
    owner = getattr(getattr(func, "__self__", None), "__name__", "")
    return f"{owner}.{name}" if name in ("__get__", "__set__") and owner else name


def _place():
    frame = sys._getframe()
    while frame is not None:
        file = frame.f_code.co_filename
        if "/avatar_kit" in file and "/tests/" not in file:
            return f"{file.rsplit('/', 1)[1]}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"
