"""Faces for compiled kernels, which do not check indices themselves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

#: Faces -> their version, the number of vertices they were checked against, and the copy.
_checked: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def check_indices(faces: Tensor, count: int) -> np.ndarray:
    """[F, 3] int64 on the CPU, all in range.

    Raises:
        ValueError: A face names a vertex that is not there.
    """
    corners = np.ascontiguousarray(faces.cpu().numpy(), dtype=np.int64)
    if corners.size and not 0 <= corners.min() <= corners.max() < count:
        raise ValueError(f"faces name vertices {corners.min()}..{corners.max()} of {count}")
    return corners


def indices_on_device(faces: Tensor, count: int) -> Tensor:
    """[F, 3] int32 where the faces are, all in range.

    Faces are checked once, because to look at them makes the CPU wait for a GPU.

    Raises:
        ValueError: A face names a vertex that is not there.
    """
    version, known, corners = _checked.get(faces, (None, None, None))
    if (version, known) != (faces._version, count):
        check_indices(faces, count)
        corners = faces.to(torch.int32).contiguous()
        _checked[faces] = (faces._version, count, corners)
    return corners
