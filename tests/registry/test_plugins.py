"""Loading plugins: isolation, taken names, near matches, API version."""

import os
import signal
import subprocess
import sys
import types
from importlib.metadata import EntryPoint

import pytest

from avatar_kit.config import EncoderConfig, MetricConfig
from avatar_kit.declarations import CONFIG_BASES
from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.registry import KINDS, Command, Component, hookspecs, load_plugins, loading
from avatar_kit.registry.sources import plugin_sources, sources_with


@pytest.fixture
def plugin_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, text: str) -> EntryPoint:
        (tmp_path / f"{name}.py").write_text(text)
        return EntryPoint(name=name, value=name, group="avatar_kit")

    yield write
    for name in [n for n in sys.modules if n.startswith("plug_")]:
        del sys.modules[name]


GOOD = """
from avatar_kit import hookimpl
from avatar_kit.config import MetricConfig

class Config(MetricConfig):
    pass

@hookimpl
def register_metrics(register):
    register("{name}", config=Config, target="json:JSONDecoder")
"""


def test_a_broken_plugin_is_recorded_and_the_others_load(plugin_file):
    catalog, loaded = load_plugins(
        [
            plugin_file("plug_bad", "import does_not_exist_anywhere"),
            plugin_file("plug_good", GOOD.format(name="mine")),
        ]
    )
    assert catalog.names("metric") == ["mine"]
    failures = {p.name: p.failure for p in loaded}
    assert "does_not_exist_anywhere" in failures["plug_bad"]
    assert failures["plug_good"] == ""


def test_strict_lets_the_failure_through(plugin_file):
    with pytest.raises(ModuleNotFoundError):
        load_plugins([plugin_file("plug_bad", "import does_not_exist_anywhere")], strict=True)


def test_a_taken_name_names_its_owner_and_registers_nothing(plugin_file):
    second = GOOD.format(name="other") + (
        '    register("mine", config=Config, target="json:JSONDecoder")\n'
    )
    catalog, loaded = load_plugins(
        [plugin_file("plug_a", GOOD.format(name="mine")), plugin_file("plug_b", second)]
    )
    assert "'mine' is taken by plugin 'plug_a'" in loaded[1].failure
    assert catalog.names("metric") == ["mine"]  # 'other' was not kept: all or none


def test_another_api_version_is_refused(plugin_file):
    _, loaded = load_plugins(
        [plugin_file("plug_old", "avatar_kit_api = 99\n" + GOOD.format(name="mine"))]
    )
    assert "written for plugin API 99" in loaded[0].failure


def test_a_deprecated_hook_still_works_and_is_noted(plugin_file, monkeypatch):
    specs = types.ModuleType("specs")
    vars(specs).update({k: v for k, v in vars(hookspecs).items() if k.startswith("register_")})
    going = DeprecationWarning("register_metrics goes in plugin API 2; use register_scores")
    specs.register_metrics = hookspecs.hookspec(lambda register: None, warn_on_impl=going)
    monkeypatch.setattr(loading, "hookspecs", specs)
    with pytest.warns(DeprecationWarning, match="register_scores"):
        catalog, loaded = load_plugins([plugin_file("plug_late", GOOD.format(name="mine"))])
    assert catalog.names("metric") == ["mine"] and not loaded[0].failure
    assert loaded[0].notes == (
        "deprecated: register_metrics goes in plugin API 2; use register_scores",
    )


def test_a_hook_that_does_not_exist_is_refused(plugin_file):
    text = "from avatar_kit import hookimpl\n@hookimpl\ndef register_metrix(register): ...\n"
    _, loaded = load_plugins([plugin_file("plug_typo", text)])
    assert "register_metrix" in loaded[0].failure


def test_a_config_of_the_wrong_kind_is_refused(plugin_file):
    text = GOOD.format(name="mine").replace("register_metrics", "register_encoders")
    _, loaded = load_plugins([plugin_file("plug_kind", text)])
    assert "must derive from EncoderConfig" in loaded[0].failure


def test_every_kind_has_a_config_to_derive_from():
    assert set(CONFIG_BASES) == set(KINDS)


