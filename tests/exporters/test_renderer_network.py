"""The exported renderer paints the same picture in onnxruntime as in torch."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import avatar_kit as ak
from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.testing.avatar import export_source
from tests.api.tiny import TINY

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

_DNR = {k: v for k, v in TINY["anr"].items() if k != "loss"} | {"loss.feature": 0.0}


def agrees(avatar, file):
    """The largest difference of each output over three poses; the names of the inputs."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    wanted = {v.name: v.shape for v in session.get_inputs()}
    names = [v.name for v in session.get_outputs()]
    off = dict.fromkeys(names, 0.0)
    poses = avatar.training_motion()
    for i in (0, len(poses) // 2, len(poses) - 1):
        conditions = avatar.conditions(poses[i])
        with torch.no_grad():
            expected = avatar.model.renderer(conditions, avatar.camera)
        given = {name: conditions[name].values.numpy() for name in wanted}
        assert {name: list(v.shape) for name, v in given.items()} == wanted
        for name, found in zip(names, session.run(names, given), strict=True):
            truth = getattr(expected, name).numpy()
            assert found.shape == truth.shape and found.dtype == np.float32
            off[name] = max(off[name], float(abs(found - truth).max()))
    return off, set(wanted)


def test_onnxruntime_paints_what_torch_paints(painted, tmp_path):
    before = {n: v.clone() for n, v in painted.model.state_dict().items()}
    result = painted.export(tmp_path / "a.onnx")
    off, inputs = agrees(painted, result.files[0])
    assert set(off) == {"rgb", "alpha", "alpha_logit", "person", "background"}
    assert max(off.values()) < 1e-4
    assert inputs == {"texture", "normals"}
    size = f"{painted.camera.width}x{painted.camera.height}"
    assert f"of {size} pixels, the trained size" in str(result)
    assert all(torch.equal(v, before[n]) for n, v in painted.model.state_dict().items())
    # one file that holds all, and no place of this machine
    assert [p.name for p in tmp_path.iterdir()] == ["a.onnx"]
    data = result.files[0].read_bytes()
    assert result.bytes == len(data) and f"{len(data) / 1e6:.1f} MB" in str(result)
    for place in (str(Path(ak.__file__).parent), str(Path(torch.__file__).parent)):
        assert place.encode() not in data
    model = onnx.load(result.files[0], load_external_data=False)
    assert not any(t.external_data for t in model.graph.initializer)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 18)]
    about = {p.key: json.loads(p.value) for p in model.metadata_props}
    assert about["camera"]["K"] == painted.camera.K[0].tolist()
    assert about["method"] == "anr"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "values", "outputs"),
    [
        ("ram", {}, {"rgb", "alpha", "alpha_logit", "background"}),
        (
            "ram",
            {"renderer.background": "composite"},
            {"rgb", "alpha", "alpha_logit", "person", "background"},
        ),
        (
            "ram",
            {
                "renderer.background": "painted",
                "encoders.style": {"type": "frame_code", "size": 8},
            },
            {"rgb"},
        ),
        ("dnr", {}, {"rgb", "background"}),
    ],
)
def test_every_renderer_of_maps(method, values, outputs, capture_folder, tmp_path):
    tiny = {**(TINY["ram"] if method == "ram" else _DNR), **values}
    run = ak.train(method, data=capture_folder, out=tmp_path / "run", steps=2, values=tiny)
    avatar = ak.load(run, device="cpu")
    off, inputs = agrees(avatar, avatar.export(tmp_path / "a.onnx").files[0])
    assert set(off) == outputs
    assert max(off.values()) < 1e-4
    assert inputs == set(avatar.model.encoders)


def refused(source, tmp_path):
    from avatar_kit.exporters.config import RendererNetworkConfig
    from avatar_kit.exporters.renderer_network import RendererNetwork

    exporter = RendererNetwork(RendererNetworkConfig())
    with pytest.raises(UserError) as error:
        exporter.export(source, tmp_path / "a.onnx", lambda done, total, line: None)
    assert not list(tmp_path.iterdir())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_gaussians_are_refused(tmp_path):
    text = refused(export_source("avatar"), tmp_path)
    assert text.startswith("renderer 'small' draws the Gaussians of encoder 'points'")
    assert ".ply, .spz, .safetensors or .html" in text


def test_a_renderer_that_remembers_is_refused(monkeypatch, tmp_path):
    source = export_source("avatar", gaussians=False)
    renderer = type(source.avatar.renderer)
    monkeypatch.setattr(renderer, "step", lambda self, *given: (self(*given[:2]), 1))
    assert "'small' remembers the frame before" in refused(source, tmp_path)


def test_a_renderer_that_looks_at_values_is_refused(monkeypatch, tmp_path):
    source = export_source("avatar", gaussians=False)
    renderer = type(source.avatar.renderer)
    forward = renderer.forward

    def branches(self, conditions, camera):
        seen = conditions["points"].values
        shown = forward(self, conditions, camera)
        return shown if float(seen.mean()) > 0.5 else type(shown)(1 - shown.rgb)

    monkeypatch.setattr(renderer, "forward", branches)
    assert "renderer 'small' cannot be translated to ONNX: " in refused(source, tmp_path)


def test_a_graph_that_no_file_holds_is_refused(monkeypatch, tmp_path):
    import avatar_kit.exporters.renderer_network as module

    monkeypatch.setattr(module, "_MOST", -1)
    assert "train a narrower one" in refused(export_source("avatar", gaussians=False), tmp_path)


def test_a_motion_makes_no_sense(painted, tmp_path):
    with pytest.raises(UserError, match="stores an avatar without a motion"):
        painted.export(tmp_path / "a.onnx", motion=painted.training_motion())


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnx_ir"])
def test_without_the_extra(package, monkeypatch, painted, tmp_path):
    monkeypatch.delitem(sys.modules, "avatar_kit.exporters.renderer_network", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"avatar-kit\[onnx\]"):
        painted.export(tmp_path / "a.onnx")


def test_the_runner_on_the_page(painted, tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    (block,) = re.findall(r"## \.onnx\n.*?```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "anr").symlink_to(painted.run, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "export.md", "exec"), {})
    from PIL import Image

    found = np.asarray(Image.open(tmp_path / "ada.png")).astype(int)
    truth = painted.render(painted.training_motion()[0]).astype(int)
    assert abs(found - truth).max() <= 1
