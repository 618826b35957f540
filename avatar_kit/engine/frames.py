"""Frames of a capture as tensors: posed bodies, cameras, pictures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avatar_kit.capture import CaptureView, Sample
from avatar_kit.engine.device import sent
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Batch, Body, Pool, PoseRefinement, Samples
from avatar_kit.scene import (
    BodyParameters,
    Camera,
    FrameContext,
    Motion,
    PosedBody,
    stack_cameras,
)

#: Posed bodies kept in memory at most, in bytes.
POSED_BYTES = 1 << 30

#: Frames whose parameters are computed together, and how many such groups are kept.
_GROUP, _GROUPS = 16, 1024


class PosedFrames:
    """Bodies posed on demand and kept while memory lasts.

    Args:
        body: The body model, on the device where the bodies are wanted.
        motion: [T] poses.
        shape: [S] identity.
    """

    def __init__(self, body: Body, motion: Motion, shape: Tensor):
        self.body, self.shape = body, shape
        self.device = shape.device
        self.motion = motion.to(self.device)
        self._groups: OrderedDict[int, BodyParameters] = OrderedDict()
        self._kept: OrderedDict[int, PosedBody] = OrderedDict()

    def __len__(self) -> int:
        return len(self.motion)

    @torch.no_grad()
    def bodies(self, frames: Sequence[int]) -> PosedBody:
        """The posed bodies of some frames, in the order asked.

        Each is posed alone, from parameters of a fixed group: in another group its last bits would
        differ, and a resumed run with them.
        """
        for frame in frames:
            if frame not in self._kept:
                self._kept[frame] = self.body(self.parameters(frame))
        found = [self._kept[i] for i in frames]
        room = POSED_BYTES // (found[0].vertices.numel() * found[0].vertices.element_size())
        while len(self._kept) > max(1, room):
            self._kept.popitem(last=False)
        return PosedBody(
            torch.cat([b.vertices for b in found]),
            torch.cat([b.joints for b in found]),
            torch.cat([b.bone_transforms for b in found]),
            torch.cat([b.hands for b in found]),
            found[0].topology,
        )

    @torch.no_grad()
    def parameters(self, frame: int) -> BodyParameters:
        """The parameters of one frame's body."""
        group, place = divmod(frame, _GROUP)
        if group not in self._groups:
            motion = self.motion[group * _GROUP : (group + 1) * _GROUP]
            self._groups[group] = self.body.from_motion(motion, self.shape)
            if len(self._groups) > _GROUPS:
                self._groups.popitem(last=False)
        return self._groups[group][place]

    def context(
        self, frames: Sequence[int], previous: Sequence[int], camera: Camera, index: Sequence[int]
    ) -> FrameContext:
        """The context of some frames with their predecessors.

        Args:
            frames: Numbers of the frames.
            previous: Numbers of the frames before; a frame itself where there is none.
            camera: One camera for all, or one for each.
            index: Numbers among the training frames; -1 for others.
        """
        return self.joined(self.bodies([*frames, *previous]), frames, previous, camera, index)

    def joined(
        self,
        both: PosedBody,
        frames: Sequence[int],
        previous: Sequence[int],
        camera: Camera,
        index: Sequence[int],
        motion: Motion | None = None,
    ) -> FrameContext:
        """As :meth:`context`, of bodies that are posed: those at t, then those at t-1."""
        count, device = len(frames), self.device
        numbers = torch.tensor([list(frames), list(previous), list(index)])
        at, before, known = sent(numbers, device)
        return FrameContext(
            body=both[:count],
            previous=both[count:],
            camera=camera.expand(count),
            motion=self.motion[at] if motion is None else motion,
            time=at.to(self.shape.dtype) / self.motion.fps,
            clip_start=before == at,
            index=known,
        )


@dataclass(frozen=True)
class Reading:
    """What is read from disk for a training step.

    Attributes:
        person: Number of the person the step is of.
        positions: Positions of the samples, see :class:`TrainingFrames`.
        pictures: Field of :class:`~avatar_kit.interfaces.Batch` -> [B, C, H, W] uint8.
    """

    person: int
    positions: list[int]
    pictures: dict[str, np.ndarray]


