"""One avatar trained by several processes at once, each with samples of its own.

Every process holds the whole avatar. A step is a step of all: gradients are averaged before an
optimiser takes its step, so that no method knows of it. Process r of N trains on the samples that
step ``N * step + r`` of one process would see, so together they see every sample once before any is
seen again. The first process alone writes, measures and speaks.

Which processes belong together is told by the variables that ``torchrun`` sets (``RANK``,
``WORLD_SIZE``, ``LOCAL_RANK``, ``MASTER_ADDR``, ``MASTER_PORT``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from avatar_kit.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The processes that train one avatar together.

    Attributes:
        rank: Number of this one.
        count: How many there are.
        control: What carries decisions, on the CPU whatever the device; None for one process.
    """

    rank: int = 0
    count: int = 1
    control: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the one that writes, measures and speaks."""
        return self.rank == 0

    def own_step(self, step: int) -> int:
        """The step of one process whose samples this one sees in a step of all."""
        return step * self.count + self.rank

    def any(self, *asked: bool) -> tuple[bool, ...]:
        """Whether any process says yes, to each of several questions."""
        if self.count == 1:
            return asked
        said = torch.tensor(asked, dtype=torch.uint8)
        with _company():
            dist.all_reduce(said, dist.ReduceOp.MAX, self.control)
        return tuple(bool(v) for v in said)

    def told(self, value: T) -> T:
        """What the first process says, in every process."""
        if self.count == 1:
            return value
        box = [value]
        with _company():
            dist.broadcast_object_list(box, 0, self.control)
        return box[0]

    def first_said(self, value: T) -> T:
        """What the first process says that has anything to say."""
        return next((said for said in self.gathered(value) if said), value)

    def gathered(self, value: T) -> list[T]:
        """What every process says, in their order."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        with _company():
            dist.all_gather_object(found, value, self.control)
        return found

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors by those of the first process.

        Raises:
            UserError: They have other sizes here and there.
        """
        if self.count == 1:
            return
        tensors = list(tensors)
        self._refuse_other_sizes(tensors)
        with _company():
            for alike in _alike(tensors):
                flat = torch.cat([t.detach().reshape(-1) for t in alike])
                dist.broadcast(flat, 0)
                _spread(flat, alike)

    def refuse_apart(self, tensors: Iterable[Tensor], step: int, method: str) -> None:
        """Check that all processes hold the same values.

        Raises:
            UserError: They do not.
        """
        if self.count == 1:
            return
        marks = [(tuple(t.shape), repr(float(t.detach().double().sum()))) for t in tensors]
        if any(other != marks for other in self.gathered(marks)):
            raise UserError(f"step {step}: method '{method}': {self._apart()}")

    def _refuse_other_sizes(self, tensors: Iterable[Tensor]) -> None:
        """Backends end the process where sizes differ, so they are compared before.

        Raises:
            UserError: They do.
        """
        size = sum(t.numel() for t in tensors)
        both = torch.tensor([size, -size])
        with _company():
            dist.all_reduce(both, dist.ReduceOp.MAX, self.control)
        if int(both[0]) != -int(both[1]):
            raise UserError(self._apart())

    def _apart(self) -> str:
        return (
            f"the {self.count} processes no longer hold the same avatar; the method changes it by "
            "what one process has seen (such as density control): train it on one device"
        )

    @contextmanager
    def averaging(self) -> Iterator[None]:
        """Within it every optimiser steps with the mean of all processes' gradients."""
        if self.count == 1:
            yield
            return
        hook = register_optimizer_step_pre_hook(lambda optimizer, *_: self._average(optimizer))
        try:
            yield
        finally:
            hook.remove()

    @torch.no_grad()
    def _average(self, optimizer: Optimizer) -> None:
        learned = [p for group in optimizer.param_groups for p in group["params"]]
        self._refuse_other_sizes(learned)
        here = [p.grad is not None for p in learned]
        moved = [p for p, anywhere in zip(learned, self.any(*here), strict=True) if anywhere]
        sparse = [p for p in moved if p.grad is not None and p.grad.is_sparse]
        if any(self.any(bool(sparse))):
            for p in moved:
                p.grad = self._average_rows(p)
            return
        for p in moved:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        with _company():
            for alike in _alike([p.grad for p in moved if p.grad is not None]):
                flat = torch.cat([g.reshape(-1) for g in alike])
                dist.all_reduce(flat)
                _spread(flat / self.count, alike)

    def _average_rows(self, learned: Tensor) -> Tensor:
        """The mean of sparse gradients: of the rows that any process has, and no others."""
        total, seen = torch.zeros_like(learned), learned.new_zeros(len(learned))
        if learned.grad is not None:
            total = learned.grad.to_dense()
            seen[learned.grad.coalesce().indices()[0]] = 1
        with _company():
            dist.all_reduce(total)
            dist.all_reduce(seen)
        rows = seen.nonzero()[:, 0]
        mean = total[rows] / self.count
        return torch.sparse_coo_tensor(rows[None], mean, learned.shape, check_invariants=True)


@contextmanager
def joined() -> Iterator[Ranks]:
    """The processes that this one belongs to; on its own where the environment names no others.

    Raises:
        UserError: The environment names them incompletely, or they cannot be reached.
    """
    count = _number("WORLD_SIZE", 1)
    if count == 1:
        yield Ranks()
        return
    rank = _number("RANK", 0)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(own_cuda())
        dist.init_process_group(backend, rank=rank, world_size=count)
        control = dist.new_group(backend="gloo")
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"process {rank} of {count} could not reach the others ({_line(error)}); start them "
            "with  avatar-kit train --devices N, or with torchrun"
        ) from None
    try:
        yield Ranks(rank, count, control)
    finally:
        dist.destroy_process_group()


def own_cuda() -> str:
    """The GPU of this process: the first one, or among several processes one for each."""
    return f"cuda:{_number('LOCAL_RANK', 0)}" if _number("WORLD_SIZE", 1) > 1 else "cuda"


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "")
    if text and not text.isdecimal():
        raise UserError(f"environment variable {name}: expected a whole number, not '{text}'")
    return int(text) if text else otherwise


@contextmanager
def _company() -> Iterator[None]:
    """Within it a process that is gone, or that does something else, is a message."""
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            f"lost the other processes of this training ({_line(error)}); see their messages for "
            "the reason"
        ) from None


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def _alike(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors in groups of one type, in an order that is the same in every process."""

    def kind(tensor: Tensor) -> str:
        return f"{tensor.dtype} {tensor.device.type}"

    for _, group in groupby(sorted(tensors, key=kind), key=kind):
        yield list(group)


def _spread(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    """Write one row of values back into the tensors it was made of."""
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.detach().copy_(part.view_as(tensor))
