"""Measure an avatar on the named splits, beside two baselines every method must beat."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from avatar_kit.capture import CaptureView
from avatar_kit.config import MethodConfig
from avatar_kit.engine.baselines import Baselines
from avatar_kit.engine.device import autocast
from avatar_kit.engine.frames import PosedFrames, load_picture
from avatar_kit.engine.held_out import (
    HeldOutSplit,
    held_out_splits,
    refuse_unseen_views,
    training_frames,
)
from avatar_kit.engine.ranks import Ranks
from avatar_kit.engine.scoring import Scores, about_metric, regions
from avatar_kit.interfaces import Avatar

#: Bumped when the way numbers are made changes, so that old and new are not mixed.
PROTOCOL_VERSION = 2

#: Training frames of each camera that are rendered where nothing was held out.
SHOWN = 48


def evaluate(
    avatar: Avatar,
    view: CaptureView,
    config: MethodConfig,
    observe: Callable[[HeldOutSplit, int, Tensor], None] = lambda split, k, picture: None,
    ranks: Ranks = Ranks(),
) -> dict[str, Any]:
    """Evaluate on every split but ``train``.

    Memory does not grow with the number of frames: pictures stream through the metrics. Where there
    is no other split nothing is measured, and training frames are rendered for ``observe`` alone.

    Several processes render the same pictures and share the metrics, which take most of the time.

    Args:
        avatar: The avatar; evaluated in evaluation mode.
        view: The capture it was trained on.
        config: Its config.
        observe: Called with the split, the position in it and the rendered [3, H, W] picture.
        ranks: The processes that evaluate the same avatar together, mostly one.

    Returns:
        ``{"protocol": ..., "splits": {name: {"n": pictures, "novelty": what training has not seen
        (:meth:`Capture.novelty`), "distance": of its poses from those of the training in metres
        (:meth:`Baselines.distance`), metric: value, "person": {...}, "baselines": {"mean_frame":
        ..., "nearest_frame": ...}}}, "frames": {name: {region: {metric: [n]}}}, "milliseconds":
        median time to pose and render a frame}``.

    Raises:
        UserError: A split is of cameras that the renderer cannot paint the background of.
    """
    refuse_unseen_views(avatar.renderer, view)
    posed = PosedFrames(avatar.body, view.capture.motion, avatar.shape)
    about = protocol(view, config)
    baselines = Baselines(view, posed, config, about, ranks)
    was_training = avatar.training
    avatar.eval()
    splits, frames = {}, {}
    seconds: list[float] = []
    for split in held_out_splits(view, config.evaluation):
        scores = Scores(config.evaluation, ranks)
        rendered = timed(render_split(avatar, view, posed, split, config.precision), seconds)
        for k, picture in enumerate(rendered):
            truth = load_picture(view, split.samples[k], posed.device)
            truths = regions(truth, split.boxes[k])
            scores.update(regions(picture, split.boxes[k]), truths, split.new_clip[k])
            baselines.update(split, k, truths)
            observe(split, k, picture[0])
        splits[split.name] = {
            "n": len(split.samples),
            "novelty": view.capture.novelty(split.name),
            "distance": baselines.distance(split),
            **scores.compute(),
            "baselines": baselines.compute(split),
        }
        frames[split.name] = scores.frames()
    if not splits:
        shown = training_frames(view, config.evaluation, SHOWN)
        rendered = timed(render_split(avatar, view, posed, shown, config.precision), seconds)
        for k, picture in enumerate(rendered):
            observe(shown, k, picture[0])
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


def protocol(view: CaptureView, config: MethodConfig) -> dict[str, Any]:
    """Everything a reader needs to compare the numbers with others."""
    metrics = {c.type: about_metric(c) for c in config.evaluation.metrics}
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
