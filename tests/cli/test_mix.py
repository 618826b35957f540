"""A new person in an old model, and ``avatar-kit mix``."""

import pytest
from safetensors.torch import load_file

from tests.cli.conftest import TINY_ANR

pytestmark = pytest.mark.slow  # two trainings

WEIGHTS = "checkpoints/step-000004/weights.safetensors"


@pytest.fixture(scope="module")
def second_run(cli, capture_folder, anr_run, tmp_path_factory):
    """A texture of its own before the networks of the first run."""
    out = tmp_path_factory.mktemp("runs") / "second"
    cli(
        *("train", "--method", "anr", "--preset", "demo", "--data", capture_folder, "--out", out),
        *("steps=4", "seed=5", f"networks_of={anr_run}", "learn=texture", *TINY_ANR),
        "evaluation.metrics=[psnr]",
    )
    return out


def test_the_networks_stay_and_the_texture_learns(anr_run, second_run):
    first, second = load_file(anr_run / WEIGHTS), load_file(second_run / WEIGHTS)
    networks = [n for n in first if n.startswith("renderer.")]
    assert networks and all(first[n].equal(second[n]) for n in networks)
    texture = [n for n in first if n.startswith("encoders.texture.")]
    assert texture and all(not first[n].equal(second[n]) for n in texture)


def test_mixing_changes_some_texels_and_renders(cli_here, anr_run, second_run, tmp_path):
    text = cli_here(
        *("mix", second_run, "--from", anr_run, "--region", "torso,legs", "--out", "mixed")
    )
    assert "torso, legs of normals on normals" in text
    out = tmp_path / "mixed"
    name = "encoders.texture.levels.0"
    mixed, base, donor = (load_file(r / WEIGHTS)[name] for r in (out, second_run, anr_run))
    taken, kept = (mixed == donor).all(1), (mixed == base).all(1)
    assert 0.1 < taken.float().mean() < 0.9 and 0.1 < kept.float().mean() < 0.9
    text = cli_here("render", out, "--orbit", 90, "--frames", 1, "--out", "mixed.mp4")
    assert (tmp_path / "mixed.mp4").stat().st_size > 0
    again = cli_here(
        *("mix", second_run, "--from", anr_run, "--region", "face", "--out", "mixed"), check=2
    )
    assert "mixed: the output folder is not empty" in again
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--region", "tail"), "no region 'tail'"),
        (("--region", ","), "name at least one region"),
        (("--region", "face", "--feather", 2), "expected a share between 0 and 0.5"),
    ],
)
def test_mixes_that_cannot_be(cli_here, anr_run, words, says, tmp_path):
    text = cli_here("mix", anr_run, "--from", anr_run, *words, "--out", "mixed", check=2)
    assert says in text and not (tmp_path / "mixed").exists()


def test_a_run_without_textures_or_with_other_networks(
    cli_here,
    anr_run,
    trained_run,
    capture_folder,
    tmp_path,
):
    words = ("--region", "face", "--out", "mixed")
    text = cli_here("mix", anr_run, "--from", trained_run[0], *words, check=2)
    assert "a run of method 'ram', but" in text and "textures mix within one method" in text
    cli_here(
        *("train", "--method", "anr", "--preset", "demo", "--data", capture_folder),
        *("--out", "other", "steps=1", "seed=9", *TINY_ANR),
    )
    text = cli_here("mix", anr_run, "--from", tmp_path / "other", *words, check=2)
    assert "its networks are not those of" in text


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("learn=texture",), "learn=texture needs networks_of=RUN"),
        (("networks_of=nowhere",), "not a run folder"),
        (("networks_of=RAM",), "is a run of method 'ram'"),
        (("networks_of=ANR", "renderer.widths=[6,10]"), "have another shape"),
    ],
)
def test_networks_that_cannot_be_taken(
    cli_here,
    anr_run,
    trained_run,
    capture_folder,
    values,
    says,
    tmp_path,
):
    known = {
        "networks_of=RAM": f"networks_of={trained_run[0]}",
        "networks_of=ANR": f"networks_of={anr_run}",
    }
    words = [known.get(v, v) for v in values]
    text = cli_here(
        *("train", "--method", "anr", "--preset", "demo", "--data", capture_folder),
        *("--out", "x", "steps=1", *TINY_ANR, *words),
        check=2,
    )
    assert says in text and not (tmp_path / "x").exists()
