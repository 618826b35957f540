"""Scores of pictures beside the truth: every metric on every region."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from avatar_kit.config import EvaluationConfig
from avatar_kit.declarations import ComponentConfig
from avatar_kit.engine.assemble import load_class
from avatar_kit.engine.ranks import Ranks
from avatar_kit.errors import MetricUnavailable
from avatar_kit.interfaces import Metric

REGIONS = ("full", "person")


def regions(picture: Tensor, box: np.ndarray) -> dict[str, Tensor]:
    """Region -> what of a picture [..., H, W] it is; ``box`` is the person's."""
    left, top, right, bottom = (int(v) for v in box)
    return {"full": picture, "person": picture[..., top:bottom, left:right].contiguous()}


class Scores:
    """Every metric that this machine has on every region, for one candidate.

    Several processes that see the same pictures take turns: each computes a share of the metrics.

    Args:
        config: Names the metrics.
        ranks: The processes, mostly one.
    """

    def __init__(self, config: EvaluationConfig, ranks: Ranks = Ranks()):
        self.names, self._ranks = [c.type for c in config.metrics], ranks
        asked = [(region, c) for region in REGIONS for c in config.metrics]
        self.metrics: dict[tuple[str, str], Metric] = {
            (region, c.type): metric
            for region, c in asked[ranks.rank :: ranks.count]
            if (metric := _metric(c)) is not None
        }

    def update(
        self, pictures: dict[str, Tensor], truths: dict[str, Tensor], new_clip: bool
    ) -> None:
        """Take in the regions of a picture and of the truth."""
        for (region, _), metric in self.metrics.items():
            metric.update(pictures[region], truths[region], new_clip=new_clip)

    def compute(self) -> dict[str, Any]:
        """Metric -> value on the whole picture, and under "person" on the person."""
        values: dict[str, Any] = {name: None for name in self.names}
        values["person"] = dict(values)
        own = {of: _number(metric.compute()) for of, metric in self.metrics.items()}
        for share in self._ranks.gathered(own):
            for (region, name), value in share.items():
                place = values if region == "full" else values["person"]
                place[name] = value
        return values

    def frames(self) -> dict[str, dict[str, list[float | None]]]:
        """Region -> metric -> [n] values, for metrics that are a mean over frames."""
        found: dict[str, dict[str, list[float | None]]] = {region: {} for region in REGIONS}
        own = {of: [_number(v) for v in m.frame_values()] for of, m in self.metrics.items()}
        for share in self._ranks.gathered(own):
            for (region, name), values in share.items():
                if values:
                    found[region][name] = values
        return found


def _number(value: float) -> float | None:
    """None for NaN, which JSON does not know."""
    return None if math.isnan(value) else value


def _metric(config: ComponentConfig) -> Metric | None:
    """The metric; None where this machine lacks its weights."""
    try:
        return load_class("metric", config)(config)
    except MetricUnavailable:
        return None


def about_metric(config: ComponentConfig) -> dict[str, Any]:
    """What the protocol says of a metric."""
    cls: Any = load_class("metric", config)
    about: dict[str, Any] = {
        "higher_is_better": cls.higher_is_better,
        "unit": cls.unit,
        "weights_sha256": None,
    }
    try:
        about["weights_sha256"] = cls(config).weights_sha256
    except MetricUnavailable as reason:
        about["unavailable"] = str(reason)
    return about