def test_unknown_name_gives_the_near_match_and_the_failed_plugins(plugin_file):
    catalog, _ = load_plugins(
        [
            plugin_file("plug_bad", "1/0"),
            plugin_file("plug_good", GOOD.format(name="sharpness")),
        ]
    )
    with pytest.raises(UserError, match=r"unknown metric 'sharpnes'; did you mean 'sharpness'\?"):
        catalog.get("metric", "sharpnes")
    with pytest.raises(UserError, match="failed to load: plug_bad"):
        catalog.get("metric", "sharpnes")


def test_no_default_is_one_clear_message():
    catalog, _ = load_plugins([])
    with pytest.raises(UserError, match="no default body is registered"):
        catalog.default("body")


@pytest.mark.parametrize("target", ["no_such_package.module:X", "json:NoSuchClass"])
def test_a_missing_target_names_the_plugin(target):
    component = Component("encoder", "mine", EncoderConfig, target, "plug")
    with pytest.raises(UserError, match=r"plugin 'plug' registered the target .*does not exist"):
        component.load()


def test_a_missing_extra_says_what_to_install(plugin_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "nvdiffrast", None)
    plugin_file("plug_extra", "import nvdiffrast")
    component = Component("metric", "mine", MetricConfig, "plug_extra:X", "plug")
    with pytest.raises(MissingExtra, match=r"avatar-kit\[nvdiffrast\]"):
        component.load()


def test_a_missing_package_is_one_clear_message(plugin_file):
    plugin_file("plug_lacking", "import no_such_package.inner")
    component = Component("metric", "mine", MetricConfig, "plug_lacking:X", "plug")
    expected = "metric 'mine' of plugin 'plug' needs the package 'no_such_package', which is not"
    with pytest.raises(UserError, match=expected):
        component.load()


def test_a_mistake_inside_a_plugin_keeps_its_traceback(plugin_file):
    plugin_file("plug_inner", "import plug_inner.nothing")
    with pytest.raises(ModuleNotFoundError):
        Component("metric", "mine", MetricConfig, "plug_inner:X", "plug").load()


COMMAND = """
from avatar_kit import hookimpl

@hookimpl
def register_commands(register):
    register("{name}", target="json:loads", help="Reads JSON.")
"""


def test_commands_are_registered(plugin_file):
    catalog, loaded = load_plugins([plugin_file("plug_a", COMMAND.format(name="read-json"))])
    (command,) = catalog.commands()
    assert command == Command("read-json", "json:loads", "Reads JSON.", "plug_a")
    assert catalog.command("read-json") is command
    assert loaded[0].commands == loaded[0].registered == (command,)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mine", "the command name 'mine' is taken by plugin 'plug_a'; choose another name"),
        ("train", "the command name 'train' is taken by avatar-kit itself; choose another name"),
        ("My cmd", "the command name 'My cmd' must consist of small letters, digits and '-'"),
    ],
)
def test_a_command_name_that_cannot_be_had_is_that_plugins_failure(plugin_file, name, why):
    sources = [
        plugin_file("plug_a", COMMAND.format(name="mine")),
        plugin_file("plug_b", COMMAND.format(name=name) + GOOD.format(name="score")),
        plugin_file("plug_c", COMMAND.format(name="other")),
    ]
    catalog, loaded = load_plugins(sources)
    assert [p.failure for p in loaded] == ["", f"plugin 'plug_b': {why}", ""]
    assert [c.name for c in catalog.commands()] == ["mine", "other"]
    assert catalog.names("metric") == []  # all or none


def test_an_unknown_command_gives_the_near_match_and_the_failed_plugins(plugin_file):
    catalog, _ = load_plugins(
        [plugin_file("plug_a", COMMAND.format(name="play")), plugin_file("plug_bad", "1/0")]
    )
    for typed, meant in (("pley", "play"), ("trian", "train")):
        expected = (
            rf"unknown command '{typed}'; did you mean '{meant}'\? \(failed to load: plug_bad"
        )
        with pytest.raises(UserError, match=expected):
            catalog.command(typed)


def test_modules_that_hold_a_word_are_found_unimported(plugin_file, monkeypatch):
    speaking = [plugin_file("plug_a", "import torch  # register_commands")]
    others = [plugin_file("plug_b", "1/0"), EntryPoint("plug_c", "no.such.module", "avatar_kit")]
    monkeypatch.setattr("avatar_kit.registry.sources.plugin_sources", lambda: speaking + others)
    assert sources_with("register_commands") == speaking
    assert not {"plug_a", "plug_b"} & set(sys.modules)


