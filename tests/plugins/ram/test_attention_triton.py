"""The attention's kernels: interpreted on the CPU, compiled for a GPU, chosen where they run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from avatar_kit_ram import attention_triton
from avatar_kit_ram.attention import criss_cross_attention
from avatar_kit_ram.attention_triton import fused_criss_cross_attention, missing
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.plugins.ram.test_attention import MODES, dense

pytest.importorskip("triton")

HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}
#: (height, width, channels of query, channels of value); a block is 32 long, a tile 64 wide.
SHAPES = [(1, 1, 3, 5), (1, 6, 5, 3), (7, 1, 1, 1), (5, 4, 24, 48), (2, 3, 4, 70)]
SEVERAL_BLOCKS = {"multiply": (2, 33, 5, 7), "bias": (33, 1, 5, 7)}
LARGE = [(33, 40, 24, 48), (64, 64, 24, 48), (2, 3, 128, 512), (20, 70, 64, 130), (24, 24, 17, 200)]


def maps_of(height, width, channels, values, *, batch=2, dtype=torch.float32):
    """Query, key, value and a gradient of the result, energies of order one."""
    torch.manual_seed(1000 * height + width)
    sizes = (channels, channels, values, values)
    query, *others = (torch.randn(batch, height, width, c) for c in sizes)
    return [x.to(dtype) for x in (query / channels**0.5, *others)]


def interpreted(cases, folder):
    """Result and gradients of {name: (maps, mode)}, as the kernels compute them."""
    tensors = {f"{n}/{i}": x for n, (maps, _) in cases.items() for i, x in enumerate(maps)}
    save_file(tensors, folder / "in", {name: mode for name, (_, mode) in cases.items()})
    script = Path(__file__).with_name("interpreted.py")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(folder / "in"), str(folder / "out")]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = load_file(folder / "out")
    return {name: [found[f"{name}/{i}"] for i in range(4)] for name in cases}


def differentiated(function, maps):
    """Result and gradients of a form in torch."""
    *inputs, gradient = (x.clone() for x in maps)
    inputs = [x.requires_grad_() for x in inputs]
    result = function(*inputs)
    return [result, *torch.autograd.grad(result, inputs, gradient)]


def assert_equal_to_both_forms(found, maps, mode, tolerance):
    """Against all pairs of positions in float64, and against the form in torch as it is used."""
    exact = [x.double() for x in maps]
    for wanted in (
        differentiated(lambda *m: dense(*m, mode), exact),
        differentiated(lambda *m: criss_cross_attention(*m, distance=mode), exact),
        differentiated(lambda *m: criss_cross_attention(*m, distance=mode), maps),
    ):
        for ours, theirs in zip(found, wanted, strict=True):
            limit = tolerance * max(1.0, theirs.abs().max().item())
            torch.testing.assert_close(ours.double(), theirs.double(), atol=limit, rtol=0)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Every small shape in every mode; half precision; maps whose energies are hundreds."""
    cases = {}
    for shape in SHAPES:
        for mode in MODES:
            cases[f"{shape} {mode}"] = maps_of(*shape, batch=1 + (shape[0] == 5)), mode
    for mode, shape in SEVERAL_BLOCKS.items():
        cases[f"{shape} {mode}"] = maps_of(*shape, batch=1), mode
    for name, dtype in HALF.items():
        cases[name] = maps_of(4, 3, 24, 48, batch=1, dtype=dtype), "multiply"
    query, *others = maps_of(3, 4, 24, 48, batch=1)
    cases["steep"] = [200 * query, *others], "none"
    return cases, interpreted(cases, tmp_path_factory.mktemp("attention"))


@pytest.mark.parametrize(
    ("shape", "mode"),
    [*((s, m) for s in SHAPES for m in MODES), *((s, m) for m, s in SEVERAL_BLOCKS.items())],
    ids=str,
)
def test_the_kernels_compute_criss_cross_attention(shape, mode, small):
    cases, found = small
    name = f"{shape} {mode}"
    assert found[name][0].dtype == torch.float32
    assert_equal_to_both_forms(found[name], *cases[name], 3e-6)


@pytest.mark.parametrize("name", HALF)
def test_in_half_precision_softmax_and_sums_stay_in_float32(name, small):
    cases, found = small
    assert {x.dtype for x in found[name]} == {HALF[name]}
    assert_equal_to_both_forms(found[name], *cases[name], 2 * torch.finfo(HALF[name]).eps)


