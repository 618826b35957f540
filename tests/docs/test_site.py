"""The site builds without a warning, and what its own pages say holds."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_page_is_in_the_menu():
    import yaml

    pages = re.findall(
        r"[\w/-]+\.md", str(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    )
    assert sorted(pages) == sorted(str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md"))


@pytest.mark.slow  # .ci/run builds it, too
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed: the extra docs")
def test_the_site_builds_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for page in (tmp_path / "site").rglob("index.html"):
        text = page.read_text()
        assert "<p>::: " not in text and 'class="arithmatex"' not in text, page


def test_the_block_on_motion_files_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "formats.md").read_text(), re.DOTALL)
    exec(compile(block, "formats.md", "exec"), {})


def test_packages_on_the_page_of_architecture_are_those_of_the_core():
    import tomllib

    page = (DOCS / "architecture.md").read_text()
    inside = [p for p in (ROOT / "avatar_kit").iterdir() if not p.name.startswith("__")]
    named = set(re.findall(r"`((?:avatar_kit|plugins)/\w+(?:/|\.py))`", page))
    known = {f"avatar_kit/{p.name}{'/' if p.is_dir() else ''}" for p in inside}
    known |= {f"plugins/{p.name}/" for p in (ROOT / "plugins").glob("avatar_kit_*")}
    assert named == known
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [c["layers"] for c in linter["contracts"] if "layers" in c]
    order = [layer.replace(" | ", ", ") for layer in layers]
    written = " → ".join(f"({layer})" if "," in layer else layer for layer in order)
    assert written in page.replace("\n", " ")


def test_words_that_were_given_up_are_gone():
    """The pages that say what was renamed, and those of measurements, may hold them."""
    old = re.compile(
        r"\bmattes?\b|backdrop|sized_by_fit|\b\d+ takes\b|Setup\.(plate|topology)\b", re.I
    )
    free = {DOCS / name for name in ("stability.md", "architecture.md", "notebook.md", "studio.md")}
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
    for page in set(pages) - free:
        assert not (found := old.search(page.read_text())), f"{page}: {found[0]}"


def test_the_record_on_the_page_of_formats_is_valid():
    import json

    from avatar_kit.capture.record import CameraRecord, CaptureRecord, parse_record

    page = (DOCS / "formats.md").read_text()
    (block,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    record = parse_record(json.loads(block), DOCS / "formats.md")
    assert [len(split.frames) for split in record.splits.values()] == [3, 3, 1]
    for model in (CaptureRecord, CameraRecord):
        for key in model.model_fields:
            assert re.search(rf"^\|.*`{key}`.*\|.*\|.*\|$", page, re.MULTILINE), key


def test_keys_of_a_subject_are_on_the_page_of_formats():
    from dataclasses import fields

    from avatar_kit.engine.subject import Subject

    table = (DOCS / "formats.md").read_text().partition("| key of subject.json")[2]
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))
    assert set(named) >= {field.name for field in fields(Subject)}


def fixed_parts(message: str) -> list[str]:
    return [part.strip(" '") for part in message.split("...") if len(part.strip()) > 3]


def test_messages_on_the_page_of_troubles_are_those_of_the_code():
    """The fixed words of each message stand in the code, whatever lines it is broken into there."""
    files = [*(ROOT / "avatar_kit").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    code = "\n".join(path.read_text() for path in files)
    code = re.sub(r"""["']\s*\n\s*f?["']""", "", code)  # joined strings
    code = re.sub(r"\{[^{}]*\}", "...", code).replace("\\", "")
    page = (DOCS / "troubleshooting.md").read_text()
    messages = re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE)
    assert len(messages) > 30
    unknown = [part for m in messages for part in fixed_parts(m) if part not in code]
    assert not unknown


def test_limits_on_the_page_of_own_videos_are_those_of_the_verdict():
    from avatar_kit.tracking.figures import _RULES

    page = (DOCS / "own-video.md").read_text()
    rows = [row for row in page.splitlines() if re.match(r"\| .* \| (below|above) ", row)]
    assert len(rows) == len(_RULES)
    for row, (name, side, good, bearable, *_) in zip(rows, _RULES, strict=True):
        word, cells = {"<": "below", ">": "above"}[side], [c.strip() for c in row.split("|")]
        share = name in ("face", "hands", "right", "mask_whole", "mask_filled", "burnt_in")
        good, bearable = (f"{100 * v:g}%" if share else f"{v:g}" for v in (good, bearable))
        assert cells[2] == f"{word} {good}"
        assert cells[3] == ("any" if bearable.startswith("-") else f"{word} {bearable}")
