"""What follows from weights, computed once while nobody writes to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

_Value = TypeVar("_Value")


class Kept(Generic[_Value]):
    """A value computed from some tensors, cached until one of them changes.

    A change is detected by the version of the tensor, which every in-place operation increases, and
    by its memory address. A write through ``tensor.data[...]`` does not increase the version and is
    not detected. Nothing is cached while gradients are computed.
    """

    def __init__(self) -> None:
        self._known: tuple[list[tuple[Tensor, int]], _Value] | None = None

    def __call__(self, tensors: Sequence[Tensor], compute: Callable[[], _Value]) -> _Value:
        """The value.

        Args:
            tensors: All that it follows from and that may ever change.
            compute: Computes it.
        """
        if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
            self._known = None
            return compute()
        if torch.compiler.is_compiling() or any(t.is_inference() for t in tensors):
            return compute()  # traced, or without versions
        if self._known is None or not _same(self._known[0], tensors):
            # what is kept must serve everyone, whatever mode asks for it first
            with torch.inference_mode(False), torch.no_grad():
                value = compute()
            # views that keep the memory: no other tensor can come to lie there
            self._known = [(t.detach(), t._version) for t in tensors], value
        return self._known[1]

    def __deepcopy__(self, memo: dict) -> Kept[_Value]:
        return Kept()  # a copy has tensors of its own


def _same(known: list[tuple[Tensor, int]], tensors: Sequence[Tensor]) -> bool:
    return len(known) == len(tensors) and all(
        version == t._version and seen.data_ptr() == t.data_ptr() and seen.shape == t.shape
        for (seen, version), t in zip(known, tensors, strict=True)
    )
