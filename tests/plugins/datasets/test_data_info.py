"""``avatar-kit data info``: what a folder is, what is missing, the overlay."""

import json
import shutil

import imitations
import numpy as np
import pytest
from avatar_kit_datasets.recognising import recognised
from PIL import Image
from typer.testing import CliRunner

from avatar_kit.cli.main import app
from avatar_kit.errors import UserError


def run(*words):
    result = CliRunner().invoke(app, ["data", "info", *map(str, words)])
    if isinstance(result.exception, UserError):
        return result.exit_code, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("writer", imitations.FORMATS)
def test_every_format_is_recognised(imitated, writer):
    dataset, path, _ = imitated(writer)
    assert recognised(path).dataset == dataset
    if path.is_file():
        assert recognised(path.parent).path == path


def test_facts_and_overlay(imitated, tmp_path):
    _, path, source = imitated("actorshq")
    out = tmp_path / "overlay.png"
    code, text = run(path, "shape={age: 0.6667}", "--json", "--out", out)
    facts = json.loads(text)
    assert code == 0 and facts["problem"] is None
    assert facts["dataset"] == "actorshq" and facts["frames"] == len(source)
    assert facts["cameras"] == ["Cam001", "Cam002", "Cam003"] and facts["pictures"] == ["96x96"]
    assert facts["train"].endswith(f"--data 'actorshq path={path} shape={{age: 0.6667}}'")
    drawn = np.asarray(Image.open(out)).astype(int)
    assert drawn.shape == (1200, 1200, 3)
    # the body is tinted towards magenta where the mask is, and nowhere else
    picture = np.asarray(Image.fromarray(next(source.images())).resize((400, 400)), dtype=int)
    changed = np.abs(drawn[:400, :400] - picture).sum(-1) > 20
    mask = np.asarray(Image.fromarray(next(source.masks())).resize((400, 400))) > 127
    assert (changed & mask).sum() / mask.sum() > 0.9
    assert (changed & ~mask)[20:].sum() / mask.sum() < 0.1


def test_what_is_missing_is_said(imitated, tmp_path):
    _, path, _ = imitated("actorshq")
    spoiled = tmp_path / "4x"
    shutil.copytree(path, spoiled)
    (spoiled / "smpl_params.npz").unlink()
    code, text = run(spoiled, "--json")
    facts = json.loads(text)
    assert code == 2 and facts["is"] == "ActorsHQ" and "smpl_params=FILE" in facts["problem"]
    out = tmp_path / "overlay.png"
    assert run(spoiled, "--out", out)[0] == 2 and not out.exists()
    (tmp_path / "empty").mkdir()
    code, text = run(tmp_path / "empty")
    assert code != 0 and "not a known kind of recording" in text
    assert "no such file or folder" in run(tmp_path / "absent")[1]
    assert "did you mean 'cameras'" in run(path, "camera=[Cam001]")[1]


def test_pictures_without_poses(tmp_path):
    root = tmp_path / "HFshirt"
    (root / "images").mkdir(parents=True)
    for i in range(2):
        Image.new("RGB", (8, 8)).save(root / "images" / f"{i}.png")
    Image.new("RGB", (8, 8)).save(root / "background.png")
    code, text = run(root)
    assert code == 2 and "has no cameras and poses" in text


def test_a_capture_folder_is_one(captures, tmp_path):
    code, text = run(captures[True].root, "--json", "--out", tmp_path / "o.png")
    facts = json.loads(text)
    assert (
        code == 0 and facts["dataset"] == "capture" and facts["splits"] == {"train": 18, "test": 9}
    )
    assert (tmp_path / "o.png").exists()


@pytest.mark.parametrize(("body", "says"), [("", "empty; expected a name"), ("'", "is not closed")])
def test_bodies_that_are_none(imitated, body, says):
    _, path, _ = imitated("pictures")
    code, text = run(path, "--body", body)
    assert code != 0 and "--body" in text and says in text
