"""Frames of a capture as tensors: posed bodies, cameras, pictures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avatar_kit.capture import CaptureView
from avatar_kit.interfaces import Batch, Body, Pool
from avatar_kit.scene import BodyParameters, Camera, FrameContext, Motion, PosedBody

#: Posed bodies kept in memory at most, in bytes.
POSED_BYTES = 1 << 30


class PosedFrames:
    """Bodies posed on demand and kept while memory lasts.

    Args:
        body: The body model, on the device where the bodies are wanted.
        motion: [T] poses.
        shape: [S] identity.
    """

    def __init__(self, body: Body, motion: Motion, shape: Tensor):
        self.body = body
        self.device = shape.device
        with torch.no_grad():
            self.parameters: BodyParameters = body.from_motion(motion.to(self.device), shape)
        self._kept: OrderedDict[int, PosedBody] = OrderedDict()
        self._room = 0

    def __len__(self) -> int:
        return self.parameters.frames

    @torch.no_grad()
    def at(self, frames: Sequence[int]) -> PosedBody:
        """The posed bodies of some frames, in the order asked."""
        missing = [i for i in dict.fromkeys(frames) if i not in self._kept]
        for start in range(0, len(missing), 8):
            chunk = missing[start : start + 8]
            posed = self.body(self.parameters.at(chunk))
            self._room = max(1, POSED_BYTES // (posed.vertices[0].numel() * 4))
            for k, i in enumerate(chunk):
                self._kept[i] = posed.at([k])
        found = [self._kept[i] for i in frames]
        while len(self._kept) > self._room > 0:
            self._kept.popitem(last=False)
        return PosedBody(
            torch.cat([b.vertices for b in found]),
            torch.cat([b.joints for b in found]),
            torch.cat([b.bone_transforms for b in found]),
            torch.cat([b.hands for b in found]),
            found[0].topology,
        )

    def context(
        self, frames: Sequence[int], previous: Sequence[int], camera: Camera, index: Sequence[int]
    ) -> FrameContext:
        """The context of some frames with their predecessors."""
        both = self.at([*frames, *previous])
        n = len(frames)
        return FrameContext(
            both.at(slice(0, n)),
            both.at(slice(n, None)),
            camera.expand(n),
            torch.tensor(list(index), device=both.vertices.device),
        )


class TrainingFrames:
    """Batches of the training split; which frames a step sees is a function of (seed, step).

    Args:
        view: The cropped and resized capture.
        posed: Its posed bodies.
        batch_size: Frames in a step.
        seed: Seed of the shuffling.
        neighbours: Whether batches carry the pictures at t-1 and t+1.
        person: Number of the person in the model.
    """

    def __init__(
        self,
        view: CaptureView,
        posed: PosedFrames,
        *,
        batch_size: int,
        seed: int,
        neighbours: bool,
        person: int = 0,
    ):
        self.view, self.posed = view, posed
        self.frames = list(view.capture.splits["train"])
        self.neighbours = view.capture.neighbours("train")
        self.batch_size, self.seed, self.with_neighbours = batch_size, seed, neighbours
        self.device, self.person = posed.device, person
        self.camera = view.camera.to(self.device)

    def __len__(self) -> int:
        return len(self.frames)

    def contexts(self) -> Sequence[FrameContext]:
        """One context for each training frame, posed when it is asked for."""
        return _Contexts(self)

    def context(self, positions: Sequence[int]) -> FrameContext:
        """The context of some training frames, by their positions within the split."""
        frames = [self.frames[i] for i in positions]
        before = [self.neighbours[f][0] for f in frames]
        context = self.posed.context(frames, before, self.camera, positions)
        return replace(context, person=self.person)

    def chosen(self, step: int, pool: Pool | None = None) -> list[int]:
        """Positions within the training split that a step of this person trains on.

        Every frame is seen once before any is seen again.
        """
        pool = pool or Pool(range(len(self.frames)), step)
        n, first = len(pool.positions), pool.turn * self.batch_size
        out = []
        for k in range(first, first + self.batch_size):
            epoch, at = divmod(k, n)
            order = np.random.default_rng([self.seed, epoch]).permutation(n)
            out.append(int(pool.positions[order[at]]))
        return out

    def batch(self, step: int, pool: Pool | None = None) -> Batch:
        """The batch of a step, drawn from the pool, or from the whole split."""
        index = self.chosen(step, pool)
        frames = [self.frames[i] for i in index]
        before = [self.neighbours[f][0] for f in frames]
        after = [self.neighbours[f][1] for f in frames]
        context = self.context(index)
        view, device = self.view, self.device
        return Batch(
            context,
            load_pictures(view, frames, device),
            load_masks(view, frames, device),
            load_pictures(view, before, device) if self.with_neighbours else None,
            load_pictures(view, after, device) if self.with_neighbours else None,
        )


class _Contexts(Sequence[FrameContext]):
    def __init__(self, training: TrainingFrames):
        self.training = training

    def __len__(self) -> int:
        return len(self.training)

    def __getitem__(self, i: Any) -> Any:
        return self.training.context([range(len(self))[i]])


def load_pictures(view: CaptureView, frames: Sequence[int], device: torch.device) -> Tensor:
    """Pictures of a view, [B, 3, H, W] in [0, 1]."""
    stacked = np.stack([view.image(i) for i in frames])
    return torch.from_numpy(stacked).to(device).float() / 255


def load_masks(view: CaptureView, frames: Sequence[int], device: torch.device) -> Tensor:
    """Masks of a view, [B, 1, H, W] in [0, 1]."""
    stacked = np.stack([view.mask(i) for i in frames])
    return torch.from_numpy(stacked)[:, None].to(device).float() / 255
