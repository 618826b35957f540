"""A new project of a kind, loaded beside the installed plugins, with one line changed if asked."""

import shutil
import sys
from importlib.metadata import EntryPoint

import pytest

from avatar_kit.io.cache import cache_dir
from avatar_kit.registry import load_plugins, loading
from avatar_kit.registry.sources import plugin_sources
from avatar_kit.scaffold import new_project
from avatar_kit.testing import check_component


@pytest.fixture
def outcomes(tmp_path, monkeypatch):
    """``outcomes(kind, old, new, file=..., **options)``: check name -> outcome of a new project."""

    def check(kind, old="", new="", *, file="component.py", only=(), **options):
        name = f"fresh_{kind}"
        root = new_project(name, kind, tmp_path)
        path = root / f"avatar_kit_{name}" / file
        text = path.read_text()
        assert old in text, f"{file} of the {kind} template does not hold {old!r}"
        path.write_text(text.replace(old, new) if old else text)
        monkeypatch.syspath_prepend(str(root))
        shutil.rmtree(cache_dir(name), ignore_errors=True)  # what another fault has left
        source = EntryPoint(name, f"avatar_kit_{name}.plugin", "avatar_kit")
        loaded = load_plugins([*plugin_sources(), source], strict=True)
        monkeypatch.setattr(loading, "_loaded", lambda: loaded)
        component = loaded[0].get(kind, name)
        return {o.check: o for o in check_component(component, options, only=only)}

    yield check
    for module in [m for m in sys.modules if m.startswith("avatar_kit_fresh_")]:
        del sys.modules[module]
