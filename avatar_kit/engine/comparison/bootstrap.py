"""Intervals of means over frames and seeds, and whether a difference is more than chance.

Frames that follow one another resemble one another, so whole stretches of them are drawn (the
moving-block bootstrap, Kunsch 1989, on the split closed to a ring). Every contender is drawn with
the same frames: what is hard for all of them cancels in a difference. Seeds are drawn for each
contender by itself. Three seeds make a rough interval, one seed none at all: it then speaks of
frames alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

#: Drawn samples.
REPLICATES = 2000

#: Length of a stretch of frames: half a second at 25 frames a second.
BLOCK = 12

#: Share of the samples that an interval holds.
COVERAGE = 0.95


def draw_frames(frames: int, rng: np.random.Generator, replicates: int = REPLICATES) -> np.ndarray:
    """[replicates, frames] positions of frames, in stretches of :data:`BLOCK`."""
    block = min(BLOCK, max(1, frames // 4))
    starts = rng.integers(frames, size=(replicates, -(-frames // block)))
    drawn = (starts[..., None] + np.arange(block)) % frames
    return drawn.reshape(replicates, -1)[:, :frames]


def sample_means(
    captures: Sequence[Mapping[str, np.ndarray]], seed: int = 0
) -> dict[str, np.ndarray]:
    """Means of every contender over seeds, frames and captures, once for each sample.

    Args:
        captures: For each capture: contender -> [seeds, frames] values; NaN where a frame has no
            value. The contenders of a capture have equal numbers of frames.
        seed: Seed of what is drawn.

    Returns:
        Contender -> [:data:`REPLICATES`] means; contenders that some capture lacks are left out.
    """
    rng = np.random.default_rng(seed)
    names = [n for n in captures[0] if all(n in capture for capture in captures)]
    if not names:
        return {}
    total = {name: np.zeros(REPLICATES) for name in names}
    for capture in captures:
        frames = draw_frames(capture[names[0]].shape[1], rng)
        for name in names:
            values = capture[name]
            means = np.stack([_means(row, frames) for row in values], axis=1)
            seeds = rng.integers(len(values), size=means.shape)
            total[name] += np.take_along_axis(means, seeds, axis=1).mean(1) / len(captures)
    return total


def _means(values: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """[replicates] means over the drawn frames that have a value; over all where none has."""
    known = ~np.isnan(values)
    count = known[frames].sum(1)
    total = np.where(known, values, 0)[frames].sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), values[known].mean())


def interval(samples: np.ndarray) -> tuple[float, float]:
    """Percentile interval that holds :data:`COVERAGE` of the samples."""
    edge = 50 * (1 - COVERAGE)
    low, high = np.percentile(samples, [edge, 100 - edge])
    return float(low), float(high)


def rank(
    means: Mapping[str, float], samples: Mapping[str, np.ndarray], higher_is_better: bool
) -> dict[str, int]:
    """Ranks from 1; who ties with the best of a rank shares it.

    Args:
        means: Contender -> its mean.
        samples: Contender -> its drawn means; two tie where the interval of their difference
            holds zero.
        higher_is_better: Direction.
    """
    leader, *others = sorted(means, key=lambda name: means[name], reverse=higher_is_better)
    ranks = {leader: 1}
    for place, name in enumerate(others, start=2):
        low, high = interval(samples[name] - samples[leader])
        if low <= 0 <= high:
            ranks[name] = ranks[leader]
        else:
            leader, ranks[name] = name, place
    return ranks
