"""The notebook of the tour runs, on a training that is small enough."""

import json
from pathlib import Path

import pytest

import avatar_kit as ak
from avatar_kit.io import read_video
from tests.api.tiny import TINY

NOTEBOOK = Path(__file__).parents[2] / "examples" / "tour.ipynb"


def cells(kind):
    book = json.loads(NOTEBOOK.read_text())
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert all(cell.get("outputs", []) == [] for cell in book["cells"]), "committed without outputs"
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == kind]


def test_it_runs(capture_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    whole = ak.train
    monkeypatch.setattr(
        ak, "train", lambda method, **words: whole(method, **words, steps=2, values=TINY[method])
    )
    names: dict = {}
    for number, text in enumerate(cells("code")):
        if 'data = "studio"' in text:
            text = text.replace('data = "studio"', f"data = {str(capture_folder)!r}")
        exec(compile(text, f"cell {number}", "exec"), names)
    assert names["data"] == str(capture_folder)
    assert "avatar" in capsys.readouterr().out
    assert len(names["turn"]) == 8
    assert len(read_video(tmp_path / "driven.mp4")) == len(names["motion"])
    assert (tmp_path / "me.ply").read_bytes().startswith(b"ply\n")


def test_it_has_the_steps_of_the_page():
    page = (NOTEBOOK.parents[1] / "docs" / "tour.md").read_text()
    for folder in (cells("markdown"), [page]):
        text = "\n".join(folder)
        assert [n for n in range(1, 9) if f"## {n}. " in text] == list(range(1, 8))


@pytest.mark.parametrize("command", ["prepare", "train", "render", "export", "live"])
def test_the_page_names_every_command(command):
    assert f"avatar-kit {command} " in (NOTEBOOK.parents[1] / "docs" / "tour.md").read_text()
