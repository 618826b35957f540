"""Equations become MathML as the site is built."""

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytest.importorskip("latex2mathml", reason="latex2mathml is not installed: the extra docs")
ROOT = Path(__file__).parents[2]
NAME = "{http://www.w3.org/1998/Math/MathML}"


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("site_hook", ROOT / "tools" / "site_hook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_lines_of_an_equation_are_rows_of_a_table(hook):
    tex = r"\begin{split} a &amp;= b \\ c &amp;= \max(d, 0) \end{split}"
    page = hook.on_page_content(f'<div class="arithmatex">\\[{tex}\\]</div>')
    block = ET.fromstring(page)  # well-formed
    assert block.attrib == {"class": "equation"}
    rows = ["".join(row.itertext()) for row in block.iter(f"{NAME}mtr")]
    assert rows == ["a=b", "c=max(d,0)"]


def test_an_equation_in_a_sentence_stays_in_it(hook):
    page = hook.on_page_content(r'<p>of <span class="arithmatex">\(x_i\)</span> and</p>')
    (sub,) = ET.fromstring(page).iter(f"{NAME}msub")
    assert [child.text for child in sub] == ["x", "i"]


@pytest.mark.parametrize("tex", [r"\notacommand{x}", r"\begin{aligned} a &amp;= b \end{aligned}"])
def test_what_is_not_translated_is_refused(hook, tex):
    with pytest.raises(ValueError, match="not known to latex2mathml"):
        hook.on_page_content(f'<div class="arithmatex">\\[{tex}\\]</div>')
