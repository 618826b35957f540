"""Parts: what is wired into an avatar and learns, and how their sizes follow a saved state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn


class Part(nn.Module):
    """A module of an avatar whose state is saved with it.

    A part has the same keys in its ``state_dict`` before and after training. Where training also
    decides shapes, as that of a growing cloud of Gaussians or of stored poses, it names these
    tensors in ``sized_by_training``; all others keep the shapes they are built with.

    Attributes:
        sized_by_training: Dotted names of parameters and buffers whose shape only training
            decides. A part is built with the shapes training starts from.
    """

    sized_by_training: ClassVar[tuple[str, ...]] = ()


def make_room(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give what training sizes the shapes it has in a saved state, in place.

    The tensor objects stay, so optimisers and whoever shares a parameter keep them. The values are
    zero until the state is loaded; gradients are dropped.

    Args:
        module: A part, or any module that contains parts.
        state: Tensors by the names they have in the module's ``state_dict``. Others are left as
            they are: loading says what does not fit.
    """
    for path, part in module.named_modules():
        if not isinstance(part, Part):
            continue
        for name in part.sized_by_training:
            saved = state.get(f"{path}.{name}" if path else name)
            own = _tensor(part, name)
            if saved is not None and own.shape != saved.shape:
                own.data = own.new_zeros(saved.shape)
                own.grad = None


def _tensor(module: nn.Module, name: str) -> Tensor:
    """A parameter or buffer by its dotted name.

    Raises:
        AttributeError: ``sized_by_training`` names something else.
    """
    owner_path, _, leaf = name.rpartition(".")
    owner = module.get_submodule(owner_path)
    for tensors in (owner._parameters, owner._buffers):
        found = tensors.get(leaf)
        if found is not None:
            return found
    raise AttributeError(
        f"{type(module).__name__}.sized_by_training names '{name}', which is neither a parameter "
        "nor a buffer"
    )
