"""One MLP for each anchor, all given the same pose, computed together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def anchor_mlps(given: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Tensor:
    """Linear layers with a ReLU between them, none after the last.

    Args:
        given: [B, I] the pose, the same for all MLPs.
        weights: Of each layer [A, out, in].
        biases: Of each layer [A, out].

    Returns:
        [B, A, out of the last layer].
    """
    x = given.T.expand(len(weights[0]), -1, -1)  # [A, in, B]
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = torch.baddbmm(bias[..., None], weight, x if i == 0 else F.relu(x))
    return x.permute(2, 0, 1)


class AnchorMlps(nn.Module):
    """The MLPs of A anchors, with torch's own initial values for linear layers.

    Args:
        anchors: A.
        inputs: Numbers that describe a pose.
        widths: Of the layers between.
        outputs: Numbers that each MLP gives.
    """

    def __init__(self, anchors: int, inputs: int, widths: Sequence[int], outputs: int):
        super().__init__()
        sizes = (inputs, *widths, outputs)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for before, after in pairwise(sizes):
            bound = 1 / math.sqrt(before)
            weight, bias = torch.empty(anchors, after, before), torch.empty(anchors, after)
            self.weights.append(nn.init.uniform_(weight, -bound, bound))
            self.biases.append(nn.init.uniform_(bias, -bound, bound))

    def forward(self, given: Tensor) -> Tensor:
        """Poses [B, I] to [B, A, outputs]."""
        return anchor_mlps(given, list(self.weights), list(self.biases))
