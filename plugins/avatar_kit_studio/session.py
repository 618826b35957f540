"""Filming one capture: the person, the camera, the clips, and what is written of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from avatar_kit.capture import Capture, CaptureWriter
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import concatenate
from avatar_kit_studio.choreography import SPLITS, make_clip
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.performance import Cast, default_body, measure, perform, sole_height
from avatar_kit_studio.person import make_person
from avatar_kit_studio.picture import Look, Photographer
from avatar_kit_studio.script import FPS
from avatar_kit_studio.shade import resolve
from avatar_kit_studio.stage import make_stage
from avatar_kit_studio.subjects import SUBJECTS
from avatar_kit_studio.tracked import NoiseSizes, estimate_shape, track

#: Standard deviation of the sensor's noise, display values.
_SENSOR = 0.007
#: Pictures from this side on get finer skin and more hair.
_FINE_FROM = 384


@dataclass(frozen=True)
class Clip:
    """One contiguous clip: its split, its true motion, and how much of it is lead-in."""

    split: str
    motion: Motion
    lead_in: int

    @property
    def frames(self) -> int:
        """Frames that are filmed."""
        return len(self.motion) - self.lead_in


@lru_cache(maxsize=2)
def dress(name: str, fine: bool, seed: int) -> Cast:
    """Put a subject on the default body; kept, for it takes seconds.

    Args:
        name: Key of ``SUBJECTS``.
        fine: Finer skin and more hair, for large pictures.
        seed: Seed of the hair.
    """
    subject = SUBJECTS[name]
    body_name, body = default_body()
    true_shape = {k: v for k, v in subject.phenotypes.items() if k in body.shape_names}
    shape = body.shape_vector(true_shape)
    bones, strands = tuple(body.joint_names), 6000 if fine else 2500
    person = make_person(subject, bones, fine=fine, strands=strands, seed=seed)
    unrest = np.linalg.inv(body.rest_transforms(shape).double().numpy())
    return Cast(body_name, body, true_shape, shape, person, unrest)


class Session:
    """Everything needed to film one capture: the person, the camera, the clips.

    Args:
        config: The options.
        size: Side of the pictures in pixels.
    """

    def __init__(self, config: StudioConfig, size: int):
        self.config, self.size = config, size
        self.cast = dress(config.subject, size >= _FINE_FROM, config.seed)
        person = self.cast.person
        self.camera = studio_camera(size, person.head.top - person.marks.floor)
        self.stage = make_stage(self.camera, person.subject.backdrop)
        self.photographer = Photographer(person, self.camera, self.stage, config.supersample)
        self.clips = self._plan()

    def _plan(self) -> list[Clip]:
        skeleton = measure(self.cast.body, self.cast.shape, sole_height(self.cast.person))
        clips = []
        for s, (split, parts) in enumerate(SPLITS.items()):
            total = self.config.frames if split == "train" else self.config.test_frames
            edges = np.round(np.cumsum([0.0, *(share for _, share in parts)]) * total).astype(int)
            for p, (director, _) in enumerate(parts):
                frames = int(edges[p + 1] - edges[p])
                if frames:
                    rng = np.random.default_rng([self.config.seed, s, p])
                    clips.append(Clip(split, *make_clip(director, frames, rng, skeleton)))
        return clips

    def film(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every frame of every clip: image [H, W, 3] and alpha [H, W], uint8.

        Cloth and hair are played in order; pictures are taken by as many threads as torch uses.
        """
        workers = max(1, torch.get_num_threads())
        pending: deque[Future] = deque()
        number = 0
        with ThreadPoolExecutor(workers) as pool:
            for clip in self.clips:
                for look in perform(self.cast, clip.motion, clip.lead_in):
                    pending.append(pool.submit(self._picture, look, number))
                    number += 1
                    if len(pending) > 2 * workers:
                        yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _picture(self, look: Look, number: int) -> tuple[np.ndarray, np.ndarray]:
        image, alpha = self.photographer(look)
        rng = np.random.default_rng([self.config.seed, 77, number])
        noisy = image + _SENSOR * rng.standard_normal(image.shape, np.float32)
        return _bytes(noisy), _bytes(alpha)

    def writer(self, folder: Path) -> CaptureWriter:
        """A writer for this session's capture."""
        rng = np.random.default_rng([self.config.seed, 11])
        return CaptureWriter(
            folder,
            name=f"studio-{self.config.subject}",
            fps=FPS,
            body=self.cast.body_name,
            shape=estimate_shape(self.cast.true_shape, rng),
            cameras=self.camera,
        )

    def finish(self, writer: CaptureWriter, version: int) -> Capture:
        """Write motion, landmarks, splits and the empty plate."""
        facts = {
            "version": version,
            "options": self.config.model_dump() | {"size": self.size},
            "true_shape": self.cast.true_shape,
            "clips": [clip.split for clip in self.clips],
        }
        tracked, clips = [], []
        splits: dict[str, list[int]] = {name: [] for name in SPLITS}
        start = 0
        for i, clip in enumerate(self.clips):
            rng = np.random.default_rng([self.config.seed, 22, i])
            tracked.append(track(clip.motion, rng)[clip.lead_in :])
            clips.append((start, start + clip.frames))
            splits[clip.split] += range(*clips[-1])
            start += clip.frames
        empty = np.zeros(0, np.int64), np.zeros((0, 3), np.float32)
        plate, _ = resolve(*empty, self.stage.plate, 1)
        return writer.finish(
            motion=concatenate(tracked),
            splits={name: numbers for name, numbers in splits.items() if numbers},
            clips=clips,
            landmarks=self._landmarks(),
            plates=_bytes(plate),
            provenance={"studio": facts},
        )

    def true_motion(self) -> Motion:
        """The motion without tracking error, all clips after one another."""
        return concatenate([clip.motion[clip.lead_in :] for clip in self.clips])

    def _landmarks(self) -> dict[str, np.ndarray]:
        """Projected key points of the true body, with a detector's error."""
        body, motion = self.cast.body, self.true_motion()
        with torch.no_grad():
            points = body.keypoints(body.from_motion(motion, self.cast.shape))
            pixels = self.camera.expand(len(points)).project(points)[0].numpy()
        rng = np.random.default_rng([self.config.seed, 33])
        pixels = pixels + NoiseSizes().pixels * self.size * rng.normal(size=pixels.shape)
        n = len(pixels)
        return {
            "body": pixels[:, :23],
            "body_confidence": np.ones((n, 23)),
            "hands": pixels[:, 23:].reshape(n, 2, 21, 2),
            "hands_confidence": np.ones((n, 2)),
            "face": np.zeros((n, 0, 2)),
            "face_confidence": np.zeros(n),
        }


def studio_camera(size: int, height: float) -> Camera:
    """The camera that holds a person of ``height`` metres with arms raised or spread."""
    middle = 0.585 * height
    distance = 0.66 * height / np.tan(np.radians(12.0))
    return Camera.look_at(
        (0.0, middle + 0.12, distance), (0.0, middle, 0.0), width=size, height=size, fov_y=24.0
    )


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
