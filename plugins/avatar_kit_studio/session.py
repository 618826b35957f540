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
from avatar_kit.capture.layout import CAMERA
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import concatenate
from avatar_kit_studio.choreography import SPLITS, make_clip
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.detail import Detail, detail_of
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
def dress(name: str, detail: Detail, seed: int) -> Cast:
    """Put a subject on the default body; kept, for it takes seconds.

    Args:
        name: Key of ``SUBJECTS``.
        detail: How closely it is looked at.
        seed: Seed of the hair.
    """
    subject = SUBJECTS[name]
    body_name, body = default_body()
    true_shape = {k: v for k, v in subject.phenotypes.items() if k in body.shape_names}
    shape = body.shape_vector(true_shape)
    person = make_person(subject, tuple(body.joint_names), detail=detail, seed=seed)
    unrest = np.linalg.inv(body.rest_transforms(shape).double().numpy())
    return Cast(body_name, body, true_shape, shape, person, unrest)


class Session:
    """Everything needed to film one capture: the person, the cameras, the clips.

    Args:
        config: The options.
        size: Side of the pictures in pixels.
    """

    def __init__(self, config: StudioConfig, size: int):
        self.config, self.size = config, size
        self.cast = dress(config.subject, detail_of(config.framing, size), config.seed)
        person = self.cast.person
        height = person.head.top - person.marks.floor
        self.cameras = studio_cameras(config.cameras, size, height, config.framing)
        self.photographers = {
            name: Photographer(
                person, camera, make_stage(camera, person.subject.backdrop), config.supersample
            )
            for name, camera in self.cameras.items()
        }
        self.clips = self._plan()

    @property
    def camera(self) -> Camera:
        """The main camera, which stands in front of the person."""
        return next(iter(self.cameras.values()))

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

    def film(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Every frame of every clip by every camera: name, image [H, W, 3], alpha [H, W], uint8.

        Cloth and hair are played in order; pictures are taken by as many threads as torch uses.
        """
        workers = max(1, torch.get_num_threads())
        pending: deque[Future] = deque()
        number = 0
        with ThreadPoolExecutor(workers) as pool:
            for clip in self.clips:
                for look in perform(self.cast, clip.motion, clip.lead_in):
                    for camera in self.cameras:
                        pending.append(pool.submit(self._picture, look, number, camera))
                        if len(pending) > 2 * workers:
                            yield pending.popleft().result()
                    number += 1
            while pending:
                yield pending.popleft().result()

    def _picture(self, look: Look, number: int, camera: str) -> tuple[str, np.ndarray, np.ndarray]:
        image, alpha = self.photographers[camera](look)
        at = list(self.cameras).index(camera)
        rng = np.random.default_rng([self.config.seed, 77, number, *([at] if at else [])])
        noisy = image + _SENSOR * rng.standard_normal(image.shape, np.float32)
        return camera, _bytes(noisy), _bytes(alpha)

    def writer(self, folder: Path) -> CaptureWriter:
        """A writer for this session's capture."""
        rng = np.random.default_rng([self.config.seed, 11])
        return CaptureWriter(
            folder,
            name=f"studio-{self.config.subject}",
            fps=FPS,
            body=self.cast.body_name,
            shape=estimate_shape(self.cast.true_shape, rng),
            cameras=self.cameras,
        )

    def finish(self, writer: CaptureWriter, version: int) -> Capture:
        """Write motion, landmarks, splits and the empty plates."""
        facts = {
            "version": version,
            "options": self.config.filmed() | {"size": self.size},
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
        return writer.finish(
            motion=concatenate(tracked),
            splits={name: numbers for name, numbers in splits.items() if numbers},
            clips=clips,
            landmarks=self._landmarks(),
            plates={name: _bytes(self.plate(name)) for name in self.cameras},
            provenance={"studio": facts},
        )

    def plate(self, camera: str) -> np.ndarray:
        """[H, W, 3] display values of the empty room as a camera sees it, without noise."""
        empty = np.zeros(0, np.int64), np.zeros((0, 3), np.float32)
        return resolve(*empty, self.photographers[camera].stage.plate, 1)[0]

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


#: Framing -> height of the picture's middle and half of what it holds, by the person's height.
_FRAMINGS = {"full": (0.585, 0.66), "upper": (0.80, 0.36)}


def studio_cameras(
    count: int, size: int, height: float, framing: str = "full"
) -> dict[str, Camera]:
    """Cameras on a ring about a person of ``height`` metres; a closer framing is a longer lens.

    ``main`` stands in front; the others follow counter-clockwise seen from above, at equal angles,
    and are called by theirs in whole degrees: ``at_90``.
    """
    full, reach = (value * height for value in _FRAMINGS["full"])
    middle, half = (value * height for value in _FRAMINGS[framing])
    distance = reach / np.tan(np.radians(12.0))
    fov = 24.0 if framing == "full" else 2 * float(np.degrees(np.arctan(half / distance)))
    cameras = {}
    for i in range(count):
        angle = 2 * np.pi * i / count
        eye = (distance * np.sin(angle), full + 0.12, distance * np.cos(angle))
        cameras[f"at_{360 * i / count:.0f}" if i else CAMERA] = Camera.look_at(
            eye, (0.0, middle, 0.0), width=size, height=size, fov_y=fov
        )
    return cameras


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
