"""The training times that a motion retrieves: as a table and as a picture."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar
from avatar_kit.io.atomic import atomic_path
from avatar_kit.scene import Motion
from avatar_kit.tracking.charts import Chart, draw_chart
from avatar_kit_r3.cloud import RecordedGaussians
from avatar_kit_r3.parts import PARTS
from avatar_kit_r3.retrieval import Past

_WIDTH, _HEIGHT = 900, 190
_COLOURS = ((204, 92, 60), (226, 154, 60), (70, 110, 190), (60, 140, 110), (140, 90, 170))
_DISTANCE = (40, 44, 52)


@dataclass(frozen=True)
class RetrievedTimes:
    """What T frames of a motion retrieve, for P parts.

    Attributes:
        times: [T, P] training frames, fractions between them.
        distances: [T, P] radians to the training frame that is most alike.
        jumped: [T, P] bool, whether no candidate was near the time before.
    """

    times: np.ndarray
    distances: np.ndarray
    jumped: np.ndarray


def the_cloud(avatar: Avatar, run: Path) -> RecordedGaussians:
    """The encoder that retrieves.

    Raises:
        UserError: The avatar has none, or retrieval is off.
    """
    for encoder in avatar.encoders.values():
        if isinstance(encoder, RecordedGaussians):
            if encoder.config.retrieval is None:
                raise UserError(
                    f"{run}: trained with retrieval=null, so every pose uses the same time; "
                    "train without it to retrieve times"
                )
            return encoder
    raise UserError(
        f"{run}: no encoder of this avatar records over time; r3-times is for avatars of method r3"
    )


def retrieve(cloud: RecordedGaussians, motion: Motion) -> RetrievedTimes:
    """What every frame of a motion retrieves, as one stream, as when it is rendered."""
    past: Past | None = None
    times, distances, jumped = [], [], []
    for frame in range(len(motion)):
        found = cloud.training_poses.find(motion[[frame]], past)
        past = found.past
        times.append(found.choice.times.numpy())
        distances.append(found.distances.numpy())
        jumped.append(~np.isnan(found.choice.jumped_from.numpy()))
    return RetrievedTimes(np.stack(times), np.stack(distances), np.stack(jumped))


def write_table(path: Path, found: RetrievedTimes, fps: float) -> None:
    """Write CSV: for each frame and part the training frame, the distance and whether it jumped."""
    columns = [f"{part}_{what}" for part in PARTS for what in ("frame", "radians", "jumped")]
    with atomic_path(path) as partial, partial.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "seconds", *columns])
        for frame, row in enumerate(zip(found.times, found.distances, found.jumped, strict=True)):
            cells = [
                value
                for time, away, jump in zip(*row, strict=True)
                for value in (f"{time:.3f}", f"{away:.4f}", int(jump))
            ]
            table.writerow([frame, f"{frame / fps:.4f}", *cells])


def write_chart(path: Path, found: RetrievedTimes, far: float) -> None:
    """Draw a curve for each part, broken where it jumps, and one of the distances."""
    frames, charts = np.arange(len(found.times)), []
    most = float(found.times.max())
    for at, (part, colour) in enumerate(zip(PARTS, _COLOURS, strict=True)):
        jumps = np.flatnonzero(found.jumped[:, at])
        title = f"{part.replace('_', ' ')}: training frame, {len(jumps)} jumps"
        edges = [0, *jumps.tolist(), len(frames)]
        pieces = [(a, b) for a, b in pairwise(edges) if b > a]
        charts.append(Chart(title, frames, found.times[:, at], pieces, colour, low=0, high=most))
    title = "distance to the nearest training frame, mean of the parts, radians"
    whole = [(0, len(frames))]
    away = found.distances.mean(1)
    high = max(1.2 * far, float(away.max()))
    charts.append(Chart(title, frames, away, whole, _DISTANCE, limit=far, low=0, high=high))
    sheet = Image.new("RGB", (_WIDTH, _HEIGHT * len(charts)))
    for at, chart in enumerate(charts):
        sheet.paste(draw_chart(chart, _WIDTH, _HEIGHT), (0, at * _HEIGHT))
    with atomic_path(path) as partial:
        sheet.save(partial)


def summary(found: RetrievedTimes, far: float) -> str:
    """One line on how like the training a motion is."""
    away = found.distances.mean(1)
    line = (
        f"distance to the nearest training frames: {away.mean():.2f} radians on average, "
        f"{away.min():.2f} to {away.max():.2f}; {found.jumped.mean():.1%} of the times are jumps"
    )
    count = int((away > far).sum())
    if count == len(away):
        return f"{line}; every frame is far from the training (more than {far:g} radians)"
    return (
        f"{line}; {count} of {len(away)} frames are far from the training (more than {far:g} "
        "radians)"
    )
