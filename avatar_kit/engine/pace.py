"""How long each stage of a driven frame takes, from the pose to an encoded picture."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from PIL import Image
from torch import nn

from avatar_kit.engine.device import autocast
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.preview import to_uint8
from avatar_kit.interfaces import Encoder
from avatar_kit.scene import FrameContext, Motion

#: The stages that every method has, in their order; between "maps" and "network" stands one for
#: each encoder.
POSE, MAPS, NETWORK, COMPOSE, ENCODE = "pose", "maps", "network", "compose", "encode"

#: What a context computes at first use.
_OF_CONTEXT = {"fragments", "uv_map", "normal_map"}

#: Quality of the JPEG, as ``live`` sends it.
_QUALITY = 90


@dataclass(frozen=True)
class Pace:
    """Milliseconds of a stage.

    Attributes:
        best: Mean over the poses, each in its quickest round: other work only adds.
        median: Over all poses and rounds.
    """

    best: float
    median: float

    @classmethod
    def of(cls, rounds: list[list[float]]) -> Pace:
        """From the milliseconds of every round and pose."""
        best = statistics.fmean(min(times) for times in zip(*rounds, strict=True))
        return cls(best, statistics.median(t for times in rounds for t in times))


def frame_stages(loaded: LoadedAvatar, poses: Motion, rounds: int) -> dict[str, Pace]:
    """Time the stages of a driven frame; an untimed round comes first.

    Args:
        loaded: The avatar.
        poses: Poses in its world, drawn one after another as a stream before its own camera.
        rounds: How often each is drawn.

    Returns:
        Stage -> its pace. "pose": from the motion to the posed body; "maps": what the encoders
        share, visibility and normals; "encoder NAME" of each; "network": the modules of the
        renderer; "compose": the rest of it; "encode": 8 bits and JPEG; "frame": all of them.
    """
    taken: dict[str, list[list[float]]] = {}
    shared: set[str] = set()  # which of the maps the encoders ask for, learned in the first round
    for number in range(rounds + 1):
        watch = _Watch(loaded.device)
        state: dict[str, Any] | None = None
        for i in range(len(poses)):
            state, shared = _draw(loaded, poses[i], state, shared, watch)
        if number:
            for stage, times in watch.frames().items():
                taken.setdefault(stage, []).append(times)
    return {stage: Pace.of(times) for stage, times in taken.items()}


@torch.no_grad()
def _draw(
    loaded: LoadedAvatar,
    pose: Motion,
    state: dict[str, Any] | None,
    shared: set[str],
    watch: _Watch,
) -> tuple[dict[str, Any], set[str]]:
    """One frame; returns the state for the next and which maps its encoders asked for."""
    avatar, camera = loaded.avatar, loaded.subject.camera.to(loaded.device)
    before = state or {"body": None, "renderer": None}
    watch.start()
    pose = pose.to(loaded.device)
    body = avatar.body(avatar.body.from_motion(pose, avatar.shape))
    watch.lap(POSE)
    context = FrameContext.driven(body, camera, pose, before=before["body"])
    for name in shared:
        getattr(body if name == "normals" else context, name)
    watch.lap(MAPS)
    after: dict[str, Any] = {"body": body}
    conditions = {}
    with autocast(loaded.device, loaded.config.precision):
        for name, encoder in avatar.encoders.items():
            step = cast(Encoder, encoder).step
            conditions[name], after[name] = step(context, before.get(name))
            watch.lap(f"encoder {name}")
        with _timed_children(avatar.renderer, watch) as network:
            rendered = avatar.renderer.step(conditions, camera, before["renderer"])
            output, after["renderer"] = rendered
            watch.lap(COMPOSE, less=network)
    picture = to_uint8(output.rgb[0].float().clamp(0, 1))
    Image.fromarray(picture).save(io.BytesIO(), "JPEG", quality=_QUALITY)
    watch.lap(ENCODE)
    asked = _OF_CONTEXT & vars(context).keys() | {"normals"} & vars(body).keys()
    return after, asked


@contextmanager
def _timed_children(renderer: nn.Module, watch: _Watch) -> Iterator[list[float]]:
    """Within it, milliseconds of the modules that the renderer is made of are gathered."""
    spent: list[float] = []
    started: list[float] = []
    children = [child for child in renderer.children() if any(True for _ in child.parameters())]
    hooks = [c.register_forward_pre_hook(lambda *_: started.append(watch.now())) for c in children]
    hooks += [
        c.register_forward_hook(lambda *_: spent.append(watch.now() - started.pop()))
        for c in children
    ]
    try:
        yield spent
    finally:
        for hook in hooks:
            hook.remove()
        if spent:
            watch.add(NETWORK, sum(spent))


class _Watch:
    """Milliseconds of the stages of frames."""

    def __init__(self, device: torch.device):
        self._device = device
        self._frames: list[dict[str, float]] = []

    def now(self) -> float:
        """Milliseconds; the device has done all its work."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return 1e3 * time.perf_counter()

    def start(self) -> None:
        """A frame begins."""
        self._frames.append({})
        self._last = self.now()

    def lap(self, stage: str, less: list[float] | None = None) -> None:
        """A stage has ended; ``less`` of its time is counted elsewhere."""
        now = self.now()
        self.add(stage, now - self._last - sum(less or []))
        self._last = now

    def add(self, stage: str, milliseconds: float) -> None:
        """Count some time of the frame for a stage."""
        self._frames[-1][stage] = milliseconds

    def frames(self) -> Mapping[str, list[float]]:
        """Stage -> milliseconds of each frame, and of the whole frame under "frame"."""
        stages = list(self._frames[0])
        if NETWORK in stages:  # it ends within the renderer, and is shown before what is left
            stages.remove(NETWORK)
            stages.insert(stages.index(COMPOSE), NETWORK)
        found = {stage: [frame[stage] for frame in self._frames] for stage in stages}
        return {**found, "frame": [sum(frame.values()) for frame in self._frames]}
