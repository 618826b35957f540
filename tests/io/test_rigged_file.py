"""Files of rigged Gaussians: they hold everything, and what is broken is refused by name."""

import json
import re
from dataclasses import replace

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from avatar_kit.errors import UserError
from avatar_kit.io import load_rigged_gaussians, save_rigged_gaussians
from avatar_kit.io.rigged_file import KEY
from avatar_kit.scene.rigged import rigged_shapes
from avatar_kit.testing.avatar import small_avatar


@pytest.fixture(scope="module")
def gaussians():
    return small_avatar().encoders["points"].rigged_gaussians()


@pytest.fixture
def path(gaussians, tmp_path):
    save_rigged_gaussians(tmp_path / "a.safetensors", gaussians, {"name": "ada"})
    return tmp_path / "a.safetensors"


def test_what_is_written_is_read(path, gaussians):
    read = load_rigged_gaussians(path)
    for name in rigged_shapes(0, 0):
        torch.testing.assert_close(getattr(read.gaussians, name), getattr(gaussians, name))
    for name in ("direction", "ambient", "direct"):
        assert torch.equal(getattr(read.gaussians.light, name), getattr(gaussians.light, name))
    assert read.gaussians.light.limits == gaussians.light.limits
    assert read.gaussians.joint_names == gaussians.joint_names
    assert read.gaussians.joint_parents == gaussians.joint_parents
    assert read.about == {"name": "ada"}


def test_what_is_not_finite_is_not_written(gaussians, tmp_path):
    with pytest.raises(ValueError, match="log_scales: a value is not finite"):
        zero = replace(gaussians, scales=torch.zeros_like(gaussians.scales))
        save_rigged_gaussians(tmp_path / "a.safetensors", zero)
    assert not list(tmp_path.iterdir())


def test_a_file_says_its_axes_and_units_to_everybody(path):
    with safe_open(path, "numpy") as file:
        facts = json.loads(file.metadata()[KEY])
    assert facts["format"] == "avatar-kit rigged gaussians 1"
    assert "y up" in facts["axes"] and "metres" in facts["axes"] and "wxyz" in facts["axes"]


def rewritten(path, change):
    """Change the tensors and the facts of a file."""
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()[KEY])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    change(tensors, facts)
    safetensors.torch.save_file(tensors, path, {KEY: json.dumps(facts)})


def without(name):
    return lambda tensors, facts: tensors.pop(name)


def filled(name, value):
    return lambda tensors, facts: tensors[name].view(-1)[3:4].fill_(value)


def stated(name, value):
    return lambda tensors, facts: facts.update({name: value})


FAULTS = {
    **{f"no {name}": (without(name), f"no tensor '{name}'") for name in (
        "means", "quaternions", "log_scales", "opacity_logits", "colours", "normals", "two_sided",
        "skinning_weights", "transforms", "faces", "barycentrics", "offsets", "light_ambient",
    )},
    **{f"NaN in {name}": (filled(name, torch.nan), f"'{name}' is not finite") for name in (
        "means", "quaternions", "log_scales", "colours", "skinning_weights", "light_ambient",
    )},
    "shape": (lambda t, f: t.update(colours=t["colours"][:, :2].contiguous()), "expected ("),
    "rows": (lambda t, f: t.update(normals=t["normals"][:-1].contiguous()), "'normals' has the"),
    "type": (lambda t, f: t.update(faces=t["faces"].float()), "expected torch.int32"),
    "weights": (filled("skinning_weights", 2.0), "'skinning_weights' misses 1"),
    "rotation": (filled("quaternions", 9.0), "'quaternions' misses 1"),
    "faces": (filled("faces", -1), "a negative index"),
    "format": (stated("format", "another 3"), "format='another 3', expected"),
    "names": (stated("joint_names", ["root"]), "are not a skeleton"),
    "parents": (lambda t, f: f["joint_parents"].__setitem__(2, 1000), "are not a skeleton"),
    "limits": (stated("light_limits", [2.0, 0.2]), "the lesser first"),
    "no limits": (stated("light_limits", None), "'light_limits' are None, expected a list"),
    "about": (stated("about", 3), "'about' are 3, expected a dict"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_broken_files_are_refused(fault, path):
    change, words = FAULTS[fault]
    rewritten(path, change)
    with pytest.raises(UserError, match=re.escape(words)) as refused:
        load_rigged_gaussians(path)
    assert str(path) in str(refused.value) and "avatar-kit export" in str(refused.value)


def test_a_light_without_a_direction_is_refused(path):
    rewritten(path, lambda tensors, facts: tensors["light_direction"].zero_())
    with pytest.raises(UserError, match="'light_direction' misses 1"):
        load_rigged_gaussians(path)


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_file_that_is_cut_off_is_refused(kept, path):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match="is no whole safetensors file"):
        load_rigged_gaussians(path)


def test_another_kind_of_safetensors_file_is_refused(tmp_path):
    safetensors.torch.save_file({"means": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="format=None, expected"):
        load_rigged_gaussians(tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="no such safetensors file"):
        load_rigged_gaussians(tmp_path / "missing.safetensors")
