"""A running average of an avatar's weights: what is shown, measured and saved.

The weights of the last steps jitter around a better place than any one of them; their average is
steadier, and so are the pictures it paints (Karras et al., 2018, appendix; StyleGAN2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from avatar_kit.interfaces import Avatar

#: The half-life is at most this share of the steps done, so that the start is soon forgotten.
RAMP = 0.05


class Average:
    """The exponential moving average of what an avatar learns.

    A parameter that a method replaces by one of another shape starts its average anew. Buffers are
    not averaged.

    Args:
        avatar: The avatar; its weights now are the average to begin with.
        half_life: Steps after which a weight counts half.
    """

    def __init__(self, avatar: Avatar, half_life: float):
        self.avatar, self.half_life = avatar, half_life
        self.restart()

    @torch.no_grad()
    def restart(self) -> None:
        """Forget the past: the weights now are the average."""
        self._values = {name: p.detach().clone() for name, p in learned_parameters(self.avatar)}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after ``step`` updates."""
        now = dict(learned_parameters(self.avatar))
        same = {n: self._values[n] for n in now if _fits(self._values.get(n), now[n])}
        if same:
            weight = 1 - decay(step, self.half_life)
            torch._foreach_lerp_(list(same.values()), [now[n] for n in same], weight)
        self._values = {n: same[n] if n in same else p.detach().clone() for n, p in now.items()}

    @contextmanager
    def applied(self) -> Iterator[dict[str, Tensor]]:
        """Within it the avatar has the averaged weights; yields the raw ones by name."""
        self._exchange()
        try:
            yield self._values
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for name, parameter in learned_parameters(self.avatar):
            parameter.data, self._values[name] = self._values[name], parameter.data
            increment_version(parameter)  # for who kept something of it


def decay(step: int, half_life: float) -> float:
    """What the average keeps of itself at the update number ``step``, counted from 1."""
    return 0.5 ** (1 / min(half_life, RAMP * step))


def learned_parameters(avatar: Avatar) -> Iterator[tuple[str, nn.Parameter]]:
    """Name and parameter of everything but the body model."""
    return ((n, p) for n, p in avatar.named_parameters() if not n.startswith("body."))


@torch.no_grad()
def load_raw(avatar: Avatar, raw: Mapping[str, Tensor]) -> None:
    """Put raw weights, as :meth:`Average.applied` yielded them, into an avatar."""
    for name, parameter in learned_parameters(avatar):
        if name in raw:
            parameter.copy_(raw[name])


def _fits(value: Tensor | None, parameter: Tensor) -> bool:
    return value is not None and value.shape == parameter.shape
