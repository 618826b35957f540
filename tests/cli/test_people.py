"""One model of two people, from the command line."""

import shutil
import sys
from contextlib import redirect_stdout
from io import StringIO

import pytest
from safetensors.torch import load_file

from avatar_kit.cli.main import main
from avatar_kit.engine.choosing import people_values
from avatar_kit.errors import UserError
from tests.cli.conftest import TINY_ANR

WEIGHTS = "checkpoints/step-000004/weights.safetensors"
TEXTURE = "encoders.texture.levels.0"


@pytest.fixture(scope="module")
def captures(capture_folder, tmp_path_factory):
    """The same capture under two names."""
    folders = []
    for name in ("ada", "ben"):
        folders.append(tmp_path_factory.mktemp("captures") / name)
        shutil.copytree(capture_folder, folders[-1])
        record = folders[-1] / "capture.json"
        record.write_text(record.read_text().replace('"normals"', f'"{name}"', 1))
    return folders


@pytest.fixture(scope="module")
def both(captures, tmp_path_factory):
    """A run of two people, stopped halfway and resumed, and what it said."""
    out = tmp_path_factory.mktemp("runs") / "both"
    ada, ben = captures
    run_here(
        *("train", "--method", "anr", "--preset", "demo", "--data", ada, "--data", ben),
        *("--out", out, "steps=4", "stop_at=1", *TINY_ANR),
    )
    assert not (out / "people").exists()
    return out, run_here("train", "--resume", out)


def run_here(*words):
    """``avatar-kit WORDS`` in this process, outside any test; what it printed."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as said:
        patch.setenv("COLUMNS", "200")
        patch.setattr(sys, "argv", ["avatar-kit", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code, said.getvalue()
    return said.getvalue()


def test_everybody_is_named_measured_and_shown(both):
    out, text = both
    assert "continuing at step 1 of 4" in text
    for name in ("ada", "ben"):
        run = out / "people" / name
        assert f"{name}, 16 training frames" in text and f"render {run} --motion" in text
        for file in ("preview.png", "preview.mp4", "summary.json", "eval/test.json"):
            assert (run / file).stat().st_size > 0
    assert text.count("test (2)") == 4  # whole picture and person, for each
    assert not (out / "subject.json").exists() and (out / "log.jsonl").exists()


def test_a_mix_by_names_is_that_of_the_two_runs(cli_here, both, tmp_path):
    out, _ = both
    ada, ben = out / "people/ada", out / "people/ben"
    words = ("--region", "torso,legs", "--out")
    said = cli_here("mix", out, "--from", "ada", "--to", "ben", *words, "names")
    cli_here("mix", ben, "--from", ada, *words, "runs")
    assert "torso, legs of ada on ben" in said
    mixed, same = (load_file(tmp_path / name / WEIGHTS) for name in ("names", "runs"))
    assert all(value.equal(same[name]) for name, value in mixed.items())
    donor, base = load_file(ada / WEIGHTS)[TEXTURE], load_file(ben / WEIGHTS)[TEXTURE]
    taken = (mixed[TEXTURE] == donor).all(1) & (mixed[TEXTURE] != base).any(1)
    assert 0.1 < taken.float().mean() < 0.9
    cli_here("render", "names", "--orbit", 90, "--frames", 1, "--out", "names.mp4")
    assert (tmp_path / "names.mp4").stat().st_size > 0


def test_the_networks_of_a_joint_run_serve_a_third(cli_here, both, capture_folder, tmp_path):
    out, _ = both
    cli_here(
        *("train", "--method", "anr", "--preset", "demo", "--data", capture_folder),
        *("--out", "third", "steps=4", f"networks_of={out}", "learn=texture", *TINY_ANR),
    )
    third, ada = (load_file(run / WEIGHTS) for run in (tmp_path / "third", out / "people/ada"))
    networks = [n for n in ada if n.startswith("renderer.")]
    assert networks and all(third[n].equal(ada[n]) for n in networks)
    assert not third[TEXTURE].equal(ada[TEXTURE])
    mixed = ("mix", "third", "--from", out / "people/ada", "--region", "face", "--out", "mixed")
    assert "face of ada on normals" in cli_here(*mixed)


@pytest.mark.parametrize(
    "words",
    [
        ("render", "RUN", "--orbit", "90"),
        ("eval", "RUN"),
        ("align", "RUN", "--motion", "x.npz", "--out", "y.npz"),
        ("mix", "RUN", "--from", "RUN", "--region", "face", "--out", "x"),
    ],
)
def test_commands_for_one_person(cli_here, both, words):
    out, _ = both
    text = cli_here(*(out if word == "RUN" else word for word in words), check=2)
    assert f"{out} contains 2 people: ada, ben; name one, e.g. {out}/people/ada" in text


def test_names_that_mix_does_not_know(cli_here, both, tmp_path):
    out, _ = both
    words = ("--region", "face", "--out", "mixed")
    text = cli_here("mix", out, "--from", "ada", "--to", "bem", *words, check=2)
    assert "nobody here is named 'bem'; did you mean 'ben'?; there is ada, ben" in text
    text = cli_here("mix", out / "people/ada", "--from", "ada", "--to", "ben", *words, check=2)
    assert "people/ada: a run of one person; --to is for runs of several: drop it" in text
    assert not (tmp_path / "mixed").exists()


def test_a_resumed_run_keeps_its_people(cli_here, both):
    text = cli_here("train", "--resume", both[0], "others=[]", check=2)
    assert "started with 2 captures, but 1 are given" in text


def test_captures_that_cannot_be_together(cli_here, captures, tmp_path):
    data = [word for folder in captures for word in ("--data", folder)]
    text = cli_here("train", "--method", "ram", *data, "--out", "x", check=2)
    assert "method 'ram' trains one person here, but there are 2 captures" in text
    text = cli_here("train", "--method", "anr", *data, *data[:2], "--out", "x", check=2)
    assert "the name 'ada' is already used by" in text
    assert not (tmp_path / "x").exists()


def test_a_dataset_takes_values_of_its_own():
    ben = {"type": "studio", "subject": "ben", "frames": 16}
    assert people_values(["studio", "studio subject=ben frames=16"]) == {
        "data": {"type": "studio"},
        "others": [ben],
    }
    assert people_values(["studio subject=ben frames=16"]) == {"data": ben}
    with pytest.raises(UserError, match="unknown dataset 'stadio'; did you mean 'studio'"):
        people_values(["stadio subject=ben"])
