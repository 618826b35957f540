"""How frames are chosen from a batch: ``batch[index]``, for every value that has a batch."""

from __future__ import annotations

from torch import Tensor

#: An int chooses one frame and keeps the batch dimension.
Index = int | slice | list[int] | Tensor


def rows(index: Index) -> slice | list[int] | Tensor:
    """The index as one that keeps the batch dimension."""
    if isinstance(index, int):
        return slice(index, index + 1 or None)
    return index
