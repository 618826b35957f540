"""Measure an avatar on the named splits, beside two baselines every method must beat."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avatar_kit.capture import CaptureView, Sample
from avatar_kit.config import EvaluationConfig, MethodConfig
from avatar_kit.declarations import ComponentConfig
from avatar_kit.engine.assemble import load_class
from avatar_kit.engine.device import autocast
from avatar_kit.engine.frames import PosedFrames, load_picture
from avatar_kit.errors import MetricUnavailable
from avatar_kit.interfaces import Avatar, Metric
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir

#: Bumped when the way numbers are made changes, so that old and new are not mixed.
PROTOCOL_VERSION = 2

REGIONS = ("full", "person")


@dataclass(frozen=True)
class HeldOutSplit:
    """Samples of a split that are evaluated, and where the person is in them.

    Attributes:
        name: Name of the split.
        samples: Frames in time order, of one camera after the other.
        new_clip: Whether the frame does not follow the one before it.
        boxes: [n, 4] left, top, right, bottom in pixels; all of one size.
    """

    name: str
    samples: list[Sample]
    new_clip: list[bool]
    boxes: np.ndarray


def evaluate(
    avatar: Avatar,
    view: CaptureView,
    config: MethodConfig,
    observe: Callable[[HeldOutSplit, int, Tensor], None] = lambda split, k, picture: None,
) -> dict[str, Any]:
    """Evaluate on every split but ``train``.

    Memory does not grow with the number of frames: pictures stream through the metrics.

    Args:
        avatar: The avatar; evaluated in evaluation mode.
        view: The capture it was trained on.
        config: Its config.
        observe: Called with the split, the position in it and the rendered [3, H, W] picture.

    Returns:
        ``{"protocol": ..., "splits": {name: {"n", metric: value, "person": {...},
        "baselines": {"mean_frame": ..., "nearest_frame": ...}}}, "frames": {name: {region:
        {metric: [n]}}}, "milliseconds": median time to pose and render a frame}``.
    """
    posed = PosedFrames(avatar.body, view.capture.motion, avatar.shape)
    about = protocol(view, config)
    baselines = Baselines(view, posed, config, about)
    was_training = avatar.training
    avatar.eval()
    splits, frames = {}, {}
    seconds: list[float] = []
    for split in held_out_splits(view, config.evaluation):
        scores = _Scores(config.evaluation)
        rendered = timed(render_split(avatar, view, posed, split, config.precision), seconds)
        for k, picture in enumerate(rendered):
            truth = load_picture(view, split.samples[k], posed.device)
            truths = _regions(truth, split.boxes[k])
            scores.update(_regions(picture, split.boxes[k]), truths, split.new_clip[k])
            baselines.update(split, k, truths)
            observe(split, k, picture[0])
        splits[split.name] = {
            "n": len(split.samples),
            **scores.compute(),
            "baselines": baselines.compute(split),
        }
        frames[split.name] = scores.frames()
    avatar.train(was_training)
    pace = 1000 * statistics.median(seconds) if seconds else None
    return {"protocol": about, "splits": splits, "frames": frames, "milliseconds": pace}


def timed(pictures: Iterator[Tensor], seconds: list[float]) -> Iterator[Tensor]:
    """The pictures as they come; what each took is added to ``seconds``."""
    while True:
        started = time.perf_counter()
        picture = next(pictures, None)
        if picture is None:
            return
        if picture.is_cuda:
            torch.cuda.synchronize(picture.device)
        seconds.append(time.perf_counter() - started)
        yield picture


class Baselines:
    """The mean training frame, and the training frame whose pose is nearest.

    Both are seen by the camera that is asked for; where it took no part in the training, by the
    training camera that looks from nearest to it.

    What they score depends on the capture and the protocol alone, so it is kept in the cache.
    """

    def __init__(
        self, view: CaptureView, posed: PosedFrames, config: MethodConfig, about: dict[str, Any]
    ):
        self.view, self.posed, self.config = view, posed, config
        self.train = view.capture.splits["train"]
        measured = {k: v for k, v in about.items() if k != "training_poses_refined"}
        key = json.dumps([measured, posed.body.asset.sha256], sort_keys=True)
        digest = hashlib.sha256(key.encode()).hexdigest()[:24]
        self._file = cache_dir("baselines") / f"{digest}.json"
        self._known = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._split: str | None = None

    def update(self, split: HeldOutSplit, k: int, truths: dict[str, Tensor]) -> None:
        """Score both baselines on position ``k`` of a split, unless they are known."""
        if split.name in self._known:
            return
        device = self.posed.device
        if self._split != split.name:
            self._split = split.name
            frames = list(self.train.frames)
            known = _joints(self.posed, frames)
            wanted = _joints(self.posed, [sample.frame for sample in split.samples])
            self._nearest = nearest_frames(frames, known, wanted)
            self._cameras = nearest_cameras(self.view, split.samples)
            self._means = {
                camera: mean_picture(self.view, frames, camera).to(device)
                for camera in set(self._cameras)
            }
            config = self.config.evaluation
            self._scores = {n: _Scores(config) for n in ("mean_frame", "nearest_frame")}
        camera = self._cameras[k]
        nearest = load_picture(self.view, Sample(self._nearest[k], camera), device)
        for name, picture in (("mean_frame", self._means[camera]), ("nearest_frame", nearest)):
            regions = _regions(picture, split.boxes[k])
            self._scores[name].update(regions, truths, split.new_clip[k])

    def compute(self, split: HeldOutSplit) -> dict[str, Any]:
        """Scores of both baselines on a whole split."""
        if split.name not in self._known:
            self._known[split.name] = {n: s.compute() for n, s in self._scores.items()}
            with atomic_path(self._file) as path:
                path.write_text(json.dumps(self._known))
        return self._known[split.name]


def protocol(view: CaptureView, config: MethodConfig) -> dict[str, Any]:
    """Everything a reader needs to compare the numbers with others."""
    metrics = {c.type: _about(c) for c in config.evaluation.metrics}
    return {
        "version": PROTOCOL_VERSION,
        "capture": view.capture.name,
        "capture_key": view.capture.key(),
        "height": view.height,
        "size": [view.width, view.height],
        "crop": {name: list(vars(crop).values()) for name, crop in view.crops.items()},
        "regions": {
            "full": "the whole trained picture",
            "person": f"a box of one size per split around the mask, margin "
            f"{config.evaluation.crop_margin:g} of its side",
        },
        "background": "as recorded",
        "test_poses_refitted": False,
        "training_poses_refined": config.refine is not None,
        "max_frames": config.evaluation.max_frames,
        "metrics": metrics,
    }


def held_out_splits(view: CaptureView, config: EvaluationConfig) -> list[HeldOutSplit]:
    """The splits to evaluate, cut to the first ``max_frames`` frames of each camera."""
    starts = {start for start, _ in view.capture.clips}
    found = []
    for name, split in view.capture.splits.items():
        frames = split.frames[: config.max_frames]
        if name == "train" or not frames:
            continue
        follows = [
            k > 0 and frames[k - 1] == f - 1 and f not in starts for k, f in enumerate(frames)
        ]
        samples = [Sample(frame, camera) for camera in split.cameras for frame in frames]
        boxes = person_boxes([view.mask(sample) for sample in samples], config.crop_margin)
        new_clip = [not f for f in follows] * len(split.cameras)
        found.append(HeldOutSplit(name, samples, new_clip, boxes))
    return found


def person_boxes(masks: list[np.ndarray], margin: float) -> np.ndarray:
    """[n, 4] boxes of one size around the person, inside the picture.

    Args:
        masks: [H, W] uint8 masks.
        margin: Added on each side, as a share of the box's larger side.
    """
    height, width = masks[0].shape
    tight = []
    for mask in masks:
        rows, columns = np.nonzero(mask.max(1) > 127)[0], np.nonzero(mask.max(0) > 127)[0]
        if len(rows) == 0:
            tight.append((0, 0, width, height))
        else:
            tight.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    box = np.asarray(tight, dtype=np.float64)
    extent = (box[:, 2:] - box[:, :2]).max(0)
    extent = np.ceil(extent + 2 * margin * extent.max()).astype(int)
    extent = np.minimum(np.maximum(extent, 32), (width, height))
    corner = np.rint((box[:, :2] + box[:, 2:]) / 2 - extent / 2).astype(int)
    corner = np.clip(corner, 0, np.array([width, height]) - extent)
    return np.concatenate([corner, corner + extent], axis=1)


@torch.no_grad()
def render_split(
    avatar: Avatar, view: CaptureView, posed: PosedFrames, split: HeldOutSplit, precision: str
) -> Iterator[Tensor]:
    """Rendered frames of a split, [1, 3, H, W] in [0, 1]; each clip is a stream of its own."""
    state = None
    for k, sample in enumerate(split.samples):
        new_clip = split.new_clip[k]
        before = sample.frame if new_clip else split.samples[k - 1].frame
        camera = view.camera(sample).to(posed.device)
        context = posed.context([sample.frame], [before], camera, [-1])
        with autocast(posed.device, precision):
            output, state = avatar.step(context, None if new_clip else state)
        yield output.rgb.float().clamp(0, 1)


def mean_picture(view: CaptureView, frames: list[int], camera: str) -> Tensor:
    """[1, 3, H, W] mean of some frames of a camera, in [0, 1]."""
    total = np.zeros((3, view.height, view.width), dtype=np.float64)
    for frame in frames:
        total += view.image(Sample(frame, camera))
    return torch.from_numpy(total / len(frames) / 255).float()[None]


def nearest_frames(frames: list[int], known: Tensor, wanted: Tensor) -> list[int]:
    """For each wanted pose, the frame whose joints are nearest on average.

    Args:
        frames: Frame numbers of the known poses.
        known: [N, J, 3] world joints in metres.
        wanted: [M, J, 3] likewise.
    """
    distance = torch.stack([(known - pose).norm(dim=-1).mean(-1) for pose in wanted])
    return [frames[i] for i in distance.argmin(1).tolist()]


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


def _regions(picture: Tensor, box: np.ndarray) -> dict[str, Tensor]:
    left, top, right, bottom = (int(v) for v in box)
    return {"full": picture, "person": picture[..., top:bottom, left:right].contiguous()}


class _Scores:
    """Every metric that this machine has on every region, for one candidate."""

    def __init__(self, config: EvaluationConfig):
        self.names = [c.type for c in config.metrics]
        self.metrics: dict[tuple[str, str], Metric] = {
            (region, c.type): metric
            for region in REGIONS
            for c in config.metrics
            if (metric := _metric(c)) is not None
        }

    def update(
        self, pictures: dict[str, Tensor], truths: dict[str, Tensor], new_clip: bool
    ) -> None:
        for (region, _), metric in self.metrics.items():
            metric.update(pictures[region], truths[region], new_clip=new_clip)

    def compute(self) -> dict[str, Any]:
        values: dict[str, Any] = {name: None for name in self.names}
        values["person"] = dict(values)
        for (region, name), metric in self.metrics.items():
            place = values if region == "full" else values["person"]
            place[name] = _number(metric.compute())
        return values

    def frames(self) -> dict[str, dict[str, list[float | None]]]:
        """Region -> metric -> [n] values, for metrics that are a mean over frames."""
        found: dict[str, dict[str, list[float | None]]] = {region: {} for region in REGIONS}
        for (region, name), metric in self.metrics.items():
            if values := metric.frame_values():
                found[region][name] = [_number(v) for v in values]
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


def _about(config: ComponentConfig) -> dict[str, Any]:
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
