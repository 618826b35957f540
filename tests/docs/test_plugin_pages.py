"""The plugin pages say what the code does: their code runs, their commands print what they say."""

import importlib
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from avatar_kit.registry import catalog

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs" / "plugins").glob("*.md")), ROOT / "docs" / "stability.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


@pytest.fixture(scope="module")
def reference():
    sys.path.insert(0, str(ROOT / "tools"))
    yield importlib.import_module("reference")
    sys.path.remove(str(ROOT / "tools"))


def test_generated_pages_are_current(reference):
    if catalog().default("tracker") != "mediapipe":
        pytest.skip("the pages name the default tracker of Python 3.11 and 3.12")
    stale = [str(path) for path in reference.stale()]
    assert not stale, f"run  python tools/reference.py  for {stale}"


def test_every_field_of_a_value_is_on_the_page_of_what_a_part_sees():
    from dataclasses import fields

    from avatar_kit.interfaces import Batch, Setup
    from avatar_kit.scene import FrameContext, RenderOutput

    page = (ROOT / "docs" / "plugins" / "what-a-part-sees.md").read_text()
    for value in (Setup, FrameContext, RenderOutput, Batch):
        section = page.partition(f"## {value.__name__}\n")[2].partition("\n## ")[0]
        cells = "".join(re.findall(r"^\|([^|]*)\|", section, re.MULTILINE))
        named = {name.partition(".")[0] for name in re.findall(r"`([\w.]+)`", cells)}
        known = {field.name for field in fields(value)}
        assert known <= named, value
        assert all(hasattr(value, name) for name in named - known), value


def test_every_value_of_pose_refinement_is_on_the_page_of_methods():
    from avatar_kit.config import RefinementConfig

    page = (ROOT / "docs" / "plugins" / "method.md").read_text()
    shown = dict(re.findall(r"^\| `refine\.(\w+)` \| (\S+) \|", page, re.MULTILINE))
    values = {k: f"{v:g}" if v is not False else "false" for k, v in RefinementConfig()}
    assert shown == values


def test_every_hook_is_documented():
    from avatar_kit.registry import hookspecs

    page = (ROOT / "docs" / "plugins" / "index.md").read_text()
    hooks = [name for name in vars(hookspecs) if name.startswith("register_")]
    assert len(hooks) == 11
    for hook in hooks:
        assert f"`{hook}(register)`" in page


def test_every_kind_has_a_page():
    from avatar_kit.registry import KINDS

    assert set(KINDS) <= {page.stem for page in PAGES}


def test_every_command_is_documented():
    """Asked of the program itself, not of what wrote the page."""
    page = (ROOT / "docs" / "cli.md").read_text()
    for words in ([], ["plugins"], ["config"], ["aligner"]):
        shown = subprocess.run(
            [sys.executable, "-m", "avatar_kit.cli.main", *words, "--help"],
            capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "120"},
        ).stdout  # fmt: skip
        commands = re.findall(r"^│ ([a-z]+) {2,}", shown.partition("Commands")[2], re.MULTILINE)
        assert commands, shown
        for command in commands:
            assert f"# {' '.join(['avatar-kit', *words, command])}\n" in page


def test_every_component_is_in_the_gallery():
    from avatar_kit.registry import plugins

    page = (ROOT / "docs" / "gallery.md").read_text()
    ours = [c for p in plugins() if p.distribution == "avatar-kit" for c in p.components]
    assert len(ours) > 20
    for component in ours:
        section = page.partition(f"## {component.kind.capitalize()}\n")[2].partition("\n## ")[0]
        assert f"### {component.name}\n" in section


