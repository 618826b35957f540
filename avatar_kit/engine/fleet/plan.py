"""What a fleet makes: a comparison's plan, videos to prepare before, and limits of its jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from avatar_kit.config import Config
from avatar_kit.engine.choosing import default_preset
from avatar_kit.engine.comparison.plan import Plan, read_plan
from avatar_kit.engine.run import folder_name
from avatar_kit.errors import UserError


class Preparation(Config):
    """Videos of one person that become a capture before anything trains on it."""

    videos: tuple[str, ...] = Field(min_length=1, description="Video files of one person.")
    options: tuple[str, ...] = Field(
        default=(), description="Further options of `avatar-kit prepare`, e.g. [--every, '2']."
    )


class Limits(Config):
    """When a job is queued again, and when it is set aside."""

    minutes: float | None = Field(
        default=None,
        gt=0,
        description="Minutes a job may run at a time; it then saves and is queued again. "
        "Default: no limit on this machine, 240 on Slurm.",
    )
    attempts: int = Field(
        default=3, ge=1, le=1000, description="Times a job may fail before it is set aside."
    )


class FleetPlan(Plan):
    """The plan of a fleet."""

    prepare: dict[str, Preparation] = Field(
        default={}, description="Name of a capture -> the videos it is made of."
    )
    limits: Limits = Field(default=Limits(), description="Limits of every job.")
    slurm: dict[str, Any] = Field(
        default={},
        description="Parameters of submitit's Slurm executor, e.g. `slurm_partition`, "
        "`gpus_per_node`, `cpus_per_task`, `mem_gb`.",
    )

    def comparison(self, out: Path) -> Plan:
        """The trainings alone, as a comparison in the same folder reads them.

        Raises:
            UserError: There is no contender, or a prepared capture has the name of another.
        """
        if not self.contenders:
            raise UserError("the plan has no contenders: name at least one method to train")
        twice = self.prepare.keys() & self.captures.keys()
        if twice:
            raise UserError(f"'{min(twice)}' is in both 'prepare' and 'captures'; name it once")
        prepared = {
            name: {"type": "capture", "path": str(capture_folder(out, name))}
            for name in self.prepare
        }
        contenders = {
            name: {**own, "preset": own.get("preset") or default_preset(own["type"])[0]}
            for name, own in self.contenders.items()
        }
        captures = {**self.captures, **prepared}
        if not captures:
            raise UserError("the plan has no captures: give 'captures', or videos to 'prepare'")
        kept = {key: getattr(self, key) for key in ("benchmark", "seeds", "values")}
        return Plan(contenders=contenders, captures=captures, **kept)


def capture_folder(out: Path, name: str) -> Path:
    """Where a prepared capture lies."""
    return out.absolute() / "captures" / folder_name(name)


def read_fleet_plan(path: Path) -> FleetPlan:
    """Read a plan of a fleet.

    Raises:
        UserError: The file is missing, or a key or a video is wrong.
    """
    plan = read_plan(path, FleetPlan)
    for name, preparation in plan.prepare.items():
        for video in preparation.videos:
            if not Path(video).exists():
                raise UserError(f"{path}: prepare.{name}.videos: {video}: no such file")
    return plan
