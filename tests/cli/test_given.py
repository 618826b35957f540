"""Numbers and words of a command line that no command takes, and folders that import nothing."""

import os
import subprocess
import sys

import pytest
import typer

from avatar_kit.cli.given import Checked
from avatar_kit.cli.main import app


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("render", "run", "--orbit", "nan"), "--orbit nan: expected a finite number"),
        (("render", "run", "--fps", "inf"), "--fps inf: expected a finite number"),
        (("mix", "run", "--from", "", "--region", "face", "--out", "o"), "--from '': is empty"),
        (("compare", "-m", "anr", "--seed", str(2**64)), "whole numbers have at most 64 bits"),
        (("train", "--method", ""), "--method '': is empty"),
        (("train", "--data", "a\0b"), "--data 'a.x00b': holds a character that no name has"),
        (("plugins", "show", ""), "NAME '': is empty"),
        (("config", "show", "seed=18446744073709551616"), "whole numbers have at most 64 bits"),
        (("config", "show", f"steps={2**62}"), "steps: expected at least 1 and at most 1000000000"),
        (("config", "show", "steps=2001-99-99"), "steps: expected a whole number .*'2001-99-99'"),
        (
            ("config", "show", "preset=[demo]"),
            r"preset: expected the name of a preset, got \['demo",
        ),
        (
            ("config", "show", "renderer.type=[x]"),
            r"renderer: 'type' is \['x'\]; expected the name",
        ),
        (("config", "show", "--data", "studio 'x"), "a quotation mark is not closed"),
        (("config", "show", "--config", "/dev/zero"), "/dev/zero: is a device; expected a config"),
        (("prepare", "a.mp4", "--out", "x" * 300 + "/y"), "the name is too long"),
    ],
)
def test_what_is_refused_in_one_line(cli_here, words, says):
    import re

    text = cli_here(*words, check=2)
    assert re.search(says, " ".join(text.split())), text
    assert "Traceback" not in text


def test_every_command_of_ours_is_checked():
    def commands(group, path=""):
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from commands(command, f"{path} {name}")
            else:
                yield f"{path} {name}", command

    found = dict(commands(typer.main.get_group(app)))
    assert len(found) > 20
    assert [name for name, command in found.items() if not isinstance(command, Checked)] == []


def test_children_import_nothing_from_the_folder_they_are_started_in(tmp_path):
    (tmp_path / "yaml.py").write_text("open('ran', 'w')")
    (tmp_path / "random.py").write_text("open('ran', 'w')")
    code = (
        "from avatar_kit.cli.process import prepare_process\n"
        "import subprocess, sys\n"
        "prepare_process()\n"
        "subprocess.run([sys.executable, '-c', 'import yaml, random'], check=True)\n"
    )
    # -P: this process is no part of the test
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True, env=os.environ)
    assert not (tmp_path / "ran").exists()
    unsafe = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    subprocess.run([sys.executable, "-c", "import random"], cwd=tmp_path, check=True, env=unsafe)
    assert (tmp_path / "ran").exists()
