"""Run the attention's kernels on the CPU in Triton's interpreter: python interpreted.py IN OUT.

A process of its own: Triton reads TRITON_INTERPRET when it is imported, and the tests beside this
one compile. IN holds query, key, value and the gradient of the result by case and the cases'
distance modes. OUT gets the result and the gradients of query, key and value, and the operations
and bytes of all programs.
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

_product, _load = InterpreterBuilder.create_dot, InterpreterBuilder.create_masked_load
_store = InterpreterBuilder.create_masked_store
done = {"flops": 0, "bytes": 0}


def _exact_product(self, a, b, *rest):
    """The interpreter multiplies the bits of bfloat16 as integers (triton-lang/triton#11584)."""
    done["flops"] += 2 * a.data.shape[0] * a.data.shape[1] * b.data.shape[1]
    a, b = (
        self.cast_impl(x, tl.block_type(tl.float32, list(x.data.shape)))
        if x.dtype.scalar == tl.bfloat16
        else x
        for x in (a, b)
    )
    return _product(self, a, b, *rest)


def _counted_load(self, places, mask, *rest):
    found = _load(self, places, mask, *rest)
    done["bytes"] += int(mask.data.sum()) * found.data.itemsize
    return found


def _counted_store(self, places, values, mask, *rest):
    done["bytes"] += int(mask.data.sum()) * values.data.itemsize
    return _store(self, places, values, mask, *rest)


InterpreterBuilder.create_dot = _exact_product
InterpreterBuilder.create_masked_load = _counted_load
InterpreterBuilder.create_masked_store = _counted_store


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
    save_file(found, target, {name: str(count) for name, count in done.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
