"""Layers, slots and what a person reads when a value is wrong."""

from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.config import MethodConfig, dump_yaml, load_yaml, parse_overrides, resolve_method
from avatar_kit.config.layers import Layer, dump_method, merge
from avatar_kit.errors import UserError
from avatar_kit.registry import load_plugins, loading

TINY = """
from typing import ClassVar, Literal
from pydantic import Field
from avatar_kit import hookimpl
from avatar_kit.config import BodyConfig, DatasetConfig, EncoderConfig, RendererConfig
from avatar_kit.config.method import MethodConfig
from avatar_kit.config.slots import EncoderSlot, RendererSlot

class Dots(EncoderConfig):
    type: Literal["dots"] = "dots"
    channels: int = Field(default=4, ge=1, description="Channels.")
    def yields(self):
        return "feature_map", self.channels

class Cloud(EncoderConfig):
    type: Literal["cloud"] = "cloud"
    def yields(self):
        return "gaussians", 3

class Painter(RendererConfig):
    consumes = frozenset({"feature_map"})
    type: Literal["painter"] = "painter"
    width: int = Field(default=8, ge=1, description="Channels inside.")

class Sculptor(RendererConfig):
    consumes = frozenset({"feature_map"})
    type: Literal["sculptor"] = "sculptor"
    chisels: int = Field(default=2, ge=1, description="Tools.")

class Clay(BodyConfig):
    type: Literal["clay"] = "clay"

class Toy(DatasetConfig):
    type: Literal["toy"] = "toy"
    frames: int = Field(default=9, ge=1, description="Frames.")

class Small(MethodConfig):
    presets: ClassVar = {"demo": {"steps": 20, "renderer": {"width": 16}}, "light": {"steps": 200}}
    type: Literal["small"] = "small"
    steps: int = Field(default=1000, ge=1, description="Steps.")
    size: int = Field(default=64, ge=32, description="Pixels.")
    batch_size: int = Field(default=2, ge=1, description="Frames.")
    encoders: dict[str, EncoderSlot] = Field(
        default={"dots": {"type": "dots"}}, validate_default=True, description="Encoders.")
    renderer: RendererSlot = Field(
        default={"type": "painter"}, validate_default=True, description="Renderer.")

@hookimpl
def register_encoders(register):
    register("dots", config=Dots, target="json:JSONDecoder")
    register("cloud", config=Cloud, target="json:JSONDecoder")

@hookimpl
def register_renderers(register):
    register("painter", config=Painter, target="json:JSONDecoder")
    register("sculptor", config=Sculptor, target="json:JSONDecoder")

@hookimpl
def register_bodies(register):
    register("clay", config=Clay, target="json:JSONDecoder", default=True)

@hookimpl
def register_datasets(register):
    register("toy", config=Toy, target="json:JSONDecoder", default=True)

@hookimpl
def register_methods(register):
    register("small", config=Small, target="json:JSONDecoder")
"""


@pytest.fixture(autouse=True)
def tiny_registry(tmp_path, monkeypatch):
    (tmp_path / "plug_tiny.py").write_text(TINY)
    monkeypatch.syspath_prepend(str(tmp_path))
    builtin = EntryPoint(name="builtin", value="avatar_kit.builtin", group="avatar_kit")
    tiny = EntryPoint(name="plug_tiny", value="plug_tiny", group="avatar_kit")
    loaded = load_plugins([builtin, tiny], strict=True)
    monkeypatch.setattr(loading, "_loaded", lambda: loaded)


def resolve(*words: str, **given) -> MethodConfig:
    return resolve_method("small", overrides=parse_overrides(words), **given).config


def test_default_then_preset_then_file_then_command_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("preset: demo\nseed: 5\nbatch_size: 3\n")
    layered = resolve_method(
        "small", file=file, overrides=parse_overrides(["batch_size=4"]), default_preset="light"
    )
    config, origins = layered.config, layered.origins
    assert (config.size, config.steps, config.seed, config.batch_size) == (64, 20, 5, 4)
    assert config.renderer.width == 16
    assert origins["steps"] == "preset demo"
    assert origins["renderer.width"] == "preset demo"
    assert origins["seed"] == str(file)
    assert origins["batch_size"] == "command line"
    assert "size" not in origins


