"""A table whose second line has another number of cells is shown as text."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
RULE = re.compile(r"\s*\|(\s*:?-+:?\s*\|)+\s*")


def cells(line: str) -> int:
    """How many a row has: code and escaped bars are no borders."""
    return re.sub(r"`[^`]*`|\\\|", "", line).count("|") - 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_rows_of_a_table_have_as_many_cells_as_its_head(page):
    lines = page.read_text("utf-8").split("\n")
    wrong = []
    for i, line in enumerate(lines):
        if RULE.fullmatch(line):
            assert i and lines[i - 1].lstrip().startswith("|"), f"line {i + 1}: no head above"
            wanted = cells(lines[i - 1])
            for number, row in enumerate(lines[i:], i + 1):
                if not row.lstrip().startswith("|"):
                    break
                if cells(row) != wanted:
                    wrong.append(f"line {number}: {cells(row)} cells, expected {wanted}")
    assert not wrong, wrong
