"""The first stages: decode, track, cut into clips of one person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.read_options import ReadOptions
from avatar_kit.io.video import VideoReader, read_video
from avatar_kit.registry import Component
from avatar_kit.tracking.clips import Slices, Transition, find_transitions, split_clips
from avatar_kit.tracking.heading import AS_READ, find_heading, put_right
from avatar_kit.tracking.identity import appearance, changes, people
from avatar_kit.tracking.spool import Spool
from avatar_kit.tracking.stages import Arrays, Progress, Stages
from avatar_kit.tracking.tracks import Tracks
from avatar_kit.tracking.watch import check_person, crowd_note, lying_note, seen, shrink, watch

#: Clips with fewer frames are dropped.
MIN_CLIP_FRAMES = 5
#: Overlap (IoU) of masks that were given with those of the tracker, below which one of them is of
#: something else.
MIN_MASK_OVERLAP = 0.25


@dataclass(frozen=True)
class Observed:
    """A video after tracking and cutting.

    Attributes:
        reader: The video.
        tracks: Of the frames that are kept.
        frames: [T] their numbers in the video.
        clips: Half-open ranges of kept frames that follow each other; they tile 0..T.
        notes: What a person should know.
    """

    reader: VideoReader
    tracks: Tracks
    frames: np.ndarray
    clips: list[tuple[int, int]]
    notes: list[str]


def decode(video: Path, options: ReadOptions, progress: Progress) -> VideoReader:
    """Open a video.

    Raises:
        UserError: It cannot be decoded, or too few frames of it are to be read.
    """
    progress.start("decode", None)
    reader = read_video(video, options)
    if len(reader) < MIN_CLIP_FRAMES:
        raise UserError(
            f"{video}: {len(reader)} frames to read, at least {MIN_CLIP_FRAMES} are needed; film "
            "longer, or read more of it"
        )
    what = f"{len(reader)} frames, {reader.width}x{reader.height}, {reader.fps:g} fps"
    progress.finish("; ".join([what, *reader.notes]))
    return reader


def observe(
    reader: VideoReader, tracker: Component, stages: Stages, person: str | None = None
) -> Observed:
    """Track a video and cut it into clips.

    Args:
        reader: The video.
        tracker: A registered tracker.
        stages: Keep the results.
        person: Who is meant where the video shows several one after another: a number from 1, or
            "all" if they are one.

    Raises:
        UserError: The frames of the video change size, it shows no person, or several people and
            it was not said which is meant.
        Unavailable: The tracker's package or model files are not here.
    """
    found = _landmarks(reader, tracker, stages)
    tracks = _tracks(found)
    check_person(tracks, reader.path)
    thumbnails = found.pop("thumbnails")
    transitions = _transitions(tracks, thumbnails, stages)
    good, smears = without_smears(seen(tracks), reader.suspect)
    looks = appearance(tracks, thumbnails, reader.width)
    cuts = split_clips(len(tracks), transitions, reader.gaps)
    turns = changes(tracks, looks, cuts)
    ranges = _unbroken(split_clips(len(tracks), transitions, [*reader.gaps, *turns]), good)
    ranges, others = one_person(ranges, people(looks, ranges), person, reader.path)
    frames = np.concatenate([np.arange(a, b) for a, b in ranges]) if ranges else np.array([], int)
    if len(frames) < MIN_CLIP_FRAMES:
        raise UserError(
            f"{reader.path}: no {MIN_CLIP_FRAMES} frames in a row show a person; film longer"
        )
    edges = np.concatenate([[0], np.cumsum([b - a for a, b in ranges])])
    clips = [(int(a), int(b)) for a, b in pairwise(edges)]
    kept = _kept(tracks, frames)
    way = find_heading(kept, clips, reader.fps).way
    notes = [str(t) for t in transitions] + _notes(tracks, reader) + smears + others
    if exchanged := int((way != AS_READ).sum()):
        notes.append(f"left and right were taken for each other in {exchanged} frames: put right")
    return Observed(reader, put_right(kept, way), frames, clips, notes)


def one_person(
    ranges: list[tuple[int, int]], who: list[int], wanted: str | None, video: Path
) -> tuple[list[tuple[int, int]], list[str]]:
    """The ranges of frames that show the person who is meant, and what to say of the others.

    Args:
        ranges: Half-open.
        who: Number of the person in each, from 0.
        wanted: A number from 1, or "all"; None: there is one.
        video: For the message.

    Raises:
        UserError: There are several, and it was not said which is meant, or no such one.
    """
    count = max(who, default=0) + 1
    if wanted == "all" or (wanted is None and count == 1):
        return ranges, []
    shown = [[r for r, n in zip(ranges, who, strict=True) if n == k] for k in range(count)]
    listed = "; ".join(
        f"person {k + 1} in frames {', '.join(f'{a}-{b - 1}' for a, b in part)}"
        for k, part in enumerate(shown)
    )
    if wanted is None:
        raise UserError(
            f"{video}: shows {count} people one after another ({listed}); choose one with "
            "avatar-kit prepare --person 1 (--person all if they are the same), or cut the video"
        )
    if not wanted.isdigit() or not 1 <= int(wanted) <= count:
        raise UserError(f"{video}: --person {wanted}: expected 1 to {count}, or all ({listed})")
    if count == 1:
        return ranges, []
    return shown[int(wanted) - 1], [f"{count} people one after another: person {wanted} taken"]


def _kept(tracks: Tracks, frames: np.ndarray) -> Tracks:
    """The chosen frames, rising; masks move up where they are, for those of a video are large."""
    arrays = tracks.arrays()
    masks = arrays.pop("masks")
    for place, frame in enumerate(frames):
        masks[place] = masks[frame]
    return Tracks(masks=masks[: len(frames)], **{k: v[frames] for k, v in arrays.items()})


def _landmarks(reader: VideoReader, tracker: Component, stages: Stages) -> Arrays:
    """What :func:`watch` finds, and what the reader learns of the file while it is read."""
    implementation, config = tracker.load(), tracker.config(type=tracker.name)

    def compute() -> Arrays:
        with Spool() as own:
            pictures = _pictures(reader, own)
            found = watch(implementation(config), pictures, stages.progress.step)
            if reader.masked:  # the video knows better than the tracker
                found["masks"] = _checked(own.stacked(), found["masks"], reader)
        damage = {"gaps": reader.gaps, "suspect": reader.suspect, "corrupt": reader.corrupt}
        return found | {name: np.array(value, int) for name, value in damage.items()}

    options = config.model_dump(mode="json")
    found = stages.run("landmarks", options, compute, total=len(reader), note=_seen_note)
    reader.corrupt, reader.gaps = int(found["corrupt"]), found["gaps"].tolist()
    reader.suspect = found["suspect"].tolist()
    return found


def _checked(own: np.ndarray, tracked: np.ndarray, reader: VideoReader) -> np.ndarray:
    """Masks that came with the video, unless they were made by a person and show another one.

    Raises:
        UserError: They hardly overlap with what the tracker sees.
    """
    some = np.unique(np.linspace(0, len(own) - 1, 100).astype(int))
    both, either = np.minimum(own[some], tracked[some]), np.maximum(own[some], tracked[some])
    overlap = both.sum(dtype=float) / max(either.sum(dtype=float), 1)
    if reader.options.masks is not None and overlap < MIN_MASK_OVERLAP:
        raise UserError(
            f"--masks {reader.options.masks}: they overlap with the person that is seen by "
            f"{overlap:.0%} only; the person must be white, and mask 1 belong to frame 1"
        )
    return own


def _pictures(reader: VideoReader, own: Spool) -> Iterator[np.ndarray]:
    """The pictures of a video; the masks that it brings are kept, coarse."""
    for picture, mask in reader.with_masks():
        if mask is not None:
            own.append(shrink(mask))
        yield picture


def _transitions(tracks: Tracks, thumbnails: np.ndarray, stages: Stages) -> list[Transition]:
    def compute() -> Arrays:
        _, height, width, _ = thumbnails.shape
        pictures = Slices(thumbnails, lambda part: part.astype(np.float32))
        masks = Slices(tracks.masks, lambda part: _resized(part, (height, width)))
        found = find_transitions(pictures, masks)
        return {"transitions": np.array([(t.first, t.last) for t in found], int).reshape(-1, 2)}

    def note(found: Arrays) -> str:
        return f"{len(found['transitions'])} cuts or dissolves"

    found = stages.run("clips", {}, compute, note=note)
    return [Transition(int(a), int(b)) for a, b in found["transitions"]]


def _tracks(found: Arrays) -> Tracks:
    return Tracks(**{name: found[name] for name in Tracks.__dataclass_fields__})


def _seen_note(found: Arrays) -> str:
    tracks = _tracks(found)
    face, hands = tracks.face_confidence > 0, tracks.hands_confidence > 0
    return (
        f"person in {seen(tracks).mean():.0%}, face in {face.mean():.0%}, "
        f"hands in {hands.mean():.0%} of the frames"
    )


def _notes(tracks: Tracks, reader: VideoReader) -> list[str]:
    notes = list(reader.notes)
    if reader.corrupt:
        notes.append(f"{reader.corrupt} frames lost to damage in the file")
    lost = int((~seen(tracks)).sum())
    if lost:
        notes.append(f"{lost} frames without a person dropped")
    notes += [note for note in (crowd_note(tracks), lying_note(tracks)) if note]
    return notes


def without_smears(good: np.ndarray, suspect: list[int]) -> tuple[np.ndarray, list[str]]:
    """Leave out what was predicted from lost frames, unless that is more than half of the video.

    Args:
        good: [T] bool, frames that show the person.
        suspect: Numbers of frames between a loss and the next key frame.

    Returns:
        [T] bool frames to keep, and what a person should know.
    """
    clean = good.copy()
    clean[suspect] = False
    smeared = int((good & ~clean).sum())
    if not smeared:
        return good, []
    if 2 * clean.sum() >= good.sum():
        return clean, [f"{smeared} frames after the damage dropped, they may show smears"]
    return good, [
        f"{smeared} frames after the damage may show smears, too many to drop them: look at the "
        "quality sheet, or copy the video anew from the camera"
    ]


def _unbroken(clips: list[tuple[int, int]], good: np.ndarray) -> list[tuple[int, int]]:
    """The clips without frames that are not good; stretches that are too short are dropped."""
    ranges = []
    for a, b in clips:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], good[a:b].astype(int), [0]])))
        ranges += [(a + int(i), a + int(j)) for i, j in edges.reshape(-1, 2)]
    return [(a, b) for a, b in ranges if b - a >= MIN_CLIP_FRAMES]


def _resized(masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[T, h, w] uint8 masks at another size, in [0, 1]."""
    value = torch.from_numpy(masks).float()[:, None] / 255
    return torch.nn.functional.interpolate(value, size, mode="area")[:, 0].numpy()