def test_the_default_preset_is_only_taken_where_nobody_says():
    assert resolve_method("small", default_preset="demo").config.steps == 20
    assert resolve_method("small", preset="light", default_preset="demo").config.steps == 200
    assert resolve_method("small", default_preset="enormous").config.steps == 1000


def test_saved_yaml_gives_the_same_config(tmp_path):
    config = resolve("renderer.width=5", preset="demo")
    file = tmp_path / "config.yaml"
    file.write_text(dump_yaml(dump_method(config)))
    assert "!" not in file.read_text()
    assert resolve_method("small", file=file).config == config


@pytest.mark.parametrize("word", ["encoders.dots=null", "renderer.type=sculptor"])
def test_saved_yaml_remembers_what_was_removed_or_replaced(tmp_path, word):
    config = resolve(word, preset="demo")
    file = tmp_path / "config.yaml"
    file.write_text(dump_yaml(dump_method(config)))
    assert resolve_method("small", file=file).config == config


def test_a_slot_can_be_filled_by_name_alone():
    assert resolve("renderer=painter").renderer.type == "painter"
    assert resolve("encoders.more=dots", "encoders.more.channels=9").encoders["more"].channels == 9


def test_null_removes_an_encoder():
    assert "dots" in resolve().encoders
    assert resolve("encoders.dots=null").encoders == {}


def test_naming_another_type_drops_the_values_of_the_old_one():
    layers = [
        Layer("a", {"renderer": {"type": "painter", "width": 3}}),
        Layer("b", {"renderer": {"type": "other", "depth": 2}}),
    ]
    merged, origins = merge(layers)
    assert merged == {"renderer": {"type": "other", "depth": 2}}
    assert origins["renderer.depth"] == "b"


@given(st.dictionaries(st.sampled_from("abc"), st.integers() | st.none(), min_size=1))
def test_merging_a_layer_with_itself_changes_nothing(values):
    once, _ = merge([Layer("x", {"deep": values})])
    twice, _ = merge([Layer("x", {"deep": values}), Layer("y", {"deep": values})])
    assert once == twice == {"deep": values}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stepz=3"], r"stepz: unknown key; did you mean 'steps'\?  \(command line\)"),
        (["renderer.widht=3"], r"renderer\.widht: unknown key; did you mean 'width'\?"),
        (["encoders.dots.chanels=3"], r"encoders\.dots\.chanels: unknown key; did you mean 'chan"),
        (["checkpoint.evry=3"], r"checkpoint\.evry: unknown key; did you mean 'every'\?"),
        (["steps=many"], r"steps: expected a whole number of at least 1, got 'many'"),
        (["renderer.width=0"], r"renderer\.width: expected at least 1, got 0"),
        (["renderer=paintr"], r"renderer: unknown renderer 'paintr'; did you mean 'painter'\?"),
        (["renderer=7"], r"renderer: expected the name of a renderer"),
        (
            ["encoders.body=cloud"],
            r"renderer 'painter' consumes feature_map, but encoders\.body \('cloud'\) yields "
            r"gaussians",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_path(words, message):
    with pytest.raises(UserError, match=message):
        resolve(*words)


def test_a_word_without_equals_is_refused():
    with pytest.raises(UserError, match="expected key=value"):
        parse_overrides(["steps"])


def test_unknown_preset_and_method_name_the_known_ones():
    with pytest.raises(UserError, match="no preset 'huge'; it has demo, light"):
        resolve(preset="huge")
    with pytest.raises(UserError, match=r"unknown method 'smal'; did you mean 'small'\?"):
        resolve_method("smal")


@pytest.mark.parametrize(
    ("text", "message"), [("a: [1", "not valid YAML"), ("- 1", "expected a mapping")]
)
def test_a_bad_config_file_is_named(tmp_path, text, message):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=f"bad.yaml: {message}"):
        load_yaml(file)


def test_a_missing_config_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml: no such config file"):
        load_yaml(tmp_path / "none.yaml")
