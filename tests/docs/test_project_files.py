"""What people who find the project expect beside its code."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from avatar_kit import __version__

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_the_citation_is_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software"
    assert cited["version"] == __version__
    assert isinstance(cited["date-released"], date)
    first = next(x for x in (ROOT / "CHANGELOG.md").read_text().split("\n") if x.startswith("## "))
    assert first.split()[1] == __version__


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_runs_commands_of_this_project(file):
    jobs = yaml.safe_load(file.read_text())["jobs"]
    assert jobs
    for job in jobs.values():
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            for extra in (e for e in ("dev", "docs") if f"[{e}]" in step.get("run", "")):
                assert f"{extra} = [" in (ROOT / "pyproject.toml").read_text()
    if file.name == "ci.yml":
        commands = [step.get("run") for step in jobs["tests"]["steps"]]
        assert ".ci/run" in commands and (ROOT / ".ci" / "run").stat().st_mode & 0o100


@pytest.mark.parametrize("file", [f for f in FORMS if f.name != "config.yml"], ids=lambda f: f.name)
def test_a_form_asks_for_what_is_needed(file):
    form = yaml.safe_load(file.read_text())
    assert form["name"] and form["description"] and form["labels"]
    ids = [item["id"] for item in form["body"] if "id" in item]
    assert len(set(ids)) == len(ids)
    needed = [i for i in form["body"] if i.get("validations", {}).get("required")]
    assert needed
