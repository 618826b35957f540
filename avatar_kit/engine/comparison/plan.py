"""What is compared: contenders x captures x seeds, as plain YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from avatar_kit.config import Config, MethodConfig, dump_yaml, load_yaml, resolve_method
from avatar_kit.config.layers import Layer, merge
from avatar_kit.errors import UserError, shown
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.documents import validated

FILE = "plan.yaml"

P = TypeVar("P", bound="Plan")

Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Plan(Config):
    """A comparison; everything in it is written as a ``--config`` file would write it."""

    benchmark: str | None = Field(
        default=None, description="Benchmark this is, with its version, e.g. studio-1."
    )
    contenders: dict[str, dict[str, Any]] = Field(
        default={}, description="Name -> `type` (a method), `preset`, and config values."
    )
    captures: dict[str, dict[str, Any]] = Field(default={}, description="Name -> values of `data`.")
    seeds: tuple[Seed, ...] = Field(default=(0,), min_length=1, description="Seeds to train with.")
    values: dict[str, Any] = Field(default={}, description="Config values of every training.")

    def cells(self) -> Iterator[Cell]:
        """Every training, a whole table for one seed before the next seed."""
        for seed in self.seeds:
            for capture in self.captures:
                for contender in self.contenders:
                    yield Cell(contender, capture, seed)

    def config(self, cell: Cell) -> MethodConfig:
        """The config of a training.

        Raises:
            UserError: A value is wrong; the message begins with the contender's name.
        """
        try:
            return self._resolved(cell.contender, cell)
        except UserError as error:
            said = f"{cell.contender}: {error}"
        if self.values and any(self._takes_values(n, cell) for n in self.contenders):
            said += (
                f"; the values {', '.join(self.values)} apply to every method: give values for "
                "one method as in --method 'NAME key=value'"
            )
        raise UserError(said)

    def _resolved(self, name: str, cell: Cell) -> MethodConfig:
        contender = self.contenders[name]
        layers = [
            Layer("values", self.values),
            Layer("contender", {k: v for k, v in contender.items() if k not in ("type", "preset")}),
            Layer("cell", {"data": self.captures[cell.capture], "seed": cell.seed}),
        ]
        preset, values = contender.get("preset"), merge(layers)[0]
        return resolve_method(contender["type"], preset=preset, overrides=values).config

    def _takes_values(self, name: str, cell: Cell) -> bool:
        try:
            self._resolved(name, cell)
        except UserError:
            return False
        return True

    def check(self) -> None:
        """Read every config, so that nothing is trained where a word is misspelt.

        Raises:
            UserError: A config is wrong, two trainings would share a folder, or two contenders work
                at different sizes or measure with different metrics.
        """
        first: tuple[str, MethodConfig] | None = None
        folders: dict[str, Cell] = {}
        for cell in self.cells():
            if (other := folders.setdefault(cell.slug, cell)) != cell:
                raise UserError(
                    f"'{other}' and '{cell}' would share the folder runs/{cell.slug}; give one "
                    "another name"
                )
            config = self.config(cell)
            name, reference = first = first or (cell.contender, config)
            for key in ("size", "width"):
                own, other = getattr(config, key), getattr(reference, key)
                if own != other:
                    raise UserError(
                        f"{cell.contender} uses {key}={own}, {name} uses {key}={other}: their "
                        f"results are not comparable; give one {key}=... for all"
                    )
            if config.evaluation != reference.evaluation:
                raise UserError(
                    f"{cell.contender} and {name} differ in 'evaluation': give its values once "
                    "for all"
                )

    def extended(self, other: Plan) -> Plan:
        """This plan with the contenders, captures and seeds of another.

        Raises:
            UserError: They contradict each other.
        """
        for key in ("benchmark", "values"):
            if getattr(self, key) != getattr(other, key):
                before, now = getattr(self, key), getattr(other, key)
                raise UserError(f"'{key}' was {before} before, not {now}; choose another --out")
        joined = {}
        for key in ("contenders", "captures"):
            mine, more = getattr(self, key), getattr(other, key)
            for name in mine.keys() & more.keys():
                if mine[name] != more[name]:
                    raise UserError(
                        f"'{name}' of {key} was defined differently before; give it another name "
                        "or choose another --out"
                    )
            joined[key] = {**mine, **more}
        seeds = tuple(dict.fromkeys((*self.seeds, *other.seeds)))
        return self.model_copy(update={**joined, "seeds": seeds})


@dataclass(frozen=True)
class Cell:
    """One training of a comparison."""

    contender: str
    capture: str
    seed: int

    def __str__(self) -> str:
        return f"{self.contender}, {self.capture}, seed {self.seed}"

    @property
    def slug(self) -> str:
        """Name of its folder."""
        words = (self.contender, self.capture, str(self.seed))
        return "_".join(re.sub(r"[^\w.-]+", "-", word) for word in words)


def read_plan(path: Path, form: type[P] = Plan) -> P:  # type: ignore[assignment]
    """Read a plan; a contender may be the name of a method alone.

    Args:
        path: A YAML file.
        form: What the file holds.

    Raises:
        UserError: The file is missing or a key is wrong.
    """
    values = load_yaml(path)
    for key in ("contenders", "captures"):
        if isinstance(values.get(key), Mapping):
            named = values[key].items()
            values[key] = {k: {"type": v} if isinstance(v, str) else v for k, v in named}
    plan = validated(form, values, path)
    for name, contender in plan.contenders.items():
        if not isinstance(contender.get("type"), str):
            raise UserError(
                f"{path}: contenders.{name}.type: expected the name of a method, got "
                f"{shown(contender.get('type'))}"
            )
    return plan


def keep_plan(plan: Plan, out: Path) -> Plan:
    """Write the plan into a comparison's folder, joined with the one that lies there.

    Raises:
        UserError: The two contradict each other, or the folder holds something else.
    """
    file = out / FILE
    if file.exists():
        try:
            plan = read_plan(file).extended(plan)
        except UserError as error:
            raise UserError(f"{out}: {error}") from None
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: not empty and not a comparison (no {FILE}); choose another --out")
    plan.check()
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(file) as path:
        path.write_text(dump_yaml(plan.model_dump(mode="json")))
    return plan
