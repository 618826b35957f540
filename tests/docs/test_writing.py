"""The pages for users keep to the word list of CONTRIBUTING.md, as far as a program can tell."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    *(f"{name}.md" for name in ("index", "own-video", "render", "view", "export", "live")),
    *(f"{name}.md" for name in ("python", "aligners", "compare", "metrics", "studio")),
    *(f"{name}.md" for name in ("gallery", "troubleshooting", "reliability", "security")),
    *(f"{name}.md" for name in ("install", "datasets", "bodies", "formats", "motion")),
    *(f"{name}.md" for name in ("licences", "fleet", "stability")),
    *(f"methods/{name}.md" for name in ("anr", "mmlp", "r3", "splat")),
    *sorted(str(page.relative_to(DOCS)) for page in (DOCS / "plugins").glob("*.md")),
]
#: What is not written -> what is.
WORDS = {
    r"\d %": "15%",
    r"left out:|is left out|leave it out": "default: ..., is omitted",
    r"bit for bit": "bit-identical",
    r"\b(goes|go|went) on\b": "continue",
    r"takes? the place of|in the place of": "replace, instead of",
    r"(views|poses) (that were )?never recorded": "novel views, novel poses",
    r"^#+ .*[Ff]igures|\bthe figures\b": "results",
    r"takes the preset": "falls back to the preset",
    r"\bto and fro\b|\bover and over\b": "back and forth, in a loop",
    r"\banew\b": "again",
    r"\bdoor\b": "say it without the metaphor",
}


def prose(page: str) -> str:
    """A page without its generated parts, its code, which quotes messages, and its anchors."""
    text = re.sub(r"<!-- generated.*?<!-- end -->", "", page, flags=re.DOTALL)
    text = re.sub(r"^```.*?^```|\{#[\w-]+\}", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "``", text)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_keeps_to_the_word_list(page):
    text = prose((DOCS / page).read_text())
    found = [
        f"{match[0]!r}: write {better!r}"
        for word, better in WORDS.items()
        for match in re.finditer(word, text, re.MULTILINE)
    ]
    assert not found, found


@pytest.mark.parametrize(
    "sentence",
    [
        "That is 15 % of it.",
        "The rate; left out: 30.",
        "The run goes on bit for bit.",
        "## Figures of the demo",
        "Yours takes the place of ours.",
    ],
)
def test_the_list_finds_what_it_forbids(sentence):
    assert any(re.search(word, sentence, re.MULTILINE) for word in WORDS)