def test_large_energies_do_not_overflow(small):
    cases, found = small
    maps, mode = cases["steep"]
    wanted = dense(*(x.double() for x in maps[:3]), mode)
    assert found["steep"][0].isfinite().all()
    torch.testing.assert_close(found["steep"][0].double(), wanted, atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_the_kernels_at_working_size(shape, mode, tmp_path):
    maps = maps_of(*shape, batch=1)
    found = interpreted({"one": (maps, mode)}, tmp_path)
    assert_equal_to_both_forms(found["one"], maps, mode, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", HALF)
def test_half_precision_over_several_blocks(name, tmp_path):
    maps = maps_of(66, 70, 24, 130, batch=1, dtype=HALF[name])
    found = interpreted({"one": (maps, "multiply")}, tmp_path)
    assert_equal_to_both_forms(found["one"], maps, "multiply", 4 * torch.finfo(HALF[name]).eps)


@pytest.mark.slow
def test_the_benchmarks_count_what_the_kernels_do(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    from counting import fused_attention

    maps = maps_of(32, 64, 16, 128, batch=1)  # fills blocks and tiles, for what is masked counts
    interpreted({"one": (maps, "none")}, tmp_path)
    with safe_open(tmp_path / "out", "pt") as file:
        done = file.metadata()
    assert fused_attention(maps[0], maps[2]) == (int(done["flops"]), int(done["bytes"]))


class PretendedDriver:
    """What the launching code asks of a GPU of compute capability 9.0 before it compiles."""

    def get_current_target(self):
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """Kernels in the order of their launches: compiled anew as they are launched, and not run."""
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    kernels, run = [], JITFunction.run

    def compiled(self, *given, warmup, **options):
        kernels.append(run(self, *given, warmup=True, **options))
        return kernels[-1]

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(JITFunction, "run", compiled)
    monkeypatch.setattr(driver, "_active", PretendedDriver())
    return kernels


def assert_compiled(launched, maps, mode):
    """A pass forward and backward: along rows and along columns."""
    differentiated(lambda *m: fused_criss_cross_attention(*m, mode), maps)
    pair = ["query_kernel", "key_kernel"]
    assert [k.metadata.name for k in launched] == 2 * ["forward_kernel"] + 2 * pair
    for kernel in launched:
        assert kernel.asm["cubin"].startswith(b"\x7fELF")
        assert ".target sm_90" in kernel.asm["ptx"]
        # Half precision by tensor cores; float32 exactly, so not by them.
        by_tensor_cores = re.search(r"\b(wg)?mma\.", kernel.asm["ptx"]) is not None
        assert by_tensor_cores == (maps[0].dtype != torch.float32)
        assert kernel.metadata.shared <= 99 * 1024  # what any GPU from 8.0 on has for a program
    launched.clear()


def test_the_kernels_compile_without_a_gpu(launched):
    assert_compiled(launched, maps_of(16, 32, 24, 48, dtype=torch.bfloat16), "multiply")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [torch.float32, *HALF.values()], ids=str)
def test_every_form_of_the_kernels_compiles(dtype, mode, launched):
    for shape in [(16, 32, 24, 48), (1, 1, 1, 1), (7, 5, 128, 512)]:
        assert_compiled(launched, maps_of(*shape, dtype=dtype), mode)


def test_why_it_cannot_run(monkeypatch):
    missing.cache_clear()
    assert missing(torch.device("cpu")) == "it needs a CUDA device, not cpu"
    gpu = torch.device("cuda:7")  # no machine of a test has it
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        assert "'triton' is not installed: run  pip install" in missing(gpu)
    missing.cache_clear()
    assert missing(gpu).startswith("a small map fails (")
    missing.cache_clear()


def test_the_kernels_are_used_where_they_run(monkeypatch):
    *maps, _ = maps_of(3, 4, 2, 3)
    asked = []
    monkeypatch.setattr(
        attention_triton,
        "fused_criss_cross_attention",
        lambda *given: asked.append(given) or torch.zeros(()),
    )
    plain = criss_cross_attention(*maps, distance="bias")
    assert torch.equal(criss_cross_attention(*maps, distance="bias", kernel="triton"), plain)
    assert not asked  # this is a CPU
    monkeypatch.setattr(attention_triton, "missing", lambda device: None)
    criss_cross_attention(*maps, distance="bias", kernel="triton")
    assert [(len(given), given[-1]) for given in asked] == [(4, "bias")]
    criss_cross_attention(*maps, distance="bias")
    criss_cross_attention(*(x.double() for x in maps), kernel="triton")  # has no float64
    assert len(asked) == 1
