"""``benchmarks/gpu.py`` runs dry on a CPU, so that it runs on a GPU at the first try."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from tests.testing.test_shipped import OPTIONS

PATH = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def gpu():
    spec = importlib.util.spec_from_file_location("gpu_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PATH.parent))  # as for a script
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clock(gpu):
    return gpu.Clock(torch.device("cpu"), 1)


def values(method, folder, **more):
    data = {"type": "capture", "path": str(folder)}
    return {"size": 64, "device": "cpu", "data": data} | OPTIONS["method", method] | more


def test_a_product_of_matrices_is_counted(clock):
    a = torch.rand(64, 32)
    found = clock.figures(lambda: a @ a.T)
    assert found["gflop"] == 2 * 64 * 64 * 32 / 1e9
    assert found["gb"] == 4 * (2 * 64 * 32 + 64 * 64) / 1e9
    assert found["roofline_ms"] > 0 and found["ms"] > 0


def test_ram_with_its_attention(gpu, clock, capture_folder):
    body = {"type": "attentive_texture", "size": 64, "channels": 8}
    given = values("ram", capture_folder, encoders={"body": body}, batch_size=1)
    found = gpu.measured("ram", "demo", given, clock, train=True)
    json.dumps(found)
    assert found["step"]["steps_per_second"] > 0 and found["step"]["peak_gib"] > 0
    stages = set(found["frame"]) - {"frames_per_second", "peak_gib"}
    assert {"pose to picture", "body", "encoder body", "renderer"} <= stages
    assert found["rasterisers"]["warp"]["same_triangles"] == 1
    kernels = found["attention of body"]
    assert kernels["torch"]["ms"] > 0 and kernels["torch"]["gflop"] > 0
    assert kernels["triton"]["error"] == "not measured: it needs a CUDA device, not cpu"
    assert 0 < kernels["triton"]["gb"] < kernels["torch"]["gb"]
    assert "MissingExtra" in found["rasterisers"]["nvdiffrast"]["error"]  # and the rest went on


def test_gaussians(gpu, clock, capture_folder):
    given = values("splat", capture_folder, encoders={"cloud": {"points": 300, "hull": 0}})
    found = gpu.measured("splat", None, given, clock, train=False)
    assert found["frame"]["frames_per_second"] > 0
    assert found["frame"]["encoder cloud"]["gb"] > 0
