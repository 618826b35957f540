"""mkdocs hook: what the site needs beyond Markdown, done as it is built.

Equations become MathML, so that no page needs a script; Sphinx roles in docstrings become code.
"""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

# what pymdownx.arithmatex leaves of $...$ and $$...$$
_EQUATION = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)
_ROLE = re.compile(r":(?:meth|class|func|mod|data|attr):<code>(?:~[\w.]*\.)?([^<]*)</code>")
# a line of this kind is as wide as what is below it only in fonts with tables for mathematics
_OVERLINE = re.compile(r'<mover>(<mrow>.*?</mrow>)<mo accent="true">&#x02015;</mo></mover>')


def on_page_content(content: str, **_: object) -> str:
    """A page's HTML, made ready."""
    return _ROLE.sub(r"<code>\1</code>", _EQUATION.sub(_mathml, content))


def _mathml(found: re.Match[str]) -> str:
    tag = found["tag"]
    display = "block" if tag == "div" else "inline"
    equation = convert(html.unescape(found["tex"]), display=display)
    if unknown := re.search(r"\\\w+|<mi>&</mi>", equation):
        raise ValueError(f"{unknown[0]}: not known to latex2mathml, in the equation {found['tex']}")
    attribute = ' class="equation"' if tag == "div" else ""
    return f"<{tag}{attribute}>{_OVERLINE.sub(_ruled, equation)}</{tag}>"


def _ruled(found: re.Match[str]) -> str:
    return found[1].replace("<mrow>", '<mrow style="border-top: 1px solid">', 1)
