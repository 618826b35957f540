import copy

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from avatar_kit.nn.kept import Kept


class Doubled:
    """Twice a parameter, and how often it was computed."""

    def __init__(self):
        self.weight, self.kept, self.count = nn.Parameter(torch.ones(3)), Kept(), 0

    def __call__(self):
        return self.kept([self.weight], self._compute)

    def _compute(self):
        self.count += 1
        return 2 * self.weight


@pytest.fixture
def doubled():
    return Doubled()


def test_it_is_computed_once(doubled):
    with torch.no_grad():
        assert doubled() is doubled()
    with torch.inference_mode():
        assert not doubled().is_inference()
    assert doubled.count == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda p: p.add_(1),
        lambda p: p.__setitem__(0, 5.0),
        lambda p: p.copy_(torch.arange(3.0)),
        lambda p: p.lerp_(torch.zeros(3), torch.full((3,), 0.5)),
        lambda p: torch._foreach_lerp_([p], [torch.zeros(3)], 0.5),
        lambda p: setattr(p, "data", torch.zeros(3)),
    ],
)
def test_what_is_written_counts(doubled, write):
    with torch.no_grad():
        doubled()
        write(doubled.weight)
        torch.testing.assert_close(doubled(), 2 * doubled.weight)


@pytest.mark.parametrize("make", [SGD, Adam, lambda p, lr: Adam(p, lr, fused=True)])
def test_a_step_of_an_optimiser_counts(doubled, make):
    optimizer = make([doubled.weight], lr=0.1)
    for _ in range(2):
        with torch.no_grad():
            torch.testing.assert_close(doubled(), 2 * doubled.weight)
        doubled().sum().backward()
        optimizer.step()
    with torch.no_grad():
        torch.testing.assert_close(doubled(), 2 * doubled.weight)


def test_gradients_flow_through_it(doubled):
    with torch.no_grad():
        doubled()
    doubled().sum().backward()
    torch.testing.assert_close(doubled.weight.grad, torch.full((3,), 2.0))


def test_another_tensor_in_the_same_memory_is_another(doubled):
    kept = Kept()
    with torch.no_grad():
        for i in range(50):  # freed each time: the allocator would give the same memory again
            value = torch.full((3,), float(i))
            assert kept([value], lambda value=value: 2 * value)[0] == 2 * i


def test_a_copy_keeps_its_own(doubled):
    with torch.no_grad():
        doubled()
        other = copy.deepcopy(doubled)
        other.weight += 1
        torch.testing.assert_close(other(), 2 * other.weight)
