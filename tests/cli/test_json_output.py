"""What commands print for programs."""

import json

import pytest

from avatar_kit import __version__
from avatar_kit.registry import KINDS, catalog


@pytest.mark.parametrize("words", [("doctor",), ("plugins", "list"), ("models", "list")])
def test_a_list_of_plain_facts(cli_here, words):
    found = json.loads(cli_here(*words, "--json"))
    assert found and all(isinstance(row["name"], str) for row in found)


def test_the_plugins_are_all_of_the_catalog(cli_here):
    plugins = json.loads(cli_here("plugins", "list", "--json"))
    listed = {(part["kind"], part["name"]) for p in plugins for part in p["registers"]}
    assert {part for part in listed if part[0] in KINDS} == {
        (c.kind, c.name) for c in catalog().components()
    }
    assert {p["version"] for p in plugins if p["distribution"] == "avatar-kit"} == {__version__}


def test_an_evaluation(cli, trained_run):
    run, _ = trained_run
    result = json.loads(cli("eval", run, "--json"))
    assert (
        result["splits"].keys()
        == json.loads((run / "eval" / "test.json").read_text())["splits"].keys()
    )
    assert result["splits"]["test"]["psnr"] > 5
