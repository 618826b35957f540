"""Values, command lines and plans."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.api.tiny import TINY
from tests.fuzz import mutation, words
from tests.fuzz.damage import Case, written
from tests.fuzz.world import FLEET, PLAN, World


def config(random: Random, world: World, folder: Path) -> Case:
    """A config file, by its values or by its text."""
    text = yaml.safe_dump(mutation.structure(random, world.config), allow_unicode=True)
    if random.random() < 0.4:
        text = mutation.lines(random, yaml.safe_dump(world.config))
    file = written(random, folder / "c.yaml", text)
    return ["config", "show", "--config", str(file), *_method(random)]


def overrides(random: Random, world: World, folder: Path) -> Case:
    """Values on the command line."""
    keys = [k for k, _ in _flat(world.config)]
    given = [f"{random.choice(keys)}={_text(random)}" for _ in range(random.randint(1, 3))]
    if random.random() < 0.2:
        given[0] = mutation.misspelt(random, given[0])
    return ["config", "show", *_method(random), *given]


def setup(random: Random, world: World, folder: Path) -> Case:
    """A training whose values may pass, set up until its first step would be."""
    method = random.choice(list(TINY))
    keys = [k for k, v in _flat(world.config) if not isinstance(v, dict) and "data" not in k]
    given = []
    for key in random.sample(keys, random.choice([1, 1, 2])):
        value = random.choice([0, 1, 2, 3, 5, 7, 33, 1000, 10**6, 10**9, 2**62, 1e-9, 1e9, 0.5])
        given.append(f"{key}={random.choice([value, value, value, 'true', 'null', '[1]', '[]'])}")
    small = [f"{k}={json.dumps(v)}" for k, v in TINY[method].items()]
    fixed = ["--preset", "demo", "--data", str(world.capture), "--out", f"{folder}/run"]
    return ["train", "--method", method, *fixed, *small, "steps=1", *given]


def command(random: Random, world: World, folder: Path) -> Case:
    """A command line, with options that take what they should not."""
    return words.command_line(random, world, folder)


def plan(random: Random, world: World, folder: Path) -> Case:
    """The plan of a comparison."""
    file = _plan(random, folder, PLAN)
    return ["compare", "--plan", str(file), "--out", str(folder / "out")]


def fleet(random: Random, world: World, folder: Path) -> Case:
    """The plan of a fleet, whose jobs are listed."""
    (folder / "me.mp4").write_bytes(world.video)
    file = _plan(random, folder, FLEET)
    return ["fleet", str(file), "--out", str(folder / "out"), "--dry-run"]


def _plan(random: Random, folder: Path, plan: dict[str, Any]) -> Path:
    text = yaml.safe_dump(mutation.structure(random, plan))
    if random.random() < 0.3:
        text = mutation.lines(random, yaml.safe_dump(plan))
    return written(random, folder / "plan.yaml", text)


def _method(random: Random) -> list[str]:
    return ["--method", random.choice(["anr", "anr", "anr", "dnr", "ram", "splat", "r3", "mmlp"])]


def _text(random: Random) -> str:
    value = mutation.hostile(random)
    if random.random() < 0.2:
        return random.choice(mutation.YAML)
    return str(value) if random.random() < 0.7 else json.dumps(value)


def _flat(values: dict[str, Any], at: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in values.items():
        dotted = f"{at}.{key}" if at else key
        found.append((dotted, value))
        if isinstance(value, dict):
            found += _flat(value, dotted)
    return found
