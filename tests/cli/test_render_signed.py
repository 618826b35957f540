"""``--sign``: on a rendering, on the preview, and what is refused first."""

import json

import pytest

from avatar_kit.io.synthetic import COMPOSITE, TRAINED

c2pa = pytest.importorskip("c2pa", reason="the extra provenance is not installed")

STILL = ("--orbit", 1, "--frames", 2)


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("AVATAR_KIT_CONFIG", str(tmp_path / "config"))


def source_type(path) -> str:
    """How a file says that it was made; its reader finds nothing changed."""
    with c2pa.Reader(str(path)) as reader:
        found = json.loads(reader.json())
    assert [s["code"] for s in found["validation_status"]] == ["signingCredential.untrusted"]
    manifest = found["manifests"][found["active_manifest"]]
    said = {assertion["label"]: assertion["data"] for assertion in manifest["assertions"]}
    return said["c2pa.actions.v2"]["actions"][0]["digitalSourceType"]


def test_what_is_rendered_is_signed_and_recorded_scenes_are_told(cli_here, anr_run, tmp_path):
    text = cli_here("render", anr_run, *STILL, "--out", "scene.mp4", "--sign")
    assert "self-made certificate" in text and "call the signer untrusted" in text
    assert source_type(tmp_path / "scene.mp4") == COMPOSITE, "a plate is behind the avatar"
    words = ("--background", "#1e90ff", "--out", "colour.gif", "--sign")
    cli_here("render", anr_run, *STILL, *words)
    assert source_type(tmp_path / "colour.gif") == TRAINED


def test_pictures_of_a_folder_are_all_signed_or_none(cli_here, anr_run, tmp_path):
    cli_here("render", anr_run, *STILL, "--out", "film", "--sign")
    assert source_type(tmp_path / "film/000001.png") == COMPOSITE
    text = cli_here("render", anr_run, *STILL, "--out", "film", check=2)
    assert "holds another rendering, which differs in signed" in text


def test_a_background_that_is_painted_is_made_by_the_model(cli_here, trained_run, tmp_path):
    cli_here("render", trained_run[0], *STILL, "--out", "painted.mp4", "--sign")
    assert source_type(tmp_path / "painted.mp4") == TRAINED


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--out", "a.webm", "--sign"), "C2PA has no place for a signature in '.webm'"),
        (("--out", "a.mp4", "--certificate", "c.pem"), "give --certificate and --key"),
        (("--out", "a.mp4", "--certificate", "c.pem", "--key", "k.pem"), "c.pem: no such PEM file"),
    ],
)
def test_what_cannot_be_signed_is_refused_before_anything_is_made(
    cli_here, anr_run, tmp_path, words, says
):
    assert says in cli_here("render", anr_run, *STILL, *words, check=2)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("a.")] == []


@pytest.mark.slow  # evaluates anew
def test_a_preview_is_signed(cli, anr_run):
    cli("eval", anr_run, "--sign")
    for name in ("preview.png", "preview.mp4"):
        assert source_type(anr_run / name) == COMPOSITE, "recorded frames are beside it"
