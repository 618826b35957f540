"""``avatar-kit licences``, of a run that was trained."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_what_went_into_a_run_is_listed(cli, trained_run):
    run, _ = trained_run
    found = json.loads(cli("licences", run, "--json"))
    by_sort = {sort: [p for p in found if p["sort"] == sort] for sort in ("code", "model", "data")}
    ours = next(p for p in by_sort["code"] if "method ram" in p["role"])
    assert ours["licence"] == "Apache-2.0" and ours["commercial"] == "yes"
    assert "renderer style_unet" in ours["role"] and "body anny" in ours["role"]
    (body,) = by_sort["model"]
    assert body["name"].startswith("anny-") and "CC0-1.0" in body["licence"]
    (data,) = by_sort["data"]
    assert "lectures, until 2030" in data["licence"] and data["commercial"] == "ask"
    codec = next(p for p in by_sort["code"] if p["name"].startswith("av "))
    assert "GPL" in codec["licence"] and codec["commercial"] == "ask"
    measured = {p["name"] for p in found if p["sort"] == "weights"}
    assert "st_lpips_alex" in measured
    text = cli("licences", run)
    assert "commercial use" in text and "leave it open: ask" in text
    assert all(part["name"].split(",")[0] in text for part in found)


def test_what_is_no_run(cli_here, tmp_path):
    assert "not a run folder" in cli_here("licences", tmp_path, check=2)