def test_a_file_named_by_the_environment_is_a_plugin(tmp_path, monkeypatch):
    (tmp_path / "plug_dev.py").write_text(GOOD.format(name="dev_metric"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])  # as an installed program has it
    monkeypatch.setenv("AVATAR_KIT_DEV", "plug_dev.py")
    monkeypatch.setenv("AVATAR_KIT_PLUGINS", "")
    catalog, loaded = load_plugins(plugin_sources())
    assert [p.name for p in loaded] == ["builtin", "plug_dev"]
    assert "dev_metric" in catalog.names("metric")
    del sys.modules["plug_dev"]


def test_a_plugin_that_ends_the_program_is_a_failure(plugin_file):
    sources = [
        plugin_file("plug_end", "import sys; sys.exit(3)"),
        plugin_file("plug_good", GOOD.format(name="mine")),
    ]
    catalog, loaded = load_plugins(sources)
    assert loaded[0].failure == "it ends the program when it is imported (sys.exit(3))"
    assert catalog.names("metric") == ["mine"]


def test_a_plugin_that_takes_long_is_named(plugin_file, monkeypatch, capsys):
    monkeypatch.setattr(loading, "SLOW", 0.05)
    load_plugins([plugin_file("plug_slow", "import time; time.sleep(0.5)")])
    assert "plugin 'plug_slow' (plug_slow) has been loading for 0.05 s" in capsys.readouterr().err
    load_plugins([plugin_file("plug_quick", "")])
    assert not capsys.readouterr().err


def test_an_endless_loop_names_the_plugin_and_hears_ctrl_c(tmp_path):
    (tmp_path / "plug_loop.py").write_text("while True: pass")
    code = (
        "from avatar_kit.registry import loading\n"
        "loading.SLOW = 0.2\n"
        "loading.load_plugins([e for e in loading.plugin_sources() if e.name == 'plug_loop'])"
    )
    env = {**os.environ, "AVATAR_KIT_DEV": str(tmp_path / "plug_loop.py")}
    with subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=env
    ) as process:
        try:
            assert "plugin 'plug_loop' (plug_loop) has been loading" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) != 0
        finally:
            process.kill()


def test_a_strangers_default_does_not_take_the_place_of_ours(plugin_file, monkeypatch):
    text = GOOD.format(name="aaa").replace(
        'target="json:JSONDecoder"', 'target="json:JSONDecoder", default=True'
    )
    sources = [plugin_file("plug_a", text), plugin_file("plug_b", text.replace("aaa", "bbb"))]
    catalog, loaded = load_plugins(sources)
    assert catalog.default("metric") == "aaa"  # the first, where none is ours
    assert "metric 'bbb' offers itself as default; 'aaa' of plug_a is taken" in loaded[1].notes[0]
    own = Component(
        "metric", "ours", loaded[0].components[0].config, "x:Y", "z", True, "avatar-kit 1"
    )
    catalog.add([own])
    assert catalog.default("metric") == "ours"


def test_an_unknown_kind_of_condition_is_refused(plugin_file):
    text = (
        "from avatar_kit import hookimpl\n"
        "from avatar_kit.config import RendererConfig\n"
        "class Config(RendererConfig):\n"
        "    consumes = frozenset({'featuremap'})\n"
        "@hookimpl\n"
        "def register_renderers(register):\n"
        "    register('mine', config=Config, target='x:Y')\n"
    )
    _, loaded = load_plugins([plugin_file("plug_kind", text)])
    said = "consumes 'featuremap', which is no kind of condition; did you mean 'feature_map'?"
    assert said in loaded[0].failure


def test_listing_and_help_import_no_torch():
    code = (
        "import sys, avatar_kit.cli.main\n"
        "from avatar_kit.registry import plugins, catalog\n"
        "failed = [p.failure for p in plugins() if p.failure]\n"
        "assert not failed, failed\n"
        "heavy = {'torch', 'numpy', 'numba', 'av', 'mediapipe', 'anny'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
