"""``avatar-kit plugins list, show, new, check``: what a person reads, and every refusal."""

import sys

import pytest

from avatar_kit.registry import loading

BROKEN = "import does_not_exist_anywhere\n"
OLD = "avatar_kit_api = 99\n"
METRIC = """
from typing import Literal
from avatar_kit import hookimpl
from avatar_kit.config import MetricConfig

class Config(MetricConfig):
    '''Says a number.'''
    type: Literal["plug_number"] = "plug_number"

@hookimpl
def register_metrics(register):
    register("plug_number", config=Config, target="{target}")
"""


@pytest.fixture
def dev(cli_here, tmp_path, monkeypatch):
    """``dev(text, *words, check=0)``: the command with a plugin file of this text."""
    loading._loaded.cache_clear()

    def run(text, *words, check=0, name="plug_dev"):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setenv("AVATAR_KIT_DEV", str(tmp_path / f"{name}.py"))
        return cli_here("plugins", *words, check=check)

    yield run
    loading._loaded.cache_clear()
    for module in [m for m in sys.modules if m.startswith("plug_")]:
        del sys.modules[module]


def test_plain_plugins_is_the_list(cli_here):
    text = cli_here("plugins")
    assert text == cli_here("plugins", "list")
    for word in ("builtin", "avatar-kit", "Apache-2.0", "metric: psnr"):
        assert word in text


def test_the_list_says_why_a_plugin_failed(dev):
    text = dev(BROKEN, "list")
    assert "plug_dev" in text and "failed: ModuleNotFoundError" in text
    assert "does_not_exist_anywhere" in text
    assert "psnr" in text  # the others are there


def test_show_prints_every_field(cli_here):
    text = cli_here("plugins", "show", "capture")
    assert "dataset capture" in text and "avatar_kit.datasets.capture_folder:CaptureFolder" in text
    assert "path" in text and "required" in text and "The capture folder." in text


def test_show_names_presets_and_nested_keys(cli_here):
    text = cli_here("plugins", "show", "ram", "--kind", "method")
    assert "presets: paper, light, demo" in text
    assert "checkpoint.every" in text and "Steps between checkpoints." in text
    assert "renderer style_unet" not in text
    assert "renderer style_unet" in cli_here("plugins", "show", "ram")  # the whole plugin


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "psnrr"), "no component, command or plugin 'psnrr'; did you mean 'psnr'?"),
        (("check", "psnr", "--kind", "body"), "no body or plugin 'psnr'"),
        (("show", "psnr", "--kind", "colour"), "--kind colour: unknown; one of body, encoder"),
        (("check", "capture"), "dataset 'capture': path: is required"),
        (("check", "psnr", "window=3"), "metric 'psnr': window: unknown key"),
        (("new", "mine", "--kind", "colour"), "--kind colour: unknown; one of body, encoder"),
        (
            ("new", "psnr", "--kind", "metric"),
            "the metric name 'psnr' is taken by plugin 'builtin'",
        ),
        (("new", "builtin", "--kind", "metric"), "a plugin named 'builtin' is installed already"),
        (("new", "anny", "--kind", "metric"), "a plugin named 'anny' is installed already"),
        (("new", "my-metric", "--kind", "metric"), "'my-metric' cannot name a plugin"),
        (("new", "Mine", "--kind", "metric"), "'Mine' cannot name a plugin"),
        (("new", "class", "--kind", "metric"), "'class' cannot name a plugin"),
        (("new", "mine", "--kind", "metric", "--out", "nowhere"), "nowhere: no such folder"),
    ],
)
def test_one_clear_message(words, message, cli_here, tmp_path):
    text = cli_here("plugins", *words, check=2)
    assert message in text
    assert len(text.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())  # nothing half-written


def test_a_new_project_is_never_written_over_another(cli_here, tmp_path):
    folder = tmp_path / "avatar-kit-mine"
    folder.mkdir()
    text = cli_here("plugins", "new", "mine", "--kind", "metric", check=2)
    assert "avatar-kit-mine: exists already" in text
    assert not list(folder.iterdir())


def test_a_project_that_cannot_be_written_leaves_nothing(cli_here, tmp_path, monkeypatch):
    from avatar_kit.scaffold import project

    def full(*_):
        raise OSError(28, "No space left on device", "here")

    monkeypatch.setattr(project.os, "replace", full)
    assert "the disk is full" in cli_here("plugins", "new", "mine", "--kind", "metric", check=2)
    assert not list(tmp_path.iterdir())


def test_new_says_what_to_do_next(cli_here, tmp_path):
    text = cli_here("plugins", "new", "my_metric", "--kind", "metric")
    assert "pip install -e avatar-kit-my-metric" in text
    assert "avatar-kit plugins check my_metric" in text
    written = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert written == {
        f"avatar-kit-my-metric/{name}"
        for name in (
            "pyproject.toml",
            "README.md",
            ".gitignore",
            ".github/workflows/test.yml",
            "tests/test_conformance.py",
            "avatar_kit_my_metric/__init__.py",
            "avatar_kit_my_metric/component.py",
            "avatar_kit_my_metric/config.py",
            "avatar_kit_my_metric/plugin.py",
        )
    }
    for path in tmp_path.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "myplugin" not in text.lower() and "mykind" not in text.lower(), path


def test_check_passes(cli_here):
    text = cli_here("plugins", "check", "psnr")
    assert "metric psnr: all 15 checks pass." in text


