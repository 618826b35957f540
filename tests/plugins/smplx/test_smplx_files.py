"""Model files: found, read without running code, refused; texture coordinates; a training."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from avatar_kit_smplx.body import SmplxBody
from avatar_kit_smplx.config import SmplxConfig
from avatar_kit_smplx.model_file import find_model, read_model
from smplx_files import make_arrays, write_model

from avatar_kit.errors import Unavailable, UserError
from avatar_kit.io.cache import cache_dir
from avatar_kit.registry import catalog


def built(path, **values) -> SmplxBody:
    return SmplxBody(SmplxConfig(model=path, **values))


def test_a_missing_file_says_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(Unavailable) as caught:
        find_model(SmplxConfig())
    text = str(caught.value)
    for part in ("smpl-x.is.tue.mpg.de", "non-commercial", "SMPLX_NEUTRAL.npz", "body.model=FILE"):
        assert part in text
    kept = write_model(cache_dir("models") / "smplx", "smplx")
    assert find_model(SmplxConfig()) == kept
    with pytest.raises(Unavailable, match="SMPLX_MALE"):
        find_model(SmplxConfig(gender="male"))
    with pytest.raises(UserError, match="neutral model, but gender=female"):
        find_model(SmplxConfig(model=kept, gender="female"))


def test_a_folder_with_folders_of_models(tmp_path):
    kept = write_model(tmp_path / "smpl", "smpl", "pkl")
    assert find_model(SmplxConfig(model=tmp_path)) == kept
    richer = write_model(tmp_path / "smplx", "smplx")
    assert find_model(SmplxConfig(model=tmp_path)) == richer


def test_a_pickle_with_chumpy_and_scipy_is_read(tmp_path, monkeypatch):
    """As SMPL's own files are: Python 2's protocol, chumpy's arrays, a sparse regressor."""
    from scipy.sparse import csc_matrix

    package, module = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x):
            self.x = x

        def __getstate__(self):
            return {"x": self.x, "_cache": None}

    Ch.__module__, Ch.__qualname__, module.Ch = "chumpy.ch", "Ch", Ch
    monkeypatch.setitem(sys.modules, "chumpy", package)
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    arrays = make_arrays("smpl")
    held = {**arrays, "shapedirs": Ch(arrays["shapedirs"]), "bs_type": "lrotmin"}
    held["J_regressor"] = csc_matrix(arrays["J_regressor"])
    path = tmp_path / "basicmodel_f_lbs_10_207_0_v1.1.0.pkl"
    path.write_bytes(pickle.dumps(held, protocol=2))
    monkeypatch.delitem(sys.modules, "chumpy.ch")
    monkeypatch.delitem(sys.modules, "chumpy")
    found = read_model(path)
    assert found.gender == "female" and found.family == "smpl"
    assert np.array_equal(found.shapes, arrays["shapedirs"])
    assert np.array_equal(found.regressor, arrays["J_regressor"])


def test_nothing_of_a_pickle_runs(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps({**make_arrays("smpl"), "v_template": Evil()}))
    with pytest.raises(UserError, match=r"asks for (posix|nt)\.mkdir"):
        read_model(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v_template": make_arrays("smplx")["v_template"] * 1000}, "metres, y up"),
        ({"v_template": make_arrays("smplx")["v_template"][:, [0, 2, 1]]}, "metres, y up"),
        ({"kintree_table": np.zeros((2, 16), np.int64)}, "MANO is a hand alone"),
        ({"weights": make_arrays("smplx")["weights"][:, :24]}, "key 'weights' is"),
        ({"weights": make_arrays("smplx")["weights"] * 0.9}, "a row misses 1 by 0.1"),
        ({"posedirs": np.full((1430, 3, 486), np.nan)}, "key 'posedirs' holds NaN"),
        ({"f": make_arrays("smplx")["f"] + 1}, "key 'f' holds no indices of 0 to 1429"),
        ({"shapedirs": np.array(["a"])}, "key 'shapedirs' is"),
    ],
)
def test_what_is_no_body_is_refused(tmp_path, changes, message):
    path = write_model(tmp_path, "smplx", **changes)
    with pytest.raises(UserError, match=message) as caught:
        read_model(path)
    assert str(path) in str(caught.value)


