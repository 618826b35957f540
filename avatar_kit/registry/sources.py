"""Where plugins come from: installed packages, and the file a person names."""

from __future__ import annotations

import os
import sys
from importlib.abc import InspectLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

#: The group of entry points that plugins are found through.
GROUP = "avatar_kit"

#: The distribution whose defaults win over those of others.
OWN = "avatar-kit"


def plugin_sources() -> list[EntryPoint]:
    """Entry points to load: installed ones, and the file named by ``AVATAR_KIT_DEV``."""
    found = {e.name: e for e in entry_points(group=GROUP)}
    wanted = os.environ.get("AVATAR_KIT_PLUGINS")
    if wanted is not None:
        names = {n.strip() for n in wanted.split(",")} | {"builtin"}
        found = {n: e for n, e in found.items() if n in names}
    dev = os.environ.get("AVATAR_KIT_DEV")
    return [*found.values(), *([_of_file(Path(dev))] if dev else [])]


def sources_with(word: str) -> list[EntryPoint]:
    """Those whose module holds a word in its text; none of the modules is imported."""
    return [source for source in plugin_sources() if _holds(source.module, word)]


def _of_file(path: Path) -> EntryPoint:
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return EntryPoint(name=path.stem, value=path.stem, group=GROUP)


def _holds(module: str, word: str) -> bool:
    try:
        spec = find_spec(module)
    except Exception:  # its package fails when it is imported, in whatever way
        return False
    loader = spec.loader if spec else None
    if not isinstance(loader, InspectLoader):
        return False
    text = loader.get_source(module)
    return text is None or word in text  # None: compiled, so that it may hold anything
