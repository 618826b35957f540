"""Growing and shrinking what is learned, without a new optimiser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer


@torch.no_grad()
def keep_rows(
    tensors: Iterable[Tensor],
    rows: Tensor,
    *,
    optimizers: Sequence[Optimizer] = (),
    fresh: Tensor | None = None,
) -> None:
    """Replace tensors by some of their rows, in place; a row may be used more than once.

    Use this to densify and prune: ``rows`` lists the rows to keep, and again those that are cloned
    or split. The tensor objects stay the same, so optimisers and all who share them keep their
    references. The optimiser state of a row (moments of Adam) moves with the row.

    Args:
        tensors: Parameters or buffers with the same number N of rows, leaves.
        rows: [M] long, numbers of the rows to keep.
        optimizers: Optimisers of the parameters.
        fresh: [M] bool, rows whose optimiser state is set to zero; none by default.

    Raises:
        ValueError: The tensors do not have the same number of rows.
    """
    chosen = list(tensors)
    counts = {len(tensor) for tensor in chosen}
    if len(counts) > 1:
        raise ValueError(f"tensors of {sorted(counts)} rows cannot be resized together")
    for tensor in chosen:
        shape = tensor.shape
        for optimizer in optimizers:
            state = optimizer.state.get(tensor, {})
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == shape:
                    state[name] = value[rows]
                    if fresh is not None:
                        state[name][fresh] = 0
        tensor.data = tensor.data[rows]
        tensor.grad = None