def test_another_npz_and_a_cut_one_are_refused(tmp_path):
    other = tmp_path / "SMPLX_NEUTRAL.npz"
    np.savez(other, poses=np.zeros((3, 165)))
    with pytest.raises(UserError, match=r"key 'v_template' is missing \(keys: poses\)"):
        read_model(other)
    whole = write_model(tmp_path, "smplx").read_bytes()
    other.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        read_model(other)


def test_texture_coordinates_of_a_template(tmp_path, smplx_file):
    """An OBJ of the mesh gives the same charts as the file, in whatever order it has the faces."""
    arrays = make_arrays("smplx")
    lines = [f"v {x} {y} {z}" for x, y, z in arrays["v_template"]]
    lines += [f"vt {u} {v}" for u, v in arrays["vt"]]
    order = np.random.default_rng(0).permutation(len(arrays["f"]))
    for i in order:
        pairs = np.stack([arrays["f"][i].astype(int) + 1, arrays["ft"][i] + 1], 1)
        pairs = np.roll(pairs, i % 3, axis=0)
        lines.append("f " + " ".join(f"{v}/{t}" for v, t in pairs))
    template = tmp_path / "template.obj"
    template.write_text("\n".join(lines))
    bare = {k: v for k, v in arrays.items() if k not in ("vt", "ft")}
    np.savez(tmp_path / "bare.npz", **bare)
    given, own = built(tmp_path / "bare.npz", uvs=template).topology, built(smplx_file).topology
    assert torch.equal(given.uvs[given.uv_faces], own.uvs[own.uv_faces])
    template.write_text("\n".join(lines[:-1]))
    with pytest.raises(UserError, match="1 of the model's"):
        built(tmp_path / "bare.npz", uvs=template)


def test_texture_coordinates_are_made_and_kept(tmp_path, monkeypatch):
    pytest.importorskip("xatlas", reason="extra smplx")
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))
    path = write_model(tmp_path, "smpl")
    made = built(path).topology
    corners = made.uvs[made.uv_faces]
    edges = corners[:, 1:] - corners[:, :1]
    area = (edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]).abs() / 2
    assert 0.2 < area.sum() <= 1 and (area > 0).float().mean() > 0.99  # charts do not overlap
    monkeypatch.setitem(sys.modules, "xatlas", None)
    assert torch.equal(built(path).topology.uvs, made.uvs)  # from the cache
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "other"))
    with pytest.raises(UserError, match=r"avatar-kit\[smplx\]"):
        built(path)


def test_the_asset_tells_files_apart(tmp_path, smplx_file):
    other = write_model(tmp_path, "smplx", v_template=make_arrays("smplx")["v_template"] * 1.01)
    one, two = built(smplx_file).asset, built(other).asset
    assert one.name == two.name == "smplx-neutral" and one.sha256 != two.sha256


@pytest.mark.slow
def test_a_run_needs_the_very_file_and_does_not_hold_it(tmp_path, smplx_file, monkeypatch):
    from typer.testing import CliRunner

    from avatar_kit.cli.main import app
    from avatar_kit.testing.capture import small_capture

    body = built(smplx_file).eval().requires_grad_(False)
    capture = small_capture(tmp_path / "capture", frames=6, test_frames=3, of=("smplx", body)).root
    run = tmp_path / "run"
    words = ["train", "--method", "splat", "--preset", "demo", "--data", str(capture)]
    words += ["--out", str(run), "steps=3", "size=64", "evaluation.metrics=[psnr]"]
    words += ["encoders.cloud.points=2000", "encoders.cloud.hull=0", "body.type=smplx"]
    result = CliRunner().invoke(app, [*words, f"body.model={smplx_file}"])
    assert result.exit_code == 0, result.output
    from safetensors import safe_open

    for kept in run.glob("checkpoints/*/*.safetensors"):
        with safe_open(kept, "pt") as file:
            shapes = [tuple(file.get_slice(k).get_shape()) for k in file.keys()]  # noqa: SIM118
        assert not [shape for shape in shapes if 1430 in shape]
    import avatar_kit as ak

    assert ak.load(run)
    smplx = write_model(tmp_path, "smplx", v_template=make_arrays("smplx")["v_template"] * 1.01)
    import yaml

    config = yaml.safe_load((run / "config.yaml").read_text())
    config["body"]["model"] = str(smplx)
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match="sha256"):
        ak.load(run)


def test_the_plugin_is_registered():
    assert catalog().get("body", "smplx").load() is SmplxBody
