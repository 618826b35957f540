"""How frames are chosen from a batch: ``batch[index]``, for every value that has a batch."""

from __future__ import annotations

from torch import Tensor

#: An int chooses one frame and keeps the batch dimension.
Index = int | slice | list[int] | Tensor


def rows(index: Index) -> slice | list[int] | Tensor:
    """The index as one that keeps the batch dimension."""
    if isinstance(index, list) and len(index) == 1:
        index = int(index[0])  # a list would be sent to a GPU for every value that it chooses from
    if isinstance(index, int):
        return slice(index, index + 1 or None)
    return index