def test_check_says_what_to_mend(dev):
    text = dev(METRIC.format(target="json:JSONDecoder"), "check", "plug_number", check=1)
    assert "must be a class derived from avatar_kit.interfaces.Metric" in text
    assert "9 of 14 checks fail, from 2 causes. Fix test_target_is_of_its_kind first" in text
    assert text.count("TypeError: JSONDecoder.__init__()") == 1
    assert text.count("(the cause is that of test_declares_direction_and_unit)") == 7


def test_check_of_another_api_version(dev):
    text = dev(OLD, "check", "plug_dev", check=2)
    assert (
        "plugin 'plug_dev' is written for plugin API 99, this avatar-kit has 2; install a matching"
        in text
    )
    assert len(text.strip().splitlines()) == 1


def test_check_of_a_missing_target(dev):
    text = dev(METRIC.format(target="no_such_package:X"), "check", "plug_number", check=2)
    assert "registered the target 'no_such_package:X', which does not exist" in text
    assert len(text.strip().splitlines()) == 1


def test_check_of_a_component_that_needs_an_extra(dev, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nvdiffrast", None)
    (tmp_path / "plug_heavy.py").write_text("import nvdiffrast\n")
    text = dev(METRIC.format(target="plug_heavy:X"), "check", "plug_number", check=2)
    assert "metric 'plug_number' needs the package 'nvdiffrast'" in text
    assert 'pip install "avatar-kit[nvdiffrast]"' in text
    assert len(text.strip().splitlines()) == 1


SEVERAL = """
from typing import Literal
import torch
from pydantic import Field
from avatar_kit import hookimpl
from avatar_kit.config import MetricConfig
from avatar_kit.interfaces import Metric

class FirstConfig(MetricConfig):
    '''Needs a value.'''
    type: Literal["plug_first"] = "plug_first"
    factor: float = Field(description="Of the difference.")

class First(Metric):
    higher_is_better, unit = False, ""
    def __init__(self, config):
        super().__init__(config)
        self.reset()
    def reset(self):
        self.found = []
    def update(self, prediction, target, *, new_clip=False):
        self.found.append(self.config.factor * (prediction - target).abs().mean((1, 2, 3)))
    def compute(self):
        return float(torch.cat(self.found).mean()) if self.found else float("nan")

class SecondConfig(MetricConfig):
    '''Fails.'''
    type: Literal["plug_second"] = "plug_second"

class Second(First):
    def update(self, prediction, target, new_clip=False):
        raise ValueError("no idea")

@hookimpl
def register_metrics(register):
    register("plug_first", config=FirstConfig, target="plug_dev:First")
    register("plug_second", config=SecondConfig, target="plug_dev:Second")
"""


def test_check_of_several_parts_checks_each_and_ends_with_a_table(dev):
    text = dev(SEVERAL, "check", "plug_dev", check=1)
    assert "metric plug_first: not checked:" in text and "factor: is required" in text
    assert "give the missing value as  plug_first.KEY=VALUE" in text
    assert "metric plug_second:" in text and text.index("2 parts") < text.rindex(
        "metric plug_second"
    )
    text = dev(SEVERAL, "check", "plug_dev", "plug_first.factor=2", check=1)
    assert "not checked" not in text and "metric plug_first: " in text.split("2 parts")[1]


def test_an_exception_says_what_was_handed_in_and_what_is_asked(dev):
    text = dev(SEVERAL, "check", "plug_second", check=1)
    [line] = [line for line in text.splitlines() if "no idea" in line][:1]
    assert "ValueError: no idea (" in line and "plug_dev.py:" in line
    assert "update was given prediction=[" in line and "float32, target=[" in line
    assert "; the contract: Add the next frames" in line


def test_a_wrong_signature_says_the_right_one(dev):
    text = SEVERAL.replace("target, new_clip=False", "target")
    text = dev(text, "check", "plug_second", check=1)
    assert "unexpected keyword argument 'new_clip'; the contract: update(self, prediction:" in text


def test_a_changed_default_dtype_is_caught_and_put_back(dev):
    import torch

    text = "import torch\ntorch.set_default_dtype(torch.float64)\n" + SEVERAL
    said = dev(text, "check", "plug_first", "factor=1", check=1)
    assert "changed torch's default dtype to torch.float64" in said
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("said", "source"),
    [
        (None, "avatar-kit"),
        ('{"url": "file:///here", "dir_info": {"editable": true}}', ""),
        (
            '{"url": "https://host/kit", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
            "avatar-kit @ git+https://host/kit@abc",
        ),
    ],
)
def test_the_ci_file_says_where_avatar_kit_comes_from(
    said, source, cli_here, tmp_path, monkeypatch
):
    import yaml

    from avatar_kit.scaffold import project

    class Installed:
        def read_text(self, name):
            return said if name == "direct_url.json" else None

    monkeypatch.setattr(project, "distribution", lambda name: Installed())
    cli_here("plugins", "new", "mine", "--kind", "metric")
    file = tmp_path / "avatar-kit-mine" / ".github" / "workflows" / "test.yml"
    workflow = yaml.safe_load(file.read_text())
    assert workflow["env"]["AVATAR_KIT"] == source
    steps = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    [first] = [k for k, step in enumerate(steps) if "AVATAR_KIT:?" in step]
    assert first < steps.index('pip install -e ".[dev]"')
