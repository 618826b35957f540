"""Whether a video shows one person from its first frame to its last.

A tracker follows whoever is largest: after a cut, or when somebody walks in, that may be another
person. Who wears the same is taken for the same.
"""

from __future__ import annotations

import numpy as np

from avatar_kit.tracking.initial import index
from avatar_kit.tracking.tracks import Tracks

#: Lines between key points that clothes and legs are looked at along: the middle of the body, and
#: both legs.
_LINES = (("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
#: Places along a line.
_PLACES = (0.2, 0.35, 0.5, 0.65, 0.8)
#: A mask above this is sure of the person.
_SURE = 200
#: Grey levels between the colours of two people; brightness counts half.
OTHER_PERSON_LEVELS = 38.0
#: A step of the hips over the length of the torso, and a log of growth, that no person does.
_JUMP_TORSOS, _JUMP_GROWTH = 0.5, 0.3
#: Frames on either side of an instant that are compared.
_WINDOW_FRAMES = 8
#: Looks at somebody in a stretch, at most, and frames that one takes.
_LOOKS, _LOOK_FRAMES = 30, 10


def appearance(tracks: Tracks, thumbnails: np.ndarray, width: int) -> np.ndarray:
    """[T, L, 3] colours of the person along some lines of the body; NaN where they are not seen.

    Args:
        tracks: What was seen in T frames.
        thumbnails: [T, h, w, 3] small pictures of the frames.
        width: Of the video in pixels.
    """
    frames, height, columns = thumbnails.shape[:3]
    found = np.full((frames, len(_LINES), 3), np.nan)
    every = np.arange(frames)[:, None]
    for line, (start, end) in enumerate(_LINES):
        both = [[index(f"{side}_{part}") for side in ("left", "right")] for part in (start, end)]
        a, b = (tracks.body[:, part] for part in both)  # [T, 2, 2]
        if line == 0:
            a, b = (part.mean(1, keepdims=True) for part in (a, b))
        places = np.concatenate([(1 - part) * a + part * b for part in _PLACES], 1)
        sure = (tracks.body_confidence[:, [*both[0], *both[1]]].min(1) > 0.5)[:, None]
        small = (places * (tracks.masks.shape[2] / width)).astype(int)
        u = small[..., 0].clip(0, tracks.masks.shape[2] - 1)
        v = small[..., 1].clip(0, tracks.masks.shape[1] - 1)
        shown = np.stack([mask[v[t], u[t]] for t, mask in enumerate(tracks.masks)])
        inside = (small >= 0).all(-1) & sure & (shown > _SURE)
        at = (places * (columns / width)).astype(int)
        x, y = at[..., 0].clip(0, columns - 1), at[..., 1].clip(0, height - 1)
        colours = np.where(inside[..., None], thumbnails[every, y, x].astype(float), np.nan)
        some = inside.any(1)
        found[some, line] = np.nanmedian(colours[some], axis=1)
    return found


def changes(tracks: Tracks, looks: np.ndarray, clips: list[tuple[int, int]]) -> list[int]:
    """Frames inside clips from which on somebody else is followed: elsewhere, dressed otherwise.

    Args:
        tracks: What was seen in T frames.
        looks: [T, L, 3] of :func:`appearance`.
        clips: Half-open ranges of frames.
    """
    hips = tracks.body[:, [index("left_hip"), index("right_hip")]].mean(1)
    shoulders = tracks.body[:, [index("left_shoulder"), index("right_shoulder")]].mean(1)
    torso = np.maximum(np.linalg.norm(shoulders - hips, axis=-1), 1.0)
    found: list[int] = []
    for a, b in clips:
        part = torso[a:b]
        step = np.linalg.norm(np.diff(hips[a:b], axis=0), axis=-1) / np.minimum(part[1:], part[:-1])
        grown = np.abs(np.log(part[1:] / part[:-1]))
        for k in np.flatnonzero((step > _JUMP_TORSOS) | (grown > _JUMP_GROWTH)):
            t = a + int(k) + 1
            before, after = looks[max(a, t - _WINDOW_FRAMES) : t], looks[t : t + _WINDOW_FRAMES]
            if difference(_usual(before), _usual(after[: b - t])) > OTHER_PERSON_LEVELS:
                found.append(t)
    return found


def people(looks: np.ndarray, ranges: list[tuple[int, int]]) -> list[int]:
    """Who is in each range of frames: numbers from 0, in the order in which they come.

    Somebody is known by every look there was: who is seen from behind in one clip may be seen from
    the front in another, and turn around in a third.
    """
    seen = [
        [
            _usual(looks[t : min(t + _LOOK_FRAMES, b)])
            for t in range(a, b, max(_LOOK_FRAMES, -(-(b - a) // _LOOKS)))
        ]
        for a, b in ranges
    ]
    number = list(range(len(ranges)))
    for i in range(len(ranges)):
        for j in range(i):
            nearest = min(difference(x, y) for x in seen[i] for y in seen[j])
            if nearest < OTHER_PERSON_LEVELS:
                old, new = number[i], number[j]
                number = [new if n == old else n for n in number]
    order = list(dict.fromkeys(number))
    return [order.index(n) for n in number]


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean grey levels between the colours of the lines that two looks [L, 3] share; 0 for none."""
    both = np.isfinite(a).all(-1) & np.isfinite(b).all(-1)
    if not both.any():
        return 0.0
    off = a[both] - b[both]
    light = off.mean(-1, keepdims=True)
    return float(np.sqrt(((off - light) ** 2).sum(-1) + 0.75 * light[..., 0] ** 2).mean())


def _usual(looks: np.ndarray) -> np.ndarray:
    """[L, 3] median of looks [T, L, 3]."""
    found = np.full(looks.shape[1:], np.nan)
    known = np.isfinite(looks).all(-1)
    for line in np.flatnonzero(known.any(0)):
        found[line] = np.median(looks[known[:, line], line], axis=0)
    return found
