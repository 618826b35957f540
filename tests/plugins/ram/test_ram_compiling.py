"""Compiled modules give what they gave; a machine that cannot compile says so once."""

import pytest
import torch
from avatar_kit_ram.compiling import compile_modules
from torch import nn


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return torch.nn.functional.leaky_relu(self.conv(x), 0.2)


def test_a_machine_that_cannot_compile_gives_the_reason_and_leaves_the_modules(monkeypatch):
    def broken(function):
        raise RuntimeError("\nno working compiler found\nlong trace")

    monkeypatch.setattr(torch, "compile", broken)
    layer = Layer()
    text = compile_modules([layer], torch.device("cpu"))
    assert text.startswith("off: torch.compile fails on this machine")
    assert text.endswith("(RuntimeError: no working compiler found)")
    assert layer._compiled_call_impl is None
    assert layer(torch.zeros(1, 3, 5, 5)).shape == (1, 4, 3, 3)


@pytest.mark.slow
def test_a_missing_compiler_is_found_out(monkeypatch):
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", (None, "/nonexistent"))
    assert "/nonexistent" in compile_modules([Layer()], torch.device("cpu"))


@pytest.mark.slow
def test_what_is_compiled_gives_the_same_pictures_and_gradients():
    from torch._dynamo.utils import counters

    torch.manual_seed(0)
    plain, fast = Layer(), Layer()
    fast.load_state_dict(plain.state_dict())
    text = compile_modules([fast], torch.device("cpu"))
    if text != "on":
        pytest.skip(text)
    counters.clear()
    x = torch.randn(2, 3, 16, 16)
    pictures = [layer(x) for layer in (plain, fast)]
    assert counters["stats"]["unique_graphs"] == 1
    torch.testing.assert_close(*pictures, atol=1e-5, rtol=1e-5)
    for picture in pictures:
        picture.square().sum().backward()
    assert list(fast.state_dict()) == list(plain.state_dict())
    torch.testing.assert_close(fast.conv.weight.grad, plain.conv.weight.grad, atol=1e-3, rtol=1e-4)
