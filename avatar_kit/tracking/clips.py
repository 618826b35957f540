"""Cuts and dissolves: where one clip ends and the next begins. Pure numpy.

The background of a clip stands still, so blocks of the picture that do not move before an instant,
nor after it, keep their colour. Where most of them change it, another clip begins. How long that
takes tells a cut from a dissolve. The frames of a dissolve show two pictures at once: a ghost of
the other clip stands outside the person's mask, and the frames that show one are dropped.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

#: Side of the long edge of the pictures that are compared, in pixels.
LONG_EDGE = 160
#: Block side in those pixels.
BLOCK = 4
#: How far a block's colour may wander and count as still; how far it must go to have changed.
STILL, CHANGED = 1.5, 2.5
#: Part of the still blocks that must change where another clip begins.
MOST = 0.5
#: Lengths of transitions that are looked for, in frames; 1 is a cut.
LENGTHS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 30)
#: Frames on either side of a transition in which ghosts are looked for.
REACH = 8
#: Grey levels off both backgrounds that make a pixel part of a ghost; the least area of a ghost,
#: as a part of the person's.
OFF, GHOST = 8.0, 0.025
#: How many times larger than those around it the step of a cut is.
SPIKE = 2.0


@dataclass(frozen=True)
class Transition:
    """Where one clip goes over into the next.

    Attributes:
        first: First frame that shows both clips.
        last: One past the last such frame; equal to ``first`` for a cut.
    """

    first: int
    last: int

    def __str__(self) -> str:
        if self.first == self.last:
            return f"cut before frame {self.first}"
        return f"dissolve, frames {self.first} to {self.last - 1} dropped"


def thumbnail(image: np.ndarray) -> np.ndarray:
    """A picture [H, W, 3] at ``LONG_EDGE`` pixels by area averaging, float32."""
    step = max(1, max(image.shape[:2]) // LONG_EDGE)
    height, width = image.shape[0] // step * step, image.shape[1] // step * step
    blocks = image[:height, :width].reshape(height // step, step, width // step, step, 3)
    return blocks.mean((1, 3), dtype=np.float32)


def find_transitions(thumbnails: np.ndarray, masks: np.ndarray) -> list[Transition]:
    """Where clips go over into the next.

    Args:
        thumbnails: [T, h, w, 3] of :func:`thumbnail`.
        masks: [T, h, w] masks in [0, 1] at that size.

    Returns:
        Transitions in order, apart from each other.
    """
    found: list[Transition] = []
    for low, high in _windows(_blocks(thumbnails)):
        transition = _dissolve(thumbnails, masks, low, high) or _cut(thumbnails, low, high)
        if transition and (not found or transition.first > found[-1].last):
            found.append(transition)
    return found


def split_clips(
    frames: int, transitions: Iterable[Transition], gaps: Iterable[int] = ()
) -> list[tuple[int, int]]:
    """Half-open ranges of frames between transitions; ``gaps`` are frames that follow a loss."""
    edges = [(g, g) for g in gaps] + [(t.first, t.last) for t in transitions]
    clips, start = [], 0
    for first, last in [*sorted(edges), (frames, frames)]:
        if first > start:
            clips.append((start, first))
        start = max(start, last)
    return clips


def _blocks(thumbnails: np.ndarray) -> np.ndarray:
    """[T, N, 3] mean colours of blocks."""
    frames, height, width, _ = thumbnails.shape
    rows, columns = height // BLOCK, width // BLOCK
    cut = thumbnails[:, : rows * BLOCK, : columns * BLOCK]
    cut = cut.reshape(frames, rows, BLOCK, columns, BLOCK, 3)
    return cut.mean((2, 4)).reshape(frames, rows * columns, 3)


def _windows(blocks: np.ndarray) -> list[tuple[int, int]]:
    """The tightest (last frame before, first frame after) of every transition."""
    frames = len(blocks)
    taken = np.zeros(frames, dtype=bool)
    windows = []
    for length in LENGTHS:
        scores = [_changed(blocks, low, low + length) for low in range(1, frames - length - 1)]
        for k in np.argsort(scores)[::-1]:
            low, high = int(k) + 1, int(k) + 1 + length
            if scores[k] <= MOST:
                break
            if not taken[max(0, low - 2 * REACH) : high + 2 * REACH].any():
                taken[low : high + 1] = True
                windows.append((low, high))
    return sorted(windows)


def _changed(blocks: np.ndarray, low: int, high: int) -> float:
    """Part of the blocks still before ``low`` and after ``high`` that changed in between."""
    before, after = blocks[low - 1 : low + 1], blocks[high : high + 2]
    still = (np.ptp(before, 0).max(-1) < STILL) & (np.ptp(after, 0).max(-1) < STILL)
    if still.mean() < 0.1:
        return 0.0
    change = np.linalg.norm(after.mean(0) - before.mean(0), axis=-1)
    return float((change[still] > CHANGED).mean())


def _cut(thumbnails: np.ndarray, low: int, high: int) -> Transition | None:
    """A cut: one step between two frames that is far larger than those around it."""
    start, end = max(0, low - REACH), min(len(thumbnails), high + REACH + 1)
    steps = np.abs(np.diff(thumbnails[start:end], axis=0)).mean((1, 2, 3))
    largest = int(np.argmax(steps))
    others = np.delete(steps, largest)
    if len(others) == 0 or steps[largest] < SPIKE * max(others.max(), 0.5):
        return None
    return Transition(start + largest + 1, start + largest + 1)


def _dissolve(thumbnails: np.ndarray, masks: np.ndarray, low: int, high: int) -> Transition | None:
    """A dissolve: frames around the window in which something stands outside the mask."""
    start, end = max(0, low - REACH), min(len(thumbnails), high + REACH + 1)
    ghost, offset = ghost_area(thumbnails, masks, low, high)
    inside = slice(start - offset, end - offset)
    calm = np.concatenate([ghost[: inside.start], ghost[inside.stop :]])
    limit = max(1.5 * np.quantile(calm, 0.95) if len(calm) else 0.0, GHOST)
    seen = np.flatnonzero(ghost[inside] > limit)
    if len(seen) < 2:
        return None
    # one frame more on either side, where the ghost is too faint to be seen
    return Transition(max(0, start + int(seen[0]) - 1), start + int(seen[-1]) + 2)


def ghost_area(
    thumbnails: np.ndarray, masks: np.ndarray, low: int, high: int
) -> tuple[np.ndarray, int]:
    """What stands outside the mask and belongs to neither background, over the person's area.

    Args:
        thumbnails: [T, h, w, 3].
        masks: [T, h, w] in [0, 1].
        low: Last frame of the clip before.
        high: First frame of the clip after.

    Returns:
        The area in the frames around the window, and the number of the first of these frames.
    """
    start, end = max(0, low - 5 * REACH), min(len(thumbnails), high + 5 * REACH)
    person = np.stack([_dilate(m > 0.1, 2) for m in masks[start:end]])
    grey = thumbnails[start:end].mean(-1)
    detail = np.stack([_detail(g, ~p) for g, p in zip(grey, person, strict=True)])
    hidden = np.where(person, np.nan, detail)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels that the person always covers
        before = np.nanmedian(hidden[: max(low - REACH - start, 1)], axis=0)
        after = np.nanmedian(hidden[min(high + REACH, end - 1) - start :], axis=0)
    both = np.stack([before, after])
    off = np.maximum(detail - np.fmax(*both), np.fmin(*both) - detail)
    odd = (np.nan_to_num(off) > OFF) & ~person
    return odd.sum((1, 2)) / np.maximum(person.sum((1, 2)), 1), start


def _detail(image: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """What a picture [h, w] has beyond its slow changes of light, at valid pixels only."""
    weight = valid.astype(np.float32)
    return (image - _blur(image * weight) / np.maximum(_blur(weight), 1e-3)) * weight


def _blur(image: np.ndarray, radius: int = 12) -> np.ndarray:
    """Box blur that repeats the border."""
    for axis in (0, 1):
        pad = [(0, 0)] * image.ndim
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(image, pad, mode="edge"), axis=axis, dtype=np.float64)
        size = image.shape[axis]
        high = np.take(total, np.arange(2 * radius + 1, 2 * radius + 1 + size), axis=axis)
        image = (high - np.take(total, np.arange(size), axis=axis)) / (2 * radius + 1)
    return image.astype(np.float32)


def _dilate(inside: np.ndarray, radius: int) -> np.ndarray:
    for _ in range(radius):
        grown = inside.copy()
        grown[1:] |= inside[:-1]
        grown[:-1] |= inside[1:]
        grown[:, 1:] |= inside[:, :-1]
        grown[:, :-1] |= inside[:, 1:]
        inside = grown
    return inside
