import subprocess
import sys

import pytest

from avatar_kit.config import resolve_method
from avatar_kit.errors import UserError


@pytest.mark.parametrize("preset", ["paper", "light", "demo"])
def test_presets_validate(preset):
    config = resolve_method("ram", preset=preset).config
    assert config.preset == preset


def test_paper_has_the_figures_of_the_paper():
    config = resolve_method("ram", preset="paper").config
    assert (config.size, config.steps) == (1024, 150_000)
    channels = {name: encoder.yields() for name, encoder in config.encoders.items()}
    assert channels["body"] == ("feature_map", 48)
    assert channels["face"] == channels["hands"] == ("feature_map", 16)
    assert config.optimizer.learning_rate == 1e-4
    assert config.optimizer.weight_decay == 1e-4
    assert config.renderer.channel_multiplier == 2.0


def test_light_is_half_the_size_and_half_the_width():
    config = resolve_method("ram", preset="light").config
    assert (config.size, config.renderer.channel_multiplier) == (512, 1.0)


def test_an_encoder_that_does_not_fit_is_named():
    overrides = {"renderer": {"type": "style_unet"}, "encoders": {"cloud": {"type": "blobs"}}}
    with pytest.raises(UserError, match=r"encoders\.cloud: unknown encoder 'blobs'"):
        resolve_method("ram", overrides=overrides)


def test_a_slot_that_does_not_fit_names_both_sides(monkeypatch):
    from avatar_kit_ram.config import HandMapConfig

    monkeypatch.setattr(HandMapConfig, "yields", lambda self: ("gaussians", 8))
    expected = (
        r"renderer 'style_unet' consumes feature_map and vector, "
        r"but encoders\.hands \('hand_map'\) yields gaussians"
    )
    with pytest.raises(UserError, match=expected):
        resolve_method("ram")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"renderer": {"chanels": 3}}, r"renderer\.chanels: unknown key"),
        (
            {"renderer": {"background": "green"}},
            r"renderer\.background: .*'painted', 'plate' or 'composite'",
        ),
        ({"encoders": {"face": {"channels": 5}}}, r"encoders\.face\.channels: .*multiple of 2"),
        ({"precision": "float16"}, r"precision: .*'float32' or 'bfloat16'"),
        (
            {"encoders": {"body": {"kernel": "triton", "query_channels": 129}}},
            r"encoders\.body\.kernel: expected torch, or at most 128 query_channels, got 'triton'",
        ),
        ({"loss": {"pixle": 1}}, r"loss\.pixle: unknown key; did you mean 'pixel'\?"),
    ],
)
def test_mistakes_are_named_with_their_path(overrides, message):
    with pytest.raises(UserError, match=message):
        resolve_method("ram", overrides=overrides)


def test_the_plugin_module_imports_no_torch():
    code = "import sys, avatar_kit_ram.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
