"""Two baselines every method must beat: the mean and the nearest training frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import Tensor

from avatar_kit.capture import CaptureView, Sample, Split
from avatar_kit.config import MethodConfig
from avatar_kit.engine.frames import PosedFrames, load_picture
from avatar_kit.engine.held_out import HeldOutSplit
from avatar_kit.engine.ranks import Ranks
from avatar_kit.engine.scoring import Scores, regions
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir, read_kept

#: Split -> baseline -> its scores.
_KEPT = TypeAdapter(dict[str, dict[str, dict[str, Any]]])


class Baselines:
    """The mean training frame, and the training frame whose pose is nearest.

    Both are seen by the camera that is asked for; where it took no part in the training, by the
    training camera that looks from nearest to it.

    What they score depends on the capture and the protocol alone, so it is kept in the cache.
    """

    def __init__(
        self,
        view: CaptureView,
        posed: PosedFrames,
        config: MethodConfig,
        about: dict[str, Any],
        ranks: Ranks,
    ):
        self.view, self.posed, self.config, self._ranks = view, posed, config, ranks
        self.train = view.capture.splits["train"]
        measured = {k: v for k, v in about.items() if k != "training_poses_refined"}
        key = json.dumps([measured, posed.body.asset.sha256], sort_keys=True)
        digest = hashlib.sha256(key.encode()).hexdigest()[:24]
        self._file = cache_dir("baselines") / f"{digest}.json"
        self._known = ranks.told(read_kept(self._file, _KEPT) or {})
        self._split: str | None = None

    def update(self, split: HeldOutSplit, k: int, truths: dict[str, Tensor]) -> None:
        """Score both baselines on position ``k`` of a split, unless they are known."""
        if split.name in self._known:
            return
        device = self.posed.device
        if self._split != split.name:
            self._split = split.name
            known, wanted = self._joints_of(split)
            self._cameras = nearest_cameras(self.view, split.samples)
            self._nearest = nearest_frames(self.train, known, wanted, self._cameras)
            self._means = {
                camera: mean_picture(self.view, self.train.frames_of(camera), camera).to(device)
                for camera in set(self._cameras)
            }
            config = self.config.evaluation
            self._scores = {n: Scores(config, self._ranks) for n in ("mean_frame", "nearest_frame")}
        camera = self._cameras[k]
        nearest = load_picture(self.view, Sample(self._nearest[k], camera), device)
        for name, picture in (("mean_frame", self._means[camera]), ("nearest_frame", nearest)):
            seen = regions(picture, split.boxes[k])
            self._scores[name].update(seen, truths, split.new_clip[k])

    def distance(self, split: HeldOutSplit) -> float:
        """Mean distance of a split's joints from those of the nearest training pose, in metres.

        Where it is small, the nearest frame is a good picture, and figures say little.
        """
        return float(nearest_distances(*self._joints_of(split)).mean())

    def _joints_of(self, split: HeldOutSplit) -> tuple[Tensor, Tensor]:
        """[N, J, 3] joints of the training frames and [M, J, 3] of a split's samples, in metres."""
        known = _joints(self.posed, list(self.train.frames))
        return known, _joints(self.posed, [sample.frame for sample in split.samples])

    def compute(self, split: HeldOutSplit) -> dict[str, Any]:
        """Scores of both baselines on a whole split."""
        if split.name not in self._known:
            self._known[split.name] = {n: s.compute() for n, s in self._scores.items()}
            if self._ranks.first:
                with atomic_path(self._file) as path:
                    path.write_text(json.dumps(self._known))
        return self._known[split.name]


def mean_picture(view: CaptureView, frames: Sequence[int], camera: str) -> Tensor:
    """[1, 3, H, W] mean of some frames of a camera, in [0, 1]."""
    total = np.zeros((3, view.height, view.width), dtype=np.float64)
    for frame in frames:
        total += view.image(Sample(frame, camera))
    return torch.from_numpy(total / len(frames) / 255).float()[None]


def nearest_frames(
    train: Split, known: Tensor, wanted: Tensor, cameras: Sequence[str]
) -> list[int]:
    """For each wanted pose, the training frame whose joints are nearest on average.

    Args:
        train: The training split of N frames.
        known: [N, J, 3] their world joints in metres.
        wanted: [M, J, 3] likewise.
        cameras: M names of cameras, which must have recorded the frame.
    """
    place = {frame: i for i, frame in enumerate(train.frames)}
    positions = {c: [place[frame] for frame in train.frames_of(c)] for c in set(cameras)}
    found = []
    for pose, camera in zip(wanted, cameras, strict=True):
        at = positions[camera]
        distance = (known[at] - pose).norm(dim=-1).mean(-1)
        found.append(train.frames[at[int(distance.argmin())]])
    return found


def nearest_distances(known: Tensor, wanted: Tensor) -> Tensor:
    """[M] mean distance of the joints of wanted poses [M, J, 3] from the nearest of [N, J, 3]."""
    return torch.stack([(known - pose).norm(dim=-1).mean(-1).min() for pose in wanted])


def nearest_cameras(view: CaptureView, samples: list[Sample]) -> list[str]:
    """For each sample its own camera if that took part in the training, else the nearest to it.

    Cameras are compared by where they stand, in metres, at the frame in question.
    """
    known, found = view.capture.splits["train"].cameras, []
    for sample in samples:
        if sample.camera in known:
            found.append(sample.camera)
            continue
        here = view.camera(sample).position
        away = {
            name: float((view.camera(Sample(sample.frame, name)).position - here).norm())
            for name in known
        }
        found.append(min(away, key=lambda name: away[name]))
    return found


def _joints(posed: PosedFrames, frames: list[int]) -> Tensor:
    chunks = [posed.bodies(frames[i : i + 32]).joints for i in range(0, len(frames), 32)]
    return torch.cat(chunks).cpu()
