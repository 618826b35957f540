"""The CPU kernels of :func:`avatar_kit_r3.record.table_features`, forwards and backwards.

One thread takes one scale, so that nothing is shared and no result depends on their number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_kit.graphics.jit import blank, in_turns, kernel


def features(at: Tensor, layouts: list[np.ndarray], tables: list[Tensor]) -> Tensor:
    """[P, S C] products of six bilinear samples, for each of S scales.

    Args:
        at: [P, 4] in [-1, 1], on the CPU.
        layouts: For each scale [6, 5] int64: first row of a plane in the table, its rows and
            columns, the axis along its columns, the axis along its rows.
        tables: For each scale [R, C], the values of its planes one after another.
    """
    found: Tensor = _Features.apply(at, layouts, *tables)
    return found


class _Features(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        at, layouts, *tables = inputs
        places, values = _array(at), [_array(t) for t in tables]
        channels = values[0].shape[1]
        out = np.empty((len(places), len(tables) * channels), places.dtype)
        columns = [slice(i * channels, (i + 1) * channels) for i in range(len(tables))]
        calls = [
            (t, lay, places, out[:, c]) for t, lay, c in zip(values, layouts, columns, strict=True)
        ]
        in_turns(_forward, calls)
        ctx.save_for_backward(at, *tables)
        ctx.layouts, ctx.columns = layouts, columns
        return torch.from_numpy(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        at, *tables = ctx.saved_tensors
        places, values, incoming = _array(at), [_array(t) for t in tables], _array(gradients[0])
        to_tables = [blank(v.shape, v.dtype) for v in values]
        to_places = [np.empty_like(places) for _ in values]
        given = zip(values, ctx.layouts, ctx.columns, to_tables, to_places, strict=True)
        in_turns(_backward, [(v, lay, places, incoming[:, c], t, p) for v, lay, c, t, p in given])
        found = [torch.from_numpy(t) for t in to_tables]
        return torch.from_numpy(np.sum(to_places, axis=0)), None, *found


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@kernel
def _forward(table, layout, at, out):
    channels, kind = table.shape[1], table.dtype.type
    one, lowest = kind(1), 0.0
    for n in range(at.shape[0]):
        for k in range(6):
            start, rows, columns = layout[k, 0], layout[k, 1], layout[k, 2]
            x = min(max((at[n, layout[k, 3]] + one) * (columns - 1) / 2, lowest), columns - 1.0)
            y = min(max((at[n, layout[k, 4]] + one) * (rows - 1) / 2, lowest), rows - 1.0)
            c0, r0 = int(x), int(y)
            c1, r1 = min(c0 + 1, columns - 1), min(r0 + 1, rows - 1)
            fx, fy = kind(x - c0), kind(y - r0)
            above, below = start + r0 * columns, start + r1 * columns
            a, b, u, v = above + c0, above + c1, below + c0, below + c1
            wa, wb, wu, wv = (one - fy) * (one - fx), (one - fy) * fx, fy * (one - fx), fy * fx
            for c in range(channels):
                found = wa * table[a, c] + wb * table[b, c] + wu * table[u, c] + wv * table[v, c]
                out[n, c] = found if k == 0 else out[n, c] * found


@kernel
def _backward(table, layout, at, incoming, to_table, to_at):
    channels, kind = table.shape[1], table.dtype.type
    one, lowest = kind(1), 0.0
    samples, before = np.empty((6, channels), kind), np.empty((6, channels), kind)
    after, g = np.empty(channels, kind), np.empty(channels, kind)
    along = np.empty((4, channels), kind)
    where, share = np.empty((6, 4), np.int64), np.empty((6, 4), kind)
    for n in range(at.shape[0]):
        for k in range(6):
            start, rows, columns = layout[k, 0], layout[k, 1], layout[k, 2]
            x = min(max((at[n, layout[k, 3]] + one) * (columns - 1) / 2, lowest), columns - 1.0)
            y = min(max((at[n, layout[k, 4]] + one) * (rows - 1) / 2, lowest), rows - 1.0)
            c0, r0 = int(x), int(y)
            c1, r1 = min(c0 + 1, columns - 1), min(r0 + 1, rows - 1)
            fx, fy = kind(x - c0), kind(y - r0)
            above, below = start + r0 * columns, start + r1 * columns
            a, b, u, v = above + c0, above + c1, below + c0, below + c1
            wa, wb, wu, wv = (one - fy) * (one - fx), (one - fy) * fx, fy * (one - fx), fy * fx
            where[k, 0], where[k, 1], where[k, 2], where[k, 3] = a, b, u, v
            share[k, 0], share[k, 1], share[k, 2], share[k, 3] = wa, wb, wu, wv
            for c in range(channels):
                samples[k, c] = (
                    wa * table[a, c] + wb * table[b, c] + wu * table[u, c] + wv * table[v, c]
                )
        for c in range(channels):
            before[0, c], after[c] = incoming[n, c], one
            along[0, c] = along[1, c] = along[2, c] = along[3, c] = 0
        for k in range(1, 6):
            for c in range(channels):
                before[k, c] = before[k - 1, c] * samples[k - 1, c]
        for back in range(6):
            k = 5 - back
            for c in range(channels):
                g[c] = before[k, c] * after[c]
                after[c] *= samples[k, c]
            # one loop a corner: two corners may be one row, and loops over both are not vectorised
            for corner in range(4):
                row, weight = where[k, corner], share[k, corner]
                for c in range(channels):
                    to_table[row, c] += weight * g[c]
            a, b, u, v = where[k, 0], where[k, 1], where[k, 2], where[k, 3]
            wa, wb, wu, wv = share[k, 0], share[k, 1], share[k, 2], share[k, 3]
            p, q = layout[k, 3], layout[k, 4]
            # outside the planes values go on, and nothing depends on the place
            across = kind((layout[k, 2] - 1) / 2 if -1 <= at[n, p] <= 1 else lowest)
            down = kind((layout[k, 1] - 1) / 2 if -1 <= at[n, q] <= 1 else lowest)
            top, bottom, left, right = wa + wb, wu + wv, wa + wu, wb + wv
            for c in range(channels):
                change = top * (table[b, c] - table[a, c]) + bottom * (table[v, c] - table[u, c])
                along[p, c] += across * g[c] * change
            for c in range(channels):
                change = left * (table[u, c] - table[a, c]) + right * (table[v, c] - table[b, c])
                along[q, c] += down * g[c] * change
        for axis in range(4):
            total = kind(0)
            for c in range(channels):
                total += along[axis, c]
            to_at[n, axis] = total
