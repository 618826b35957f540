"""Config of the embedded dataset. Torch-free."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from avatar_kit.config import Benchmark, DatasetConfig

#: The three settings of RAM-Avatar's paper (its section 4.1) on three persons.
_BENCHMARK = Benchmark(
    version=2,
    captures={
        name: {"subject": name, "size": 256, "frames": 240, "test_frames": 48, "seed": 0}
        for name in ("ada", "ben", "cleo")
    },
    seeds=(0, 1, 2),
    values={
        "size": 256,
        "evaluation": {
            "metrics": ["psnr", "ssim", "st_lpips_alex", "st_tlpips_alex"],
            "max_frames": None,
            "crop_margin": 0.05,
        },
    },
)


class StudioConfig(DatasetConfig):
    """A synthetic video of a clothed person, rendered on first use and kept in the cache."""

    benchmark: ClassVar[Benchmark | None] = _BENCHMARK
    licence: ClassVar[str] = "CC0-1.0 (made here, from the CC0 data of MakeHuman)"

    type: Literal["studio"] = "studio"
    subject: Literal["ada", "ben", "cleo"] = Field(
        "ada", description="Who is filmed; the subjects differ in body, clothes and hair."
    )
    size: int | None = Field(
        None, ge=64, le=2048, description="Side of the pictures in pixels; null: the training size."
    )
    frames: int = Field(
        240, ge=8, le=10_000_000, description="Frames of the train split, at 25 per second."
    )
    test_frames: int = Field(48, ge=4, le=10_000_000, description="Frames of each test split.")
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of motion, noise and hair.")
    supersample: int = Field(2, ge=1, le=4, description="Samples along a pixel's side.")
    framing: Literal["full", "upper"] = Field(
        "full",
        description="What the picture holds: full, the person with arms raised or spread; upper, "
        "from the hips up, nearly twice as large.",
    )
    cameras: int = Field(
        1, ge=1, le=16, description="Cameras on a ring around the person, at equal angles."
    )
    held_out: int | None = Field(
        None,
        ge=0,
        le=65_536,
        description="Number of cameras, from the last, held out of training; null: 1 of several.",
    )

    @model_validator(mode="after")
    def _one_trains(self) -> StudioConfig:
        if self.held_out is not None and self.held_out >= self.cameras:
            raise PydanticCustomError(
                "fit",
                "held_out={held_out} of cameras={cameras} leaves no camera to train with; give at "
                "most {most}",
                {"held_out": self.held_out, "cameras": self.cameras, "most": self.cameras - 1},
            )
        return self

    @property
    def unseen(self) -> int:
        """How many cameras, from the last, take no part in the training."""
        return min(1, self.cameras - 1) if self.held_out is None else self.held_out

    def filmed(self) -> dict[str, Any]:
        """What of the options the film depends on, without what is as usual."""
        usual = {"framing": "full", "cameras": 1}
        unsaid = {name for name, value in usual.items() if getattr(self, name) == value}
        return self.model_dump(exclude={"held_out", *unsaid})
