"""The record: planes over space and time, and what a small network reads in them.

Pure functions first; :class:`Record` holds their weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit_r3 import planes_numba
from avatar_kit_r3.config import RecordConfig

#: The two axes of each plane of a scale; the first runs along the columns, the second the rows.
AXES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))

_TIME = 3


class Decoded(NamedTuple):
    """What the record says of P points, before any activation but the square of the scale.

    Attributes:
        offset: [P, 3] metres.
        opacity_logit: [P, 1].
        scale: [P, 3] output of the head, squared.
        quaternion: [P, 4] wxyz, not normalised.
    """

    offset: Tensor
    opacity_logit: Tensor
    scale: Tensor
    quaternion: Tensor


def plane_features(planes: Sequence[Sequence[Tensor]], at: Tensor) -> Tensor:
    """Features of points in space and time: of each scale the product of six bilinear samples.

    Args:
        planes: For each of S scales the six planes [1, C, rows, columns], in the order of
            :data:`AXES`. Their outer values lie at -1 and 1 and go on outside.
        at: [P, 4] x, y, z and time, each from -1 to 1.

    Returns:
        [P, S C], the scales one after another. Differentiable.
    """
    found = []
    for scale in planes:
        product = at.new_ones(())
        for plane, axes in zip(scale, AXES, strict=True):
            grid = torch.stack([at[:, axis] for axis in axes], dim=-1)[None, None]
            sample = F.grid_sample(
                plane, grid, mode="bilinear", padding_mode="border", align_corners=True
            )
            product = product * sample[0, :, 0].T
        found.append(product)
    return torch.cat(found, dim=1)


def layout(sides: Sequence[int]) -> np.ndarray:
    """Where the six planes of a scale lie in its table.

    Args:
        sides: Values along x, y, z and time.

    Returns:
        [6, 5] int64: first row in the table, rows, columns, axis along the columns, axis along
        the rows.
    """
    found, start = [], 0
    for columns, rows in AXES:
        found.append((start, sides[rows], sides[columns], columns, rows))
        start += sides[rows] * sides[columns]
    return np.array(found, np.int64)


def planes_of(table: Tensor, laid: np.ndarray) -> list[Tensor]:
    """The six planes [1, C, rows, columns] of a table [R, C], as views."""
    return [
        table[start : start + rows * columns].view(1, rows, columns, -1).permute(0, 3, 1, 2)
        for start, rows, columns, _, _ in laid.tolist()
    ]


def table_features(tables: Sequence[Tensor], layouts: Sequence[np.ndarray], at: Tensor) -> Tensor:
    """:func:`plane_features` of planes that lie in one table [R, C] a scale.

    Args:
        tables: For each scale.
        layouts: For each scale, of :func:`layout`.
        at: [P, 4] in [-1, 1].
    """
    if at.device.type == "cpu":
        return planes_numba.features(at, list(layouts), list(tables))
    planes = [planes_of(t, laid) for t, laid in zip(tables, layouts, strict=True)]
    return plane_features(planes, at)


def in_box(points: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Points [..., 3] of the box from ``low`` to ``high`` [3] mapped to [-1, 1]."""
    return 2 * (points - low) / (high - low) - 1


def decode(features: Tensor, weights: Mapping[str, Tensor]) -> Decoded:
    """Two linear layers with ReLU, then a linear head for each attribute.

    Args:
        features: [P, F].
        weights: ``linear_0``, ``linear_1``, ``offset``, ``opacity``, ``rotation`` and ``scaling``,
            each with ``.weight`` [out, in] and ``.bias`` [out].
    """

    def layer(name: str, values: Tensor) -> Tensor:
        return F.linear(values, weights[f"{name}.weight"], weights[f"{name}.bias"])

    hidden = F.relu(layer("linear_1", F.relu(layer("linear_0", features))))
    return Decoded(
        layer("offset", hidden),
        layer("opacity", hidden),
        layer("scaling", hidden).square(),
        layer("rotation", hidden),
    )


def blend(decoded: Decoded, mass: Tensor, rows: Tensor, count: int) -> Decoded:
    """Sums of what was decoded, weighed by mass: linear in every attribute.

    Opacities are summed as logits, scales after squaring, quaternions as they are.

    Args:
        decoded: Of P pairs of a Gaussian and a time.
        mass: [P] weight of each pair.
        rows: [P] long, number of the Gaussian.
        count: How many Gaussians.
    """
    parts = [
        value.new_zeros(count, value.shape[1]).index_add(0, rows, mass[:, None] * value)
        for value in decoded
    ]
    return Decoded(*parts)


class Record(nn.Module):
    """Planes that begin as ones, and their decoder.

    A new record says of every point: no offset, the opacity given, scale one and no rotation.

    Args:
        config: Sizes.
        low: [3] corner of the box that points lie in, metres at rest.
        high: [3] the opposite corner.
        opacity_logit: To begin with.
    """

    low: Tensor
    high: Tensor

    def __init__(self, config: RecordConfig, low: Tensor, high: Tensor, opacity_logit: float):
        super().__init__()
        sides = [(size, size, size, config.time) for size in config.space]
        self.layouts = [layout(s) for s in sides]
        for scale, laid in enumerate(self.layouts):
            rows = int((laid[:, 1] * laid[:, 2]).sum())
            self.register_parameter(
                f"table_{scale}", nn.Parameter(torch.ones(rows, config.channels))
            )
        width = config.width
        self.linear_0 = nn.Linear(len(sides) * config.channels, width)
        self.linear_1 = nn.Linear(width, width)
        self.offset, self.opacity = nn.Linear(width, 3), nn.Linear(width, 1)
        self.rotation, self.scaling = nn.Linear(width, 4), nn.Linear(width, 3)
        says = (0.0,), (opacity_logit,), (1.0, 0.0, 0.0, 0.0), (1.0,)
        heads = self.offset, self.opacity, self.rotation, self.scaling
        with torch.no_grad():
            for head, said in zip(heads, says, strict=True):
                head.weight.uniform_(-1e-3, 1e-3)
                head.bias.copy_(torch.tensor(said))
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    @property
    def tables(self) -> list[Tensor]:
        """The values of the planes of each scale, [R, C]."""
        return [getattr(self, f"table_{scale}") for scale in range(len(self.layouts))]

    def forward(self, points: Tensor, times: Tensor) -> Decoded:
        """What is recorded of points.

        Args:
            points: [P, 3] metres at rest.
            times: [P] or [] in [-1, 1].
        """
        place = in_box(points, self.low, self.high)
        at = torch.cat([place, times.expand(len(points))[:, None]], dim=1)
        weights = dict(self.named_parameters())
        return decode(table_features(self.tables, self.layouts, at), weights)
