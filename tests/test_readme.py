"""README's commands are the ones that are run."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_ci_runs_the_test_command_of_the_readme():
    command = 'pip install -e ".[dev]" && pytest'
    assert command in (ROOT / "README.md").read_text()
    assert f"\n{command}\n" in (ROOT / ".ci" / "run").read_text()


def test_every_picture_in_the_readme_exists():
    import re

    text = (ROOT / "README.md").read_text()
    local = [p for p in re.findall(r"\]\(([^)#]+?)\)", text) if "://" not in p]
    assert local
    missing = [p for p in local if not (ROOT / p).exists()]
    assert not missing, missing
