"""The studio as a dataset: one capture for every set of options, made once."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from avatar_kit.capture import Capture, CaptureWriter, open_capture
from avatar_kit.interfaces import Dataset
from avatar_kit.io.cache import cache_dir
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import concatenate
from avatar_kit_studio.choreography import FPS, SPLITS, make_take
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.performance import Cast, default_body, measure, perform, sole_height
from avatar_kit_studio.person import make_person
from avatar_kit_studio.picture import Photographer
from avatar_kit_studio.shade import resolve
from avatar_kit_studio.stage import make_stage
from avatar_kit_studio.subjects import SUBJECTS
from avatar_kit_studio.tracked import estimate_shape, track

#: Counts up with every change of what the studio makes; a new version is a new cache entry.
VERSION = 2
#: Standard deviation of the sensor's noise, display values.
_SENSOR = 0.007
#: Pictures from this side on get finer skin and more hair.
_FINE_FROM = 384


@dataclass(frozen=True)
class Take:
    """One contiguous clip: its split, its true motion, and how much of it is lead-in."""

    split: str
    motion: Motion
    lead_in: int

    @property
    def frames(self) -> int:
        """Frames that are filmed."""
        return len(self.motion) - self.lead_in


class Studio(Dataset):
    """A synthetic capture with ground truth; see :class:`StudioConfig` for its options."""

    config: StudioConfig

    @property
    def folder(self) -> Path:
        """Where the capture of these options lies or will lie."""
        options = json.dumps([VERSION, self.config.model_dump()], sort_keys=True)
        key = hashlib.sha256(options.encode()).hexdigest()[:16]
        return cache_dir("studio") / f"{self.config.subject}-{self.config.size}-{key}"

    def open(self, size: int | None = None) -> Capture:
        """The capture of these options; made on first use, which takes about a minute."""
        if self.config.size is None:
            self.config = self.config.model_copy(update={"size": size or 256})
        if not (self.folder / "capture.json").is_file():
            self._make()
        return open_capture(self.folder)

    def _make(self) -> None:
        config = self.config
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(f"studio: dressing {config.subject}", total=None)
            session = Session(config)
            total = sum(take.frames for take in session.takes)
            progress.update(bar, description=f"studio: filming {config.subject}", total=total)
            with session.writer(self.folder) as writer:
                for image, mask in session.film():
                    writer.add(image, mask)
                    progress.advance(bar)
                session.finish(writer)


class Session:
    """Everything needed to film one capture: the person, the camera, the takes.

    Args:
        config: The options.
    """

    def __init__(self, config: StudioConfig):
        self.config = config
        subject = SUBJECTS[config.subject]
        self.body_name, body = default_body()
        self.shape = {k: v for k, v in subject.phenotypes.items() if k in body.shape_names}
        shape = body.shape_vector(self.shape)
        fine = config.size >= _FINE_FROM
        person = make_person(
            subject,
            tuple(body.joint_names),
            fine=fine,
            strands=6000 if fine else 2500,
            seed=config.seed,
        )
        unrest = np.linalg.inv(body.rest_transforms(shape).double().numpy())
        self.cast = Cast(body, shape, person, unrest)
        self.camera = studio_camera(config.size, person.head.top - person.marks.floor)
        self.stage = make_stage(self.camera, subject.backdrop)
        self.photographer = Photographer(person, self.camera, self.stage, config.supersample)
        self.takes = self._plan()

    def _plan(self) -> list[Take]:
        skeleton = measure(self.cast.body, self.cast.shape, sole_height(self.cast.person))
        takes = []
        for s, (split, parts) in enumerate(SPLITS.items()):
            total = self.config.frames if split == "train" else self.config.test_frames
            edges = np.round(np.cumsum([0.0, *(share for _, share in parts)]) * total).astype(int)
            for p, (director, _) in enumerate(parts):
                frames = int(edges[p + 1] - edges[p])
                if frames:
                    rng = np.random.default_rng([self.config.seed, s, p])
                    takes.append(Take(split, *make_take(director, frames, rng, skeleton)))
        return takes

    def film(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every frame of every take: image [H, W, 3] and alpha [H, W], uint8.

        Cloth and hair are played in order; pictures are taken by as many threads as torch uses.
        """
        workers = max(1, torch.get_num_threads())
        pending: deque[Future] = deque()
        number = 0
        with ThreadPoolExecutor(workers) as pool:
            for take in self.takes:
                for look in perform(self.cast, take.motion, take.lead_in):
                    pending.append(pool.submit(self._picture, look, number))
                    number += 1
                    if len(pending) > 2 * workers:
                        yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _picture(self, look, number: int) -> tuple[np.ndarray, np.ndarray]:
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
            width=self.config.size,
            height=self.config.size,
            body=self.body_name,
            shape=estimate_shape(self.shape, rng),
            camera=self.camera,
        )

    def finish(self, writer: CaptureWriter) -> Capture:
        """Write motion, landmarks, splits and the empty plate."""
        tracked, clips = [], []
        splits: dict[str, list[int]] = {name: [] for name in SPLITS}
        start = 0
        for i, take in enumerate(self.takes):
            rng = np.random.default_rng([self.config.seed, 22, i])
            tracked.append(track(take.motion, rng)[take.lead_in :])
            clips.append((start, start + take.frames))
            splits[take.split] += range(*clips[-1])
            start += take.frames
        empty = np.zeros(0, np.int64), np.zeros((0, 3), np.float32)
        plate, _ = resolve(*empty, self.stage.plate, 1)
        return writer.finish(
            motion=concatenate(tracked),
            splits={name: numbers for name, numbers in splits.items() if numbers},
            clips=clips,
            landmarks=self._landmarks(),
            background=_bytes(plate),
            provenance={
                "studio": {
                    "version": VERSION,
                    "options": self.config.model_dump(),
                    "true_shape": self.shape,
                    "takes": [take.split for take in self.takes],
                }
            },
        )

    def true_motion(self) -> Motion:
        """The motion without tracking error, all takes after one another."""
        return concatenate([take.motion[take.lead_in :] for take in self.takes])

    def _landmarks(self) -> dict[str, np.ndarray]:
        """Projected key points of the true body, with a detector's error."""
        body, motion = self.cast.body, self.true_motion()
        with torch.no_grad():
            points = body.keypoints(body.from_motion(motion, self.cast.shape))
            pixels = self.camera.expand(len(points)).project(points)[0].numpy()
        rng = np.random.default_rng([self.config.seed, 33])
        pixels = pixels + 0.0015 * self.config.size * rng.normal(size=pixels.shape)
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
    middle = 0.575 * height
    distance = 0.655 * height / np.tan(np.radians(12.0))
    return Camera.look_at(
        (0.0, middle + 0.12, distance), (0.0, middle, 0.0), width=size, height=size, fov_y=24.0
    )


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
