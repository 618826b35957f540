"""``avatar-kit benchmark render``."""

import json

import pytest
import torch


def test_the_stages_of_a_frame_add_up(cli_here, trained_run):
    run, _ = trained_run
    words = ("--threads", torch.get_num_threads(), "--poses", 2, "--rounds", 2)
    found = json.loads(cli_here("benchmark", "render", run, *words, "--json"))
    assert (found["method"], found["size"], found["poses"]) == ("ram", [64, 64], 2)
    stages = found["milliseconds"]
    encoders = [name for name in stages if name.startswith("encoder ")]
    order = ["pose", "maps", *encoders, "network", "compose", "encode", "frame"]
    assert list(stages) == order and "encoder hands" in encoders
    assert all(0 < stage["best"] <= stage["median"] * 1.5 for stage in stages.values())
    parts = sum(stage["best"] for name, stage in stages.items() if name != "frame")
    assert parts <= stages["frame"]["best"] * 1.001
    text = cli_here("benchmark", "render", run, *words, "--rounds", 1)
    assert "2 poses, 1 rounds" in text and "network" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("render", "nowhere"), "nowhere: not a run folder"),
        (("dataset", "studoi"), "unknown dataset 'studoi'"),
        (("--workers", 2, "studoi"), "unknown dataset 'studoi'"),
    ],
)
def test_what_cannot_be_timed(cli_here, words, says):
    assert says in cli_here("benchmark", *words, check=2)
