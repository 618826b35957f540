"""Run the attention's kernels on the CPU in Triton's interpreter: python interpreted.py IN OUT.

A process of its own: Triton reads TRITON_INTERPRET when it is imported, and the tests beside this
one compile. IN holds query, key, value and the gradient of the result by case and the cases'
distance modes; OUT gets the result and the gradients of query, key and value.
"""

import os
import sys

os.environ["TRITON_INTERPRET"] = "1"

import torch
import triton.language as tl
from avatar_kit_ram.attention_triton import fused_criss_cross_attention
from safetensors import safe_open
from safetensors.torch import save_file
from triton.runtime.interpreter import InterpreterBuilder

_product = InterpreterBuilder.create_dot


def _exact_product(self, a, b, *rest):
    """The interpreter multiplies the bits of bfloat16 as integers (triton-lang/triton#11584)."""
    a, b = (
        self.cast_impl(x, tl.block_type(tl.float32, list(x.data.shape)))
        if x.dtype.scalar == tl.bfloat16
        else x
        for x in (a, b)
    )
    return _product(self, a, b, *rest)


InterpreterBuilder.create_dot = _exact_product


def main(source: str, target: str) -> None:
    torch.set_num_threads(1)
    found = {}
    with safe_open(source, "pt") as file:
        for case, mode in file.metadata().items():
            *maps, gradient = (file.get_tensor(f"{case}/{i}") for i in range(4))
            maps = [x.requires_grad_() for x in maps]
            result = fused_criss_cross_attention(*maps, mode)
            gradients = torch.autograd.grad(result, maps, gradient)
            for i, x in enumerate((result, *gradients)):
                found[f"{case}/{i}"] = x.detach().contiguous()
    save_file(found, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
