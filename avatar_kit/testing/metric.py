"""Checks of metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from avatar_kit.errors import MetricUnavailable
from avatar_kit.testing.conformance import Conformance, NotApplicable, require

_FRAMES, _HEIGHT, _WIDTH = 6, 64, 80


class MetricConformance(Conformance):
    """What every metric must do.

    Attributes:
        tolerance: Largest difference between two ways of accumulating, as a share of the value.
    """

    kind = "metric"
    tolerance = 1e-5

    def build(self) -> Any:
        """A new metric.

        Raises:
            NotApplicable: This machine lacks its weights or a package it rests on.
        """
        try:
            return self.component.load()(self.config)
        except MetricUnavailable as reason:
            raise NotApplicable(str(reason)) from None

    def score(self, prediction: Tensor, target: Tensor, pieces: Sequence[int] = ()) -> float:
        """The value over frames given at once, or in pieces of these lengths."""
        metric, at = self.build(), 0
        for length in pieces or (len(prediction),):
            part = slice(at, at + length)
            metric.update(prediction[part], target[part], new_clip=at == 0)
            at += length
        return metric.compute()

    def test_declares_direction_and_unit(self) -> None:
        """``higher_is_better`` is a bool, ``unit`` a word, ``weights_sha256`` a digest or None."""
        metric = self.build()
        direction = getattr(metric, "higher_is_better", None)
        require(
            isinstance(direction, bool), f"higher_is_better is {direction!r}: say True or False"
        )
        require(isinstance(metric.unit, str), f"unit is {metric.unit!r}: a word, or ''")
        digest = metric.weights_sha256
        require(
            digest is None or (isinstance(digest, str) and len(digest) == 64),
            f"weights_sha256 is {digest!r}: the hex digest of the weights, or None",
        )

    def test_perfect_pictures_score_best(self) -> None:
        """Equal pictures score better than noisy ones, and little noise better than much."""
        target = self.pictures()
        scores = [self.score(noisy(target, sigma), target) for sigma in (0.0, 0.05, 0.2)]
        require(all(math.isfinite(s) for s in scores), f"noise 0, 0.05, 0.2 scores {scores}")
        ordered = sorted(scores, reverse=self.build().higher_is_better)
        require(
            ordered == scores and len(set(scores)) == 3,
            f"noise of 0, 0.05 and 0.2 scores {scores}; with "
            f"higher_is_better={self.build().higher_is_better} these must get worse",
        )
        if not self.build().higher_is_better:
            require(abs(scores[0]) < 1e-4, f"equal pictures have distance {scores[0]}, not 0")

    def test_accumulation_equals_the_whole(self) -> None:
        """Frames given one by one or in pieces score what they score given at once."""
        target = self.pictures()
        prediction = noisy(target, 0.1)
        whole = self.score(prediction, target)
        for pieces in ((1,) * _FRAMES, (2, 3, 1)):
            found = self.score(prediction, target, pieces)
            require(
                math.isclose(found, whole, rel_tol=self.tolerance, abs_tol=1e-7),
                f"given in pieces of {pieces} the value is {found}, at once {whole}",
            )

    def test_clips_do_not_touch(self) -> None:
        """With ``new_clip`` two clips in either order score the same."""
        target = self.pictures()
        prediction = noisy(target, 0.1)
        values = []
        for order in ((slice(0, 3), slice(3, 6)), (slice(3, 6), slice(0, 3))):
            metric = self.build()
            for part in order:
                metric.update(prediction[part], target[part], new_clip=True)
            values.append(metric.compute())
        require(
            math.isclose(*values, rel_tol=self.tolerance, abs_tol=1e-7),
            f"two clips score {values[0]} in one order and {values[1]} in the other: a pair of "
            "frames must not span two clips",
        )

    def test_frame_values_average_to_the_value(self) -> None:
        """``frame_values`` is empty, or has one value a frame whose mean is the value."""
        target = self.pictures()
        prediction = noisy(target, 0.1)
        metric, at = self.build(), 0
        for length in (2, 1, 3):
            part = slice(at, at + length)
            metric.update(prediction[part], target[part], new_clip=at in (0, 3))
            at += length
        values = metric.frame_values()
        if not values:
            return
        require(
            len(values) == _FRAMES,
            f"frame_values has {len(values)} values for {_FRAMES} frames: one each, NaN for a "
            "frame that has none, or [] for a metric of the whole set",
        )
        counted = [v for v in values if not math.isnan(v)]
        mean = math.fsum(counted) / len(counted) if counted else math.nan
        require(
            math.isclose(mean, metric.compute(), rel_tol=self.tolerance, abs_tol=1e-7),
            f"the mean of frame_values is {mean}, the value {metric.compute()}",
        )

    def test_nothing_scores_nan(self) -> None:
        """Without frames, at the start and after ``reset``, the value is NaN."""
        metric = self.build()
        require(math.isnan(metric.compute()), f"a new metric says {metric.compute()}")
        target = self.pictures()
        metric.update(target, target, new_clip=True)
        metric.reset()
        require(math.isnan(metric.compute()), f"after reset it says {metric.compute()}")
        require(not metric.frame_values(), f"after reset frame_values is {metric.frame_values()}")

    def test_reset_forgets(self) -> None:
        """After ``reset`` a metric scores like a new one."""
        target = self.pictures()
        used = self.build()
        used.update(noisy(target, 0.3), target, new_clip=True)
        used.reset()
        prediction = noisy(target, 0.1)
        used.update(prediction, target, new_clip=True)
        fresh = self.score(prediction, target)
        require(
            math.isclose(used.compute(), fresh, rel_tol=self.tolerance, abs_tol=1e-7),
            f"after reset the value is {used.compute()}, of a new metric {fresh}",
        )

    def test_takes_any_size(self) -> None:
        """Pictures of odd sides, as the person's box has them, give a finite value."""
        target = self.pictures()[:, :, :33, :47].contiguous()
        found = self.score(noisy(target, 0.1), target)
        require(math.isfinite(found), f"for pictures 47 x 33 the value is {found}")

    def pictures(self) -> Tensor:
        """[6, 3, 64, 80] smooth pictures in [0, 1] that change from frame to frame."""
        y = torch.linspace(0, 1, _HEIGHT)[:, None]
        x = torch.linspace(0, 1, _WIDTH)[None, :]
        t = torch.arange(_FRAMES).view(-1, 1, 1, 1) * 0.35
        frequency = torch.tensor([5.0, 8.0, 11.0]).view(1, 3, 1, 1)
        wave = torch.sin(frequency * x + t) * torch.cos(frequency * y - 2 * t)
        return (0.5 + 0.4 * wave).to(self.device)


def noisy(pictures: Tensor, sigma: float) -> Tensor:
    """Pictures with normal noise that differs in every frame, kept in [0, 1]."""
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(pictures.shape, generator=draw).to(pictures.device)
    return (pictures + sigma * noise).clamp(0, 1) if sigma else pictures.clone()
