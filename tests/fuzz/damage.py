"""Writing what is wrong into the folder of a case."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import yaml

from tests.fuzz import content, mutation

#: Words of a command line, or a function to call.
Case = list[str] | Callable[[], object]


def written(random: Random, file: Path, data: str | bytes) -> Path:
    """The file with the content, or, now and then, something else in its place."""
    data = data if isinstance(data, bytes) else data.encode(errors="surrogatepass")
    file.write_bytes(mutation.octets(random, data) if random.random() < 0.1 else data)
    if random.random() < 0.04:
        mutation.place(random, file)
    return file


def damaged(random: Random, name: str, data: bytes) -> bytes:
    """The content of a file, changed inside its format or in its bytes."""
    changed = content.inside if random.random() < 0.6 else _bytes
    return changed(random, name, data)


def _bytes(random: Random, name: str, data: bytes) -> bytes:
    return mutation.octets(random, data)


def spoil(random: Random, root: Path, record: str) -> None:
    """Change something in a folder: its record, a file of it, or what lies at a path."""
    kind, file = random.random(), root / record
    if kind < 0.5 and file.suffix in (".json", ".yaml"):
        if file.suffix == ".json":
            values = mutation.structure(random, json.loads(file.read_text()))
            file.write_text(json.dumps(values))
        else:
            values = mutation.structure(random, yaml.safe_load(file.read_text()))
            file.write_text(yaml.safe_dump(values))
        return
    files = sorted(p for p in root.rglob("*") if p.is_file())
    chosen = random.choice([file, random.choice(files)])
    if kind < 0.85:
        chosen.write_bytes(damaged(random, chosen.name, chosen.read_bytes()))
    else:
        mutation.place(random, random.choice([chosen, chosen.parent]) if chosen != root else chosen)