def test_every_public_name_is_documented():
    names = (ROOT / "tests" / "public_names.txt").read_text().split()
    pages = "\n".join(p.read_text() for p in (ROOT / "docs" / "api").glob("*.md"))
    documented = set(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))
    assert set(names) == documented


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    """A block that starts with a file name is that file; the others run one after another."""
    monkeypatch.syspath_prepend(str(tmp_path))
    namespace: dict = {}
    files = []
    for text in blocks(page, "python"):
        named = re.match(r"# (\S+\.py)\n", text)
        if named:
            files.append(tmp_path / named[1])
            files[-1].parent.mkdir(exist_ok=True)
            files[-1].write_text(text)
        else:
            exec(compile(text, str(page), "exec"), namespace)
    for file in files:
        module = ".".join(file.relative_to(tmp_path).with_suffix("").parts)
        try:
            importlib.import_module(module)
        finally:
            for name in [m for m in sys.modules if m.split(".")[0] == module.split(".")[0]]:
                del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "name", "values"),
    [
        ("renderer", "cut_out", []),
        ("encoder", "painted", []),
        ("method", "sparks", []),
        ("method", "steady", ["encoders={body: painted}", "renderer=cut_out"]),
    ],
)
def test_the_parts_on_the_pages_keep_the_contract(page, name, values, tmp_path):
    """What stands in the blocks is registered as a plugin and checked like any other."""
    found = {}
    for source in ("renderer", "encoder", "method"):
        texts = blocks(ROOT / "docs" / "plugins" / f"{source}.md", "python")
        found[source] = "\n".join(t for t in texts if not re.match(r"# \S+\.py\n", t))
    assert f'Literal["{name}"]' in found[page]
    hooks = """
from avatar_kit import hookimpl
@hookimpl
def register_renderers(register):
    register("cut_out", config=CutOutConfig, target="pages:CutOut")
@hookimpl
def register_encoders(register):
    register("painted", config=PaintedConfig, target="pages:Painted")
    register("sparks", config=SparksConfig, target="pages:Sparks")
@hookimpl
def register_methods(register):
    register("steady", config=SteadyConfig, target="pages:Steady")
"""
    (tmp_path / "pages.py").write_text("\n".join(found.values()) + hooks)
    done = subprocess.run(
        [sys.executable, "-m", "avatar_kit.cli.main", "plugins", "check", name, *values],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "AVATAR_KIT_DEV": "pages.py", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def venv(tmp_path):
    """An environment of its own that sees this one: what is installed in it stays in it."""
    root = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
    here = sysconfig.get_path("purelib")
    site = next(root.glob("lib/python*/site-packages"))
    (site / "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    python = root / "bin" / "python"
    for command, code in (
        ("avatar-kit", "from avatar_kit.cli.main import main; main()"),
        ("pip", "import sys; from pip._internal.cli.main import main; sys.exit(main())"),
    ):
        script = root / "bin" / command
        script.write_text(f"#!{python}\n{code}\n")
        script.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "160",
        "OMP_NUM_THREADS": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this one the other way round
        "PIP_QUIET": "1",
    }


@pytest.mark.slow
def test_the_walkthrough(venv, tmp_path):
    page = (ROOT / "docs" / "plugins" / "walkthrough.md").read_text()
    for language, text in BLOCK.findall(page):
        if language == "diff":
            apply(text, tmp_path)
            continue
        assert language == "console"
        run(text, tmp_path, venv)


@pytest.mark.slow  # starts the program many times
def test_the_commands_page(tmp_path):
    page = ROOT / "docs" / "plugins" / "commands.md"
    for text in blocks(page, "python"):
        (tmp_path / re.match(r"# (\S+\.py)\n", text)[1]).write_text(text)
    program = rf"\1{sys.executable} -m avatar_kit.cli.main "
    for text in blocks(page, "console"):
        here = re.sub(r"^(\$ .*?)avatar-kit ", program, text, flags=re.MULTILINE)
        run(here, tmp_path, {**os.environ, "COLUMNS": "160", "OMP_NUM_THREADS": "1"})


def run(console: str, folder: Path, env: dict[str, str]) -> None:
    """Run the commands of a transcript; each must end well and print the lines below it."""
    for command, *shown in (part.splitlines() for part in console.split("$ ")[1:]):
        done = subprocess.run(
            ["env", *command.split()], capture_output=True, text=True, cwd=folder, env=env
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, f"{command}\n{output}"
        lines = iter([normal(line) for line in output.splitlines()])
        for line in shown:
            wanted = normal(line)
            assert any(found == wanted for found in lines), f"{command}: {line!r}\n{output}"


def normal(line: str) -> str:
    """A line without table rules; how many checks are asked depends on the machine."""
    return re.sub(r"all \d+ checks", "all N checks", " ".join(line.replace("│", " ").split()))


def apply(diff: str, folder: Path) -> None:
    """Replace each run of lines with - by the lines with + after it."""
    header, *lines = diff.splitlines()
    file = folder / header.removeprefix("--- ")
    text = file.read_text()
    for part in "\n".join(lines).split("\n \n"):
        old = [line[1:] for line in part.splitlines() if line.startswith("-")]
        new = [line[1:] for line in part.splitlines() if line.startswith("+")]
        assert text.count("\n".join(old)) == 1, old
        text = text.replace("\n".join(old), "\n".join(new))
    file.write_text(text)