class TrainingFrames:
    """Batches of the training split; what a step sees is a function of (seed, step).

    Args:
        view: The cropped and resized capture.
        posed: Its posed bodies.
        batch_size: Samples in a step.
        seed: Seed of the shuffling.
        neighbours: Whether batches carry the pictures at t-1 and t+1.
        sequence: Consecutive frames of every sample.
        person: Number of the person in the model.
        refinement: Corrections of the training poses, if they are refined.

    Attributes:
        samples: The training samples: frames, each seen by a camera.
        frames: Numbers of the training frames, sorted.

    Raises:
        UserError: No clip of the training split has as many frames as a sequence.
    """

    def __init__(
        self,
        view: CaptureView,
        posed: PosedFrames,
        *,
        batch_size: int,
        seed: int,
        neighbours: bool,
        sequence: int = 1,
        person: int = 0,
        refinement: PoseRefinement | None = None,
    ):
        self.view, self.posed = view, posed
        split = view.capture.splits["train"]
        self.samples, self.frames = split.samples(), split.frames
        self.neighbours = view.capture.neighbours("train")
        self.batch_size, self.seed, self.with_neighbours = batch_size, seed, neighbours
        self.sequence, self.refinement = sequence, refinement
        self.device, self.person = posed.device, person
        self._number = {frame: i for i, frame in enumerate(split.frames)}
        self._camera_number = {camera: i for i, camera in enumerate(split.cameras)}
        self._cameras = {name: c.to(self.device) for name, c in view.cameras.items()}
        self._starts = self._found_starts()

    def __len__(self) -> int:
        return len(self.samples)

    def all(self) -> Samples:
        """Every training sample, read and posed when it is asked for."""
        return _Samples(self)

    def context(self, positions: Sequence[int]) -> FrameContext:
        """The context of some training samples; refined where poses are."""
        samples = [self.samples[i] for i in positions]
        frames = [s.frame for s in samples]
        before = [self.neighbours[f][0] for f in frames]
        index, camera = [self._number[f] for f in frames], self.camera(samples)
        if self.refinement is None:
            context = self.posed.context(frames, before, camera, index)
        else:
            numbers = [self._number[f] for f in (*frames, *before)]
            motion = self.refinement(self.posed.motion[[*frames, *before]], numbers)
            both = self.posed.body(self.posed.body.from_motion(motion, self.posed.shape))
            seen_by = [self._camera_number[s.camera] for s in samples]
            camera = self.refinement.camera(camera, seen_by)
            now = motion[: len(frames)]
            context = self.posed.joined(both, frames, before, camera, index, now)
        return replace(context, person=self.person)

    def camera(self, samples: Sequence[Sample]) -> Camera:
        """The cameras of some samples, as one batch."""
        first = self._cameras[samples[0].camera]
        if len(first) == 1 and all(s.camera == samples[0].camera for s in samples):
            return first.expand(len(samples))
        found = [self._cameras[s.camera] for s in samples]
        moving = [c[s.frame] if len(c) > 1 else c for c, s in zip(found, samples, strict=True)]
        return stack_cameras(moving)

    def chosen(self, step: int, pool: Pool | None = None) -> list[int]:
        """Positions of the samples that a step of this person trains on, in time order.

        Every sample is seen once before any is seen again.
        """
        positions, drawn = self._starts, step
        if pool is not None:
            allowed, drawn = set(self._starts), pool.drawn
            positions = [p for p in pool.positions if p in allowed]
        if not positions:
            raise ValueError("the pool of a step holds no sample to train on")
        n, first = len(positions), drawn * self.batch_size
        out = []
        for k in range(first, first + self.batch_size):
            epoch, at = divmod(k, n)
            out.append(int(positions[_order(self.seed, epoch, n)[at]]))
        return [start + i for i in range(self.sequence) for start in out]

    def read(self, step: int, pool: Pool | None = None) -> Reading:
        """What a step needs of the disk; needs no device and may run beside another step."""
        positions = self.chosen(step, pool)
        samples = [self.samples[i] for i in positions]
        pictures = self.pictures(samples)
        if self.with_neighbours:
            for which, name in enumerate(("previous_image", "next_image")):
                near = [Sample(self.neighbours[s.frame][which], s.camera) for s in samples]
                pictures[name] = self._images(near)
        return Reading(self.person, positions, pictures)

    def batch(self, reading: Reading) -> Batch:
        """The batch of what was read for a step."""
        pictures = {name: to_device(p, self.device) for name, p in reading.pictures.items()}
        return Batch(self.context(reading.positions), **pictures, sequence=self.sequence)

    def pictures(self, samples: Sequence[Sample]) -> dict[str, np.ndarray]:
        """Pictures and masks of some samples, by the names they have in a batch."""
        masks = np.stack([self.view.mask(s) for s in samples])[:, None]
        return {"image": self._images(samples), "mask": masks}

    def _images(self, samples: Sequence[Sample]) -> np.ndarray:
        return np.stack([self.view.image(s) for s in samples])

    def _found_starts(self) -> list[int]:
        """Positions of the samples that a sequence may start with."""
        ends: dict[int, int] = {}
        for first, end in self.view.capture.clips_of("train"):
            ends |= dict.fromkeys(range(first, end), end)
        last = self.sequence - 1
        starts = [i for i, s in enumerate(self.samples) if s.frame + last < ends[s.frame]]
        if not starts:
            longest = max(b - a for a, b in self.view.capture.clips_of("train"))
            raise UserError(
                f"{self.view.capture.root}: the method trains on {self.sequence} frames in a row, "
                f"but the longest clip of the split 'train' has {longest}"
            )
        return starts


@lru_cache(maxsize=8)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    """[count] the order in which an epoch goes through the samples."""
    return np.random.default_rng([seed, epoch]).permutation(count)


class _Samples(Samples):
    def __init__(self, training: TrainingFrames):
        self.training = training

    def __len__(self) -> int:
        return len(self.training)

    def __getitem__(self, position: Any) -> Any:
        at = range(len(self))[position]
        pictures = self.training.pictures([self.training.samples[at]])
        image, mask = (to_device(pictures[k], self.training.device) for k in ("image", "mask"))
        return Batch(self.context(at), image, mask)

    @torch.no_grad()
    def context(self, position: int) -> FrameContext:
        return self.training.context([range(len(self))[position]])


def to_device(picture: np.ndarray, device: torch.device) -> Tensor:
    """uint8 pictures or masks as floats in [0, 1] on a device."""
    return sent(torch.from_numpy(picture), device).float() / 255


def load_picture(view: CaptureView, sample: Sample, device: torch.device) -> Tensor:
    """One picture of a view, [1, 3, H, W] in [0, 1]."""
    return to_device(view.image(sample)[None], device)
