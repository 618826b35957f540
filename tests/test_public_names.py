"""The names a plugin may rely on: one that comes or goes is noticed here."""

import importlib
from pathlib import Path

PINNED = (Path(__file__).parent / "public_names.txt").read_text().split()


def test_public_names_are_pinned():
    """A lost name breaks plugins: see docs/stability.md. A new one is pinned by
    ``python tools/reference.py``."""
    modules = sorted({name.rpartition(".")[0] for name in PINNED})
    found = set()
    for module in modules:
        loaded = importlib.import_module(module)
        names = getattr(loaded, "__all__", None) or [n for n in vars(loaded) if n[0].isupper()]
        found |= {f"{module}.{name}" for name in names}
    assert found - set(PINNED) == set(), "new public names: pin and document them"
    assert set(PINNED) - found == set(), "public names are gone: plugins rely on them"


def test_every_pinned_name_is_there():
    for name in PINNED:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name
