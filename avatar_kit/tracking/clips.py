"""Cuts and dissolves: where one clip ends and the next begins. Pure numpy.

The background of a clip stands still, so blocks of the picture that do not move before an instant,
nor after it, keep their colour. Where most of them change it, another clip begins. How long that
takes tells a cut from a dissolve. The frames of a dissolve show two pictures at once: a ghost of
the other clip stands outside the person's mask, and the frames that show one are dropped.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avatar_kit.tracking.packed import Masks

#: Longest side of the pictures that are compared, in pixels.
THUMBNAIL_EDGE_PIXELS = 160
#: Side of a block in those pixels.
BLOCK_PIXELS = 4
#: Grey levels that a block's colour may wander and count as still; that it must go to have changed.
STILL_BLOCK_LEVELS, CHANGED_BLOCK_LEVELS = 1.5, 2.5
#: Part of the still blocks that must change where another clip begins.
MIN_CHANGED_SHARE = 0.5
#: Lengths of transitions that are looked for, in frames; 1 is a cut.
TRANSITION_FRAMES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 30)
#: Frames on either side of a transition in which its cut or its ghosts are looked for.
MARGIN_FRAMES = 8
#: Grey levels off both backgrounds that make a pixel part of a ghost.
GHOST_LEVELS = 8.0
#: Least area of a ghost, as a part of the person's.
MIN_GHOST_AREA = 0.025
#: Likewise of the largest ghost of a dissolve: hair and shadows stand outside a mask, too.
MIN_LARGEST_GHOST = 0.08
#: Frames that are converted at a time.
_PART_FRAMES = 256
#: How many times larger than those around it the step of a cut is.
MIN_CUT_RATIO = 2.0
#: Likewise beside a change of the light.
MIN_UNLIT_CUT_RATIO = 1.3
#: Mean grey levels between two frames below which the second repeats the first.
REPEATED_FRAME_LEVELS = 0.15


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


class Slices:
    """An array of a whole video that is converted where it is looked at.

    Args:
        array: [T, ...] whatever is kept.
        convert: Makes floats of some of it.
        frames: [N] numbers of the frames that are meant; None: all.
    """

    def __init__(
        self,
        array: Masks,
        convert: Callable[[np.ndarray], np.ndarray] = lambda part: part,
        frames: np.ndarray | None = None,
    ):
        self._array, self._convert = array, convert
        self._frames = np.arange(len(array)) if frames is None else frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, frames: slice) -> np.ndarray:
        return self._convert(self._array[self._frames[frames]])

    def at(self, frames: np.ndarray) -> Slices:
        """Some of the frames, [N] rising numbers."""
        return Slices(self._array, self._convert, self._frames[frames])


def thumbnail(image: np.ndarray) -> np.ndarray:
    """[h, w, 3] float32: a picture [H, W, 3] at about ``THUMBNAIL_EDGE_PIXELS``, areas averaged."""
    return area_means(image, max(1, max(image.shape[:2]) // THUMBNAIL_EDGE_PIXELS))


def area_means(image: np.ndarray, step: int) -> np.ndarray:
    """Float32 means of squares of a picture [H, W, ...]; what no square fills is left out."""
    rows, columns = image.shape[0] // step, image.shape[1] // step
    whole = image[: rows * step, : columns * step]
    blocks = whole.reshape(rows, step, columns, step, *image.shape[2:])
    return np.asarray(blocks.mean((1, 3), dtype=np.float32))


def find_transitions(
    thumbnails: np.ndarray | Slices, masks: np.ndarray | Slices
) -> list[Transition]:
    """Where clips go over into the next.

    Args:
        thumbnails: [T, h, w, 3] of :func:`thumbnail`.
        masks: [T, h, w] masks in [0, 1] at that size.

    Returns:
        Transitions in order, apart from each other.
    """
    thumbnails, masks = (x if isinstance(x, Slices) else Slices(x) for x in (thumbnails, masks))
    distinct = distinct_frames(thumbnails)
    number = np.append(distinct, len(thumbnails))
    return [
        Transition(int(number[t.first]), int(number[t.last]))
        for t in _transitions(thumbnails.at(distinct), masks.at(distinct))
    ]


def distinct_frames(thumbnails: Slices) -> np.ndarray:
    """Numbers of the frames that do not repeat the one before: one that stands tells nothing."""
    steps = [np.full(1, np.inf)]
    for t in range(0, len(thumbnails) - 1, _PART_FRAMES):
        part = thumbnails[t : t + _PART_FRAMES + 1]
        steps.append(np.abs(np.diff(part, axis=0)).mean((1, 2, 3)))
    return np.flatnonzero(np.concatenate(steps) > REPEATED_FRAME_LEVELS)


def _transitions(thumbnails: Slices, masks: Slices) -> list[Transition]:
    windows = _windows(_blocks(thumbnails))
    cuts = {window: _cut(thumbnails, *window) for window in windows}
    found: list[Transition] = []
    for (low, high), cut in cuts.items():
        # what lies beyond another cut is another scene
        others = [c.first for w, c in cuts.items() if c is not None and w != (low, high)]
        start = max([c for c in others if c <= low], default=0)
        end = min([c for c in others if c >= high], default=len(thumbnails))
        here = np.arange(start, end)
        transition = _dissolve(thumbnails.at(here), masks.at(here), low - start, high - start)
        if transition is not None:
            transition = Transition(transition.first + start, transition.last + start)
        transition = transition or cut
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


def _blocks(thumbnails: Slices) -> np.ndarray:
    """[T, N, 3] mean colours of blocks."""
    parts = range(0, len(thumbnails), _PART_FRAMES)
    return np.concatenate([_block_means(thumbnails[t : t + _PART_FRAMES]) for t in parts])


def _block_means(thumbnails: np.ndarray) -> np.ndarray:
    frames, height, width, _ = thumbnails.shape
    rows, columns = height // BLOCK_PIXELS, width // BLOCK_PIXELS
    whole = thumbnails[:, : rows * BLOCK_PIXELS, : columns * BLOCK_PIXELS]
    whole = whole.reshape(frames, rows, BLOCK_PIXELS, columns, BLOCK_PIXELS, 3)
    return whole.mean((2, 4)).reshape(frames, rows * columns, 3)


def _windows(blocks: np.ndarray) -> list[tuple[int, int]]:
    """The tightest (last frame before, first frame after) of every transition."""
    frames = len(blocks)
    taken = np.zeros(frames, dtype=bool)
    windows = []
    for length in TRANSITION_FRAMES:
        scores = [_changed(blocks, low, low + length) for low in range(1, frames - length - 1)]
        for k in np.argsort(scores)[::-1]:
            low, high = int(k) + 1, int(k) + 1 + length
            if scores[k] <= MIN_CHANGED_SHARE:
                break
            if not taken[max(0, low - 2 * MARGIN_FRAMES) : high + 2 * MARGIN_FRAMES].any():
                taken[low : high + 1] = True
                windows.append((low, high))
    return sorted(windows)


def _changed(blocks: np.ndarray, low: int, high: int) -> float:
    """Part of the blocks still before ``low`` and after ``high`` that changed in between."""
    before, after = blocks[low - 1 : low + 1], blocks[high : high + 2]
    wander = np.maximum(np.ptp(before, 0).max(-1), np.ptp(after, 0).max(-1))
    still = wander < STILL_BLOCK_LEVELS
    if still.mean() < 0.1:
        return 0.0
    change = np.linalg.norm(after.mean(0) - before.mean(0), axis=-1)
    return float((change[still] > CHANGED_BLOCK_LEVELS).mean())


def _around(low: int, high: int, frames: int) -> tuple[int, int]:
    """The frames of a window and its margins, half-open, inside the video."""
    return max(0, low - MARGIN_FRAMES), min(frames, high + MARGIN_FRAMES + 1)


def _cut(thumbnails: Slices, low: int, high: int) -> Transition | None:
    """A cut: one step between two frames that is far larger than those around it."""
    start, end = _around(low, high, len(thumbnails))
    pictures = thumbnails[start:end]
    steps = np.abs(np.diff(pictures, axis=0)).mean((1, 2, 3))
    largest = int(np.argmax(steps))
    if not _stands_out(steps, largest, MIN_CUT_RATIO):
        return None
    beside_light = np.array([_step(a, b) for a, b in pairwise(pictures)])
    if not _stands_out(beside_light, largest, MIN_UNLIT_CUT_RATIO):
        return None  # an exposure that jumps is no cut
    return Transition(start + largest + 1, start + largest + 1)


def _stands_out(steps: np.ndarray, which: int, ratio: float) -> bool:
    """Whether one of the steps is so many times larger than all others."""
    others = np.delete(steps, which)
    return len(others) > 0 and bool(steps[which] >= ratio * max(others.max(), 0.5))


def _step(a: np.ndarray, b: np.ndarray) -> float:
    """Mean grey levels between pictures [h, w, 3], beside a gain and an offset of each colour."""
    x, y = a.reshape(-1, 3), b.reshape(-1, 3)
    middle = x.mean(0), y.mean(0)
    spread = ((x - middle[0]) ** 2).sum(0)
    gain = ((x - middle[0]) * (y - middle[1])).sum(0) / np.maximum(spread, 1e-6)
    return float(np.abs(y - middle[1] - gain * (x - middle[0])).mean())


def _dissolve(thumbnails: Slices, masks: Slices, low: int, high: int) -> Transition | None:
    """A dissolve: frames around the window in which something stands outside the mask."""
    start, end = _around(low, high, len(thumbnails))
    ghost, offset = ghost_area(thumbnails, masks, low, high)
    inside = slice(start - offset, end - offset)
    calm = np.concatenate([ghost[: inside.start], ghost[inside.stop :]])
    limit = max(1.5 * np.quantile(calm, 0.95) if len(calm) else 0.0, MIN_GHOST_AREA)
    seen = np.flatnonzero(ghost[inside] > limit)
    if len(seen) < 2 or ghost[inside].max() < MIN_LARGEST_GHOST:
        return None
    # one frame more on either side, where the ghost is too faint to be seen
    return Transition(max(0, start + int(seen[0]) - 1), start + int(seen[-1]) + 2)


def ghost_area(thumbnails: Slices, masks: Slices, low: int, high: int) -> tuple[np.ndarray, int]:
    """What stands outside the mask and belongs to neither background, over the person's area.

    Args:
        thumbnails: [T, h, w, 3].
        masks: [T, h, w] in [0, 1].
        low: Last frame of the clip before.
        high: First frame of the clip after.

    Returns:
        The area in the frames around the window, and the number of the first of these frames.
    """
    start, end = max(0, low - 5 * MARGIN_FRAMES), min(len(thumbnails), high + 5 * MARGIN_FRAMES)
    person = np.stack([_dilate(m > 0.1, 2) for m in masks[start:end]])
    grey = thumbnails[start:end].mean(-1)
    detail = np.stack([_detail(g, ~p) for g, p in zip(grey, person, strict=True)])
    hidden = np.where(person, np.nan, detail)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels that the person always covers
        before = np.nanmedian(hidden[: max(low - MARGIN_FRAMES - start, 1)], axis=0)
        after = np.nanmedian(hidden[min(high + MARGIN_FRAMES, end - 1) - start :], axis=0)
    both = np.stack([before, after])
    off = np.maximum(detail - np.fmax(*both), np.fmin(*both) - detail)
    odd = (np.nan_to_num(off) > GHOST_LEVELS) & ~person
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
