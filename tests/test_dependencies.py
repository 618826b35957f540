"""What the package imports is what an installation without extras for development brings."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: The plugin for pytest is loaded by pytest.
FROM_PYTEST = {"pytest"}


def names(requirements):
    found = (re.match(r"[\w.-]+", text)[0].lower().replace("-", "_") for text in requirements)
    return set(found) - {"avatar_kit"}


def test_nothing_is_imported_that_only_developers_have():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    rest = [r for name, needed in extras.items() if name not in ("dev", "docs") for r in needed]
    only = names(extras["dev"]) - names([*project["dependencies"], *rest]) - FROM_PYTEST
    assert {"scipy", "hypothesis"} <= only
    files = [*(ROOT / "avatar_kit").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    wrong = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in files
        if "templates" not in file.parts
        for name in re.findall(r"^\s*(?:import|from) (\w+)", file.read_text(), re.MULTILINE)
        if name in only
    }
    assert not wrong
