"""Commands that plugins bring: shown without being imported, run, grouped, refused, checked."""

import subprocess
import sys

import pytest
import typer

from avatar_kit.registry import loading
from avatar_kit.registry.commands import BUILTIN_COMMANDS

PLUGIN = """
from avatar_kit import hookimpl

@hookimpl
def register_commands(register):
    register("double", target="plug_target:double", help="Print twice a number.")
    register("motions", target="plug_target:app", help="Look at motions.")
    register("gone", target="plug_target:nothing", help="Has no target.")
    register("heavy", target="plug_heavy:run", help="Needs a package.")
    register("number", target="math:pi", help="No command at all.")
"""
TARGET = '''
from typing import Annotated
import typer
from avatar_kit.errors import UserError

def double(
    number: Annotated[int, typer.Argument(help="The number.")],
    plus: Annotated[int, typer.Option(help="Added afterwards.")] = 0,
) -> None:
    """Say twice a number, loudly."""
    if number < 0:
        raise UserError(f"{number}: below zero; give another")
    typer.echo(2 * number + plus)

app = typer.Typer()

@app.command()
def count(bare: str) -> None:
    """Count."""
    typer.echo(f"counting {bare}")
'''


@pytest.fixture
def dev(cli_here, tmp_path, monkeypatch):
    """``dev(*words, check=0)``: a command beside a plugin that registers some."""
    loading._loaded.cache_clear()
    (tmp_path / "plug_commands.py").write_text(PLUGIN)
    (tmp_path / "plug_target.py").write_text(TARGET)
    (tmp_path / "plug_heavy.py").write_text("import nvdiffrast\n")
    monkeypatch.setenv("AVATAR_KIT_DEV", str(tmp_path / "plug_commands.py"))
    monkeypatch.setitem(sys.modules, "nvdiffrast", None)
    yield cli_here
    loading._loaded.cache_clear()
    for module in [m for m in sys.modules if m.startswith("plug_")]:
        del sys.modules[module]


def test_the_registry_knows_the_names_of_our_own():
    from avatar_kit.cli.main import app

    assert tuple(sorted(typer.main.get_group(app).commands)) == BUILTIN_COMMANDS


def test_help_shows_them_in_a_panel_of_their_own_and_imports_no_target(dev):
    text = dev("--help")
    ours, _, theirs = text.partition("Commands of plugins")
    assert "Train an avatar" in ours and "double" not in ours
    assert "double" in theirs and "Print twice a number." in theirs
    assert "motions" in theirs and "Look at motions." in theirs
    assert "plug_target" not in sys.modules


def test_without_such_plugins_there_is_no_panel(cli_here, monkeypatch):
    monkeypatch.setenv("AVATAR_KIT_PLUGINS", "anny,ram")
    assert "Commands of plugins" not in cli_here("--help")


def test_ours_is_listed(cli_here):
    assert "r3-times" in cli_here("--help").split("Commands of plugins")[1]


def test_help_imports_neither_torch_nor_pydantic():
    code = (
        "import sys\n"
        "from avatar_kit.cli.main import main\n"
        "sys.argv = ['avatar-kit', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_function_is_run_with_its_options(dev):
    assert dev("double", "21", "--plus", "1").strip() == "43"
    text = dev("double", "--help")
    assert "Say twice a number, loudly." in text and "Added afterwards." in text


def test_an_app_is_a_group(dev):
    assert dev("motions", "count", "three").strip() == "counting three"
    text = dev("motions", "-h")
    assert "Look at motions." in text  # what was registered, where the app itself says nothing
    assert "count" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("double", "--", "-3"), "-3: below zero; give another"),
        (("gone",), "command 'gone': plugin 'plug_commands' registered the target"),
        (("heavy",), "command 'heavy' needs the package 'nvdiffrast', which is not installed: run"),
        (("number",), "the target 'math:pi' of plugin 'plug_commands' must be a function or a"),
        (("duoble", "3"), "unknown command 'duoble'; did you mean 'double'?"),
        (("trian",), "unknown command 'trian'; did you mean 'train'?"),
        (("plugins", "check", "gone"), "'plug_target:nothing', which does not exist"),
    ],
)
def test_one_clear_message(dev, words, message):
    text = dev(*words, check=2)
    assert message in text
    assert len(text.strip().splitlines()) == 1


def test_a_broken_plugin_leaves_help_alone_and_is_named_when_a_command_is_missed(dev, tmp_path):
    (tmp_path / "plug_commands.py").write_text("1/0  # before register_commands\n")
    assert "double" not in dev("--help")
    assert "(failed to load: plug_commands; see avatar-kit plugins)" in dev("double", check=2)


def test_list_and_show_name_them(dev):
    assert "command: double, motions, gone, heavy, number" in dev("plugins", "list")
    text = dev("plugins", "show", "double")
    assert "command double  Print twice a number." in text
    assert "target: plug_target:double" in text and "plugin: plug_commands" in text
    assert "command motions" in dev("plugins", "show", "plug_commands", "--kind", "command")


def test_check_passes_or_says_what_to_mend(dev):
    assert "command double: all 3 checks pass." in dev("plugins", "check", "double")
    text = dev("plugins", "check", "motions", check=1)
    assert "without help: motions count bare" in text
    text = dev("plugins", "check", "number", check=1)
    assert "must be a function or a typer.Typer" in text


@pytest.mark.parametrize("help_text", ["", "Two\\nlines."])
def test_check_asks_for_one_line_of_help(dev, tmp_path, help_text):
    text = PLUGIN.replace("Print twice a number.", help_text)
    (tmp_path / "plug_commands.py").write_text(text)
    assert "say in one line what it does" in dev("plugins", "check", "double", check=1)
