"""Fitting a body to a long video: window by window, so that memory does not grow with the video.

The shape is found first, from short stretches spread over the video; then it is known to every
window. Windows overlap, and one motion fades into the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera
from avatar_kit.scene.motion import concatenate, mixed
from avatar_kit.tracking.fit import Fit, Fitter, Report, fit_together
from avatar_kit.tracking.given_motion import GivenMotion
from avatar_kit.tracking.tracks import Tracks

#: Frames that are fitted together, and those that two windows share.
WINDOW_FRAMES, SHARED_FRAMES = 600, 40
#: Frames of the stretches that the shape is found from, and how many there are.
_STRETCH_FRAMES, _STRETCHES = 50, 12

Clips = list[tuple[int, int]]


@dataclass(frozen=True)
class Filmed:
    """T frames of a person as one camera filmed them.

    Attributes:
        camera: One static camera.
        tracks: What the tracker saw.
        clips: Half-open ranges of frames that follow each other; they tile the T frames.
        fps: Frames per second.
        given: Poses of the T frames to start from; None: none are known.
    """

    camera: Camera
    tracks: Tracks
    clips: Clips
    fps: float
    given: GivenMotion | None = None


def fit_videos(
    body: Body, videos: Sequence[Filmed], shape: dict[str, float], report: Report
) -> list[Fit]:
    """The fits of several videos of one person, with one shape; see :func:`fit_windows`.

    Args:
        body: Any body.
        videos: What was filmed.
        shape: Shape values that are given and not fitted.
        report: Told of every iteration: how many are done, and how many there are.
    """
    if len(videos) == 1:
        (v,) = videos
        return [fit_windows(body, v.camera, v.tracks, v.clips, v.fps, shape, report, v.given)]
    if sum(len(v.tracks) for v in videos) <= WINDOW_FRAMES:
        whole = [Fitter(body, v.camera, v.tracks, v.clips, v.fps, shape, v.given) for v in videos]
        return fit_together(whole, report)
    jobs = 1 + len(videos)

    def told(job: int) -> Report:
        return lambda done, total: report(job * total + done, jobs * total)

    fitters = []
    for v in videos:
        chosen, stretches = spread_stretches(v.clips, max(2, _STRETCHES // len(videos)))
        some = None if v.given is None else v.given[chosen]
        tracks = v.tracks.at(chosen)
        fitters.append(Fitter(body, v.camera, tracks, stretches, v.fps, shape, some))
    first, *_ = fit_together(fitters, told(0))
    known = dict(zip(body.shape_names, first.shape.tolist(), strict=True))
    return [
        fit_windows(body, v.camera, v.tracks, v.clips, v.fps, known, told(k + 1), v.given)
        for k, v in enumerate(videos)
    ]


def fit_windows(
    body: Body,
    camera: Camera,
    tracks: Tracks,
    clips: Clips,
    fps: float,
    shape: dict[str, float],
    report: Report,
    given: GivenMotion | None = None,
) -> Fit:
    """The fit of all frames; that of :class:`Fitter` where one window holds them.

    Args:
        body: Any body.
        camera: One static camera.
        tracks: What the tracker saw in the T frames.
        clips: Half-open ranges of frames that follow each other; they tile the T frames.
        fps: Frames per second.
        shape: Shape values that are given and not fitted.
        report: Told of every iteration: how many are done, and how many there are.
        given: Poses of the T frames to start from; None: none are known.
    """
    if len(tracks) <= WINDOW_FRAMES:
        return Fitter(body, camera, tracks, clips, fps, shape, given).run(report)
    parts = windows(clips)
    chosen, stretches = spread_stretches(clips)
    jobs = 1 + len(parts)

    def told(job: int) -> Report:
        return lambda done, total: report(job * total + done, jobs * total)

    some = None if given is None else given[chosen]
    first = Fitter(body, camera, tracks.at(chosen), stretches, fps, shape, some).run(told(0))
    known = dict(zip(body.shape_names, first.shape.tolist(), strict=True))
    joined: Fit | None = None
    for k, (a, b) in enumerate(parts):
        some = None if given is None else given[a:b]
        fitter = Fitter(body, camera, tracks.at(slice(a, b)), [(0, b - a)], fps, known, some)
        found = fitter.run(told(k + 1))
        shared = 0 if joined is None else len(joined.yaw) - a
        joined = found if joined is None else _joined(joined, found, shared)
    assert joined is not None
    return replace(joined, shape=first.shape, height=first.height)


def windows(clips: Clips) -> Clips:
    """Half-open ranges of at most ``WINDOW_FRAMES`` frames; those of a clip share some."""
    found = []
    for a, b in clips:
        count = max(1, -(-(b - a - SHARED_FRAMES) // (WINDOW_FRAMES - SHARED_FRAMES)))
        edges = np.linspace(a, b - SHARED_FRAMES, count + 1).astype(int) if count > 1 else [a]
        starts = [int(e) for e in edges[:count]]
        ends = [int(e) + SHARED_FRAMES for e in edges[1:count]] + [b]
        found += list(zip(starts, ends, strict=True))
    return found


def spread_stretches(clips: Clips, stretches: int = _STRETCHES) -> tuple[np.ndarray, Clips]:
    """Frames [N] of some stretches spread over the clips, and the ranges of them in 0..N."""
    longest = [(a, b) for a, b in clips if b - a >= _STRETCH_FRAMES] or clips
    total = sum(b - a for a, b in longest)
    frames: list[int] = []
    ranges: Clips = []
    for a, b in longest:
        count = max(1, min(round(stretches * (b - a) / total), (b - a) // _STRETCH_FRAMES))
        for start in np.linspace(a, max(a, b - _STRETCH_FRAMES), count).astype(int):
            stretch = np.arange(start, min(start + _STRETCH_FRAMES, b))
            ranges.append((len(frames), len(frames) + len(stretch)))
            frames += stretch.tolist()
    return np.array(frames), ranges


def _joined(before: Fit, after: Fit, shared: int) -> Fit:
    """Two fits in time order that share some frames, in which the first fades into the second."""
    turns = torch.round((before.yaw[-1] - after.yaw[max(shared - 1, 0)]) / (2 * torch.pi))
    yaw = after.yaw + (2 * torch.pi * turns if shared else 0.0)
    if not shared:
        return replace(
            after,
            motion=concatenate([before.motion, after.motion]),
            keypoints=torch.cat([before.keypoints, after.keypoints]),
            yaw=torch.cat([before.yaw, yaw]),
        )
    end = len(before.yaw) - shared
    weight = torch.arange(1, shared + 1) / (shared + 1)
    between = mixed(before.motion[end:], after.motion[:shared], weight)

    def values(a: Tensor, b: Tensor) -> Tensor:
        w = weight.view(-1, *[1] * (a.dim() - 1))
        return torch.cat([a[:end], (1 - w) * a[end:] + w * b[:shared], b[shared:]])

    return replace(
        after,
        motion=concatenate([before.motion[:end], between, after.motion[shared:]]),
        keypoints=values(before.keypoints, after.keypoints),
        yaw=values(before.yaw, yaw),
    )
