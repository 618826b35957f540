"""The first stages: decode, track, cut into clips of one person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.interfaces import PersonBox
from avatar_kit.io.read_options import ReadOptions, Rectangle
from avatar_kit.io.video import VideoReader, read_video
from avatar_kit.registry import Component
from avatar_kit.tracking.clips import Slices, Transition, find_transitions, split_clips
from avatar_kit.tracking.heading import AS_READ, find_heading, put_right
from avatar_kit.tracking.identity import appearance, changes
from avatar_kit.tracking.jumps import MIN_JUMP_RATIO, MIN_MOVED_AREA, find_jumps
from avatar_kit.tracking.one_person import in_box, one_person
from avatar_kit.tracking.packed import PackedMasks
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
            f"{video}: {len(reader)} frames to read, but at least {MIN_CLIP_FRAMES} are needed; "
            "film longer, or read more of it"
        )
    what = f"{len(reader)} frames, {reader.width}x{reader.height}, {reader.fps:g} fps"
    progress.finish("; ".join([what, *reader.notes]))
    return reader


def observe(
    readers: Sequence[VideoReader],
    tracker: Component,
    stages: Sequence[Stages],
    person: str | None = None,
    boxes: Sequence[Rectangle | None] = (),
) -> list[Observed]:
    """Track videos of one person and cut them into clips.

    Args:
        readers: The videos.
        tracker: A registered tracker.
        stages: Keep the results, of each video its own.
        person: Who is meant where several are shown one after another: a number from 1, or "all"
            if they are one.
        boxes: Of each video left, top, width and height, in upright pixels of the file, of who is
            meant in the first picture that is read; None: the largest.

    Raises:
        UserError: The frames of a video change size, it shows no person, or several people are
            shown and it was not said which is meant.
        Unavailable: The tracker's package or model files are not here.
    """
    boxes = boxes or [None] * len(readers)
    looked = [_look(r, tracker, s, b) for r, s, b in zip(readers, stages, boxes, strict=True)]
    kept, notes = one_person(
        [(v.reader.path, v.ranges, v.looks) for v in looked], person, [bool(b) for b in boxes]
    )
    return [
        _observed(video, ranges, notes if k == 0 else [])
        for k, (video, ranges) in enumerate(zip(looked, kept, strict=True))
    ]


@dataclass(frozen=True)
class _Looked:
    """A video after tracking, before it is known who is meant."""

    reader: VideoReader
    tracks: Tracks
    looks: np.ndarray
    ranges: list[tuple[int, int]]
    notes: list[str]


def _look(
    reader: VideoReader, tracker: Component, stages: Stages, box: Rectangle | None
) -> _Looked:
    found = _landmarks(reader, tracker, stages, box)
    tracks = _tracks(found)
    check_person(tracks, reader.path)
    thumbnails = found.pop("thumbnails")
    transitions = _transitions(tracks, thumbnails, stages)
    good, smears = without_smears(seen(tracks), reader.suspect)
    looks = appearance(tracks, thumbnails, reader.width)
    cuts = split_clips(len(tracks), transitions, reader.gaps)
    turns = changes(tracks, looks, cuts)
    ranges = _unbroken(split_clips(len(tracks), transitions, [*reader.gaps, *turns]), good)
    notes = [str(t) for t in transitions] + _notes(tracks, reader, box) + smears
    return _Looked(reader, tracks, looks, ranges, notes)


def _observed(video: _Looked, ranges: list[tuple[int, int]], others: list[str]) -> Observed:
    """What the chosen ranges of a video show."""
    frames = np.concatenate([np.arange(a, b) for a, b in ranges]) if ranges else np.array([], int)
    if len(frames) < MIN_CLIP_FRAMES:
        raise UserError(
            f"{video.reader.path}: no {MIN_CLIP_FRAMES} frames in a row show a person; film longer"
        )
    edges = np.concatenate([[0], np.cumsum([b - a for a, b in ranges])])
    clips = [(int(a), int(b)) for a, b in pairwise(edges)]
    kept = video.tracks.at(frames)
    way = find_heading(kept, clips, video.reader.fps).way
    notes = video.notes + others
    if exchanged := int((way != AS_READ).sum()):
        notes.append(f"left and right were swapped in {exchanged} frames: corrected")
    return Observed(video.reader, put_right(kept, way), frames, clips, notes)


def _landmarks(
    reader: VideoReader, tracker: Component, stages: Stages, box: Rectangle | None
) -> Arrays:
    """What :func:`watch` finds, and what the reader learns of the file while it is read."""
    implementation, config = tracker.load(), tracker.config(type=tracker.name)
    if box is not None and not implementation.chooses:
        raise UserError(f"--box: the tracker '{tracker.name}' finds only one person; omit --box")

    def choose(people: list[PersonBox]) -> int:
        assert box is not None
        corners = np.array(people, dtype=np.float64).reshape(-1, 2, 2)
        placed = reader.in_file(corners)  # turned back, its corners may have changed places
        boxes = np.concatenate([placed.min(1), placed.max(1)], -1)
        return in_box(boxes, box, reader.path)

    def compute() -> Arrays:
        own = PackedMasks()
        with closing(implementation(config)) as watching:
            pictures = _pictures(reader, own)
            chosen = choose if box is not None else None
            found = watch(watching, pictures, stages.progress.step, chosen)
        masks = found.pop("masks")
        if reader.masked:  # the video knows better than the tracker
            masks = _checked(own, masks, reader)
        damage = {"gaps": reader.gaps, "suspect": reader.suspect, "corrupt": reader.corrupt}
        found |= masks.arrays()
        return found | {name: np.array(value, int) for name, value in damage.items()}

    options = config.model_dump(mode="json") | ({"box": box} if box is not None else {})
    found = stages.run("landmarks", options, compute, total=len(reader), note=_seen_note)
    reader.corrupt, reader.gaps = int(found["corrupt"]), found["gaps"].tolist()
    reader.suspect = found["suspect"].tolist()
    return found


def _checked(own: PackedMasks, tracked: PackedMasks, reader: VideoReader) -> PackedMasks:
    """Masks that came with the video, unless they were made by a person and show another one.

    Raises:
        UserError: They hardly overlap with what the tracker sees.
    """
    some = np.unique(np.linspace(0, len(own) - 1, 100).astype(int))
    both, either = np.minimum(own[some], tracked[some]), np.maximum(own[some], tracked[some])
    overlap = both.sum(dtype=float) / max(either.sum(dtype=float), 1)
    if reader.options.masks is not None and overlap < MIN_MASK_OVERLAP:
        raise UserError(
            f"--masks {reader.options.masks}: they overlap with the tracked person by only "
            f"{overlap:.0%}; the person must be white, and mask 1 must belong to frame 1"
        )
    return own


def _pictures(reader: VideoReader, own: PackedMasks) -> Iterator[np.ndarray]:
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
        found = sorted([*found, *find_jumps(pictures, masks, found)], key=lambda t: t.first)
        return {"transitions": np.array([(t.first, t.last) for t in found], int).reshape(-1, 2)}

    def note(found: Arrays) -> str:
        return f"{len(found['transitions'])} cuts or dissolves"

    options = {"jumps": [MIN_JUMP_RATIO, MIN_MOVED_AREA]}
    found = stages.run("clips", options, compute, note=note)
    return [Transition(int(a), int(b)) for a, b in found["transitions"]]


def _tracks(found: Arrays) -> Tracks:
    names = [name for name in Tracks.__dataclass_fields__ if name != "masks"]
    return Tracks(masks=PackedMasks.from_arrays(found), **{name: found[name] for name in names})


def _seen_note(found: Arrays) -> str:
    tracks = _tracks(found)
    face, hands = tracks.face_confidence > 0, tracks.hands_confidence > 0
    return (
        f"person in {seen(tracks).mean():.0%}, face in {face.mean():.0%}, "
        f"hands in {hands.mean():.0%} of the frames"
    )


def _notes(tracks: Tracks, reader: VideoReader, box: Rectangle | None) -> list[str]:
    notes = list(reader.notes)
    if reader.corrupt:
        notes.append(f"{reader.corrupt} frames lost because the file is damaged")
    lost = int((~seen(tracks)).sum())
    if lost:
        notes.append(f"{lost} frames without a person dropped")
    if box is None:
        crowd = crowd_note(tracks)
    else:
        crowd = crowd_note(tracks, "the person in --box")
        notes.append(f"the person in --box is followed, from {reader.options.start:g} s on")
    notes += [note for note in (crowd, lying_note(tracks)) if note]
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
        return clean, [f"{smeared} frames after the damage dropped, because they may be smeared"]
    return good, [
        f"{smeared} frames after the damage may be smeared, too many to drop them: look at the "
        "quality sheet, or copy the video from the camera again"
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
