"""The page is one file that asks for nothing, and works in a browser from disk."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import avatar_kit
from avatar_kit.exporters.config import PlayerConfig
from avatar_kit.exporters.player import Player
from avatar_kit.testing.avatar import export_source
from tests.exporters.gltf_reader import Glb
from tests.exporters.test_export import decibels
from tests.exporters.test_mesh import quiet, turning_source

_NAME = 'Ada </script><b>"&'
_PAGE = Path(avatar_kit.__file__).parent / "exporters" / "page"


class Parts(HTMLParser):
    """Titles, scripts and what else a page refers to."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.scripts, self.title, self.references, self._at = [], "", [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._at = tag
        self.references += [v for k, v in attrs if k in ("src", "href", "srcset", "action")]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self._at == "script":
            self.scripts[-1] += data
        if self._at == "title":
            self.title += data

    def handle_endtag(self, tag):
        self._at = ""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    source = replace(export_source("motion"), name=_NAME, title="walk.npz")
    out = tmp_path_factory.mktemp("page") / "a.html"
    config = PlayerConfig(texture=32, pictures=1, idle=0.12)
    return out, Player(config).export(source, out, quiet)


def test_the_page_holds_the_avatar_and_refers_to_nothing(written, tmp_path):
    out, exported = written
    text = out.read_text("utf-8")
    parts = Parts(text)
    assert parts.references == [] and parts.title == _NAME
    about, avatar, gaussians, three, *_ = parts.scripts
    assert [m["title"] for m in json.loads(about)["motions"]] == [
        "walk.npz", "idle (of the training)",
    ]  # fmt: skip
    assert set(exported.notes) <= set(json.loads(about)["notes"])
    assert "motions: walk.npz, idle (of the training)" in exported.what
    assert "Permission is hereby granted" in three  # three.js is there with its licence
    count = json.loads(about)["gaussians"]["count"]
    assert len(base64.b64decode(gaussians)) > 4 * 28 * count > 0
    assert len(json.loads(about)["skeleton"]["bones"]) == 104
    (tmp_path / "a.glb").write_bytes(base64.b64decode(avatar))
    glb = Glb(tmp_path / "a.glb")
    assert [a["name"] for a in glb.json["animations"]] == ["walk.npz", "idle (of the training)"]
    assert "JOINTS_1" not in glb.primitive["attributes"]  # three.js reads four weights


def test_three_js_is_small_and_says_whose_it_is():
    assert (_PAGE / "three.min.js").stat().st_size < 800_000
    text = (_PAGE / "three.min.js").read_text("utf-8")
    assert "SPDX-License-Identifier: MIT" in text and "</script" not in text
    assert "MIT License" in (_PAGE / "three.LICENSE").read_text("utf-8")


def test_no_text_of_the_page_looks_like_a_place_to_fill():
    filled = [p for p in _PAGE.iterdir() if p.name != "page.html"]
    assert filled and not any(re.search(r"\{\{\w+\}\}", p.read_text("utf-8")) for p in filled)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_it_works_in_a_browser_from_disk(width, height, tmp_path):
    from tests.exporters.browser import OpenPage

    source = turning_source([0, 30, 60, 90, 180, 270])
    source = replace(source, motion=source.training_motion[[0, 1, 2]], title="walk.npz")
    out = tmp_path / "player.html"
    Player(PlayerConfig()).export(source, out, quiet)
    assert out.stat().st_size < 6_000_000
    with OpenPage(out, tmp_path / "profile", width, height, touch=width < 500) as page:
        page.until("document.documentElement?.dataset.ready === 'true'")
        page.value("document.getElementById('play').click()")
        before = page.picture()
        assert float(before.std()) > 0.05
        choose = "document.querySelectorAll('#motions input')[{}].click()"
        page.value(choose.format(2))
        rest = page.picture()
        assert decibels(rest, before) < 30
        slider = (
            "(() => {{ const i = document.querySelector('[data-expression=jawOpen]');"
            "i.value = {}; i.dispatchEvent(new Event('input')) }})()"
        )
        page.value("document.getElementById('face').click()")
        closed = page.picture()
        page.value(slider.format(1))
        opened = page.picture()
        page.value("document.getElementById('neutral').click()")
        again = page.picture()
        assert decibels(again, closed) > 60 and decibels(opened, closed) < 45
        page.value("document.getElementById('view').focus()")
        page.key("ArrowRight", 39)
        turned = page.picture()
        assert decibels(turned, again) < 35
        page.value("document.getElementById('theme').click()")
        assert float(page.picture().mean()) < float(turned.mean()) - 0.2
        assert "python -m http.server" in page.value("document.getElementById('said').textContent")
        assert page.value("document.getElementById('drive').offsetParent") is None  # not shown
        page.value("document.getElementById('view').focus()")
        page.key("Tab", 9)  # from the view on to the panel
        assert page.value("document.activeElement.closest('aside') !== null")
        overflow = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.value(overflow)
        assert page.complaints == []
        asked = {address.partition(":")[0] for address in page.requests}
        assert asked <= {"file", "blob", "data"}
