"""Numbers of a GPU that the CPU has to know, fetched once."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor

#: Tensors that are remembered; they are kept alive, so that no other takes their place in memory.
_REMEMBERED = 256

_known: OrderedDict[tuple, tuple[Tensor, Tensor]] = OrderedDict()


def host_copy(tensor: Tensor) -> Tensor:
    """A small tensor on the CPU, without gradients.

    Copying makes the CPU wait for all work of the GPU. The tensor is therefore copied once, and
    again only if it, or its base if it is a view, was changed in place. Views of the same memory,
    such as one camera for each frame, are copied once together. A change through ``.data`` is not
    detected.
    """
    if tensor.device.type == "cpu":
        return tensor.detach()
    if tensor.is_inference():
        return tensor.cpu()
    place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor._version)
    if place not in _known:
        with torch.no_grad():
            _known[place] = (tensor.detach(), tensor.detach().cpu())
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    _known.move_to_end(place)
    return _known[place][1]
