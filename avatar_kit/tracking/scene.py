"""The stage that looks at the scene behind the person: its plates, and how the camera moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from avatar_kit.io.freed_memory import give_back
from avatar_kit.tracking.matte import light_beside
from avatar_kit.tracking.observe import Observed
from avatar_kit.tracking.packed import PackedMasks
from avatar_kit.tracking.plate import Plate, find_plate, sample
from avatar_kit.tracking.stages import Arrays, Stages
from avatar_kit.tracking.steady import (
    LARGEST_MOVE_SHARE,
    Follower,
    Steadiness,
    moved_back,
    points_back,
)

#: A plate is believed if what it shows is this still: median grey levels between frames.
STILL_PLATE_LEVELS = 6.0
#: Grey levels between the pictures of a clip from which on their light may have changed.
_CHANGED_LIGHT_LEVELS = 2.0
#: Times that a plate is found anew from pictures that were brought to it.
_ROUNDS = 2


@dataclass(frozen=True)
class Scene:
    """What stands behind the person in T frames of C clips.

    Attributes:
        plates: [C, H, W, 3] uint8, the empty scene of every clip.
        known: [C, H, W] bool, where it was seen; elsewhere it is filled from around.
        wander: [C] how much the scene of each clip changes, in grey levels.
        moves: [T, 2, 3] where points of a clip's plate are in each frame, in pixels.
        pixels: [C] how far the picture moves with the camera.
    """

    plates: np.ndarray
    known: np.ndarray
    wander: np.ndarray
    moves: np.ndarray
    pixels: np.ndarray

    @property
    def steady(self) -> bool:
        """Whether the camera stood still, or moved so little that its moves could be taken out."""
        return bool((self.pixels <= LARGEST_MOVE_SHARE * max(self.plates.shape[1:3])).all())

    @property
    def believed(self) -> bool:
        """Whether what differs from a plate is the person."""
        return self.steady and bool((self.wander < STILL_PLATE_LEVELS).all())

    @property
    def apart(self) -> float:
        """Median grey levels between the plates of the two clips that differ most."""
        coarse = self.plates[:, ::8, ::8].astype(np.int16)
        pairs = combinations(coarse, 2)
        return max((float(np.median(np.abs(a - b).max(-1))) for a, b in pairs), default=0.0)

    def mean(self, clips: Sequence[tuple[int, int]]) -> np.ndarray:
        """[H, W, 3] uint8, the plate that all frames share: each counts with that of its clip.

        The exposure of a camera often changes from clip to clip, and one plate stands behind all.
        """
        lengths = [end - start for start, end in clips]
        mean = np.empty(self.plates.shape[1:], np.uint8)
        for row in range(0, len(mean), 64):  # strips bound the memory
            strips = self.plates[:, row : row + 64]
            total = sum(
                n * image.astype(np.float64) for n, image in zip(lengths, strips, strict=True)
            )
            mean[row : row + 64] = np.rint(total / sum(lengths))
        return mean

    def plate(self, clip: int) -> Plate | None:
        """The plate of a clip; None where what differs from it may be something else."""
        if not self.believed:
            return None
        return Plate(self.plates[clip], self.known[clip], float(self.wander[clip]))

    def picture(self, image: np.ndarray, frame: int) -> np.ndarray:
        """A frame's picture [H, W, 3] or mask [H, W] as a camera on a stand would take it."""
        move = self.moves[frame]
        return image if np.array_equal(move, _STANDING) else moved_back(image, move)

    def notes(self) -> list[str]:
        """What a person should know of the camera."""
        moved = float(self.pixels.max())
        if not self.steady:
            return [
                f"the camera moves by {moved:.0f} pixels: masks are coarse, and positions in the "
                "room are not correct; put the camera on a tripod"
            ]
        return [f"the camera moves by {moved:.1f} pixels: corrected"] if moved > 0 else []


#: The move of a camera that stands.
_STANDING = np.eye(3)[:2]


def find_scene(observed: Observed, stages: Stages) -> Scene:
    """The plate of every clip, and how the camera moves in it."""

    def compute() -> Arrays:
        # each is kept once: they are the largest arrays of a long video of many clips
        size = (len(observed.clips), observed.reader.height, observed.reader.width)
        plates, known = np.empty((*size, 3), np.uint8), np.empty(size, bool)
        wander, moving = np.empty(size[0]), []
        for k, (clip, pictures) in enumerate(_samples(observed, stages)):
            look = _look(observed, clip, pictures)
            give_back()
            plates[k], known[k], wander[k] = look.plate.image, look.plate.known, look.plate.wander
            moving.append(look.moving)
        moves = np.tile(_STANDING, (len(observed.frames), 1, 1))
        pixels = np.zeros(len(moving))
        if any(moving):
            moves, pixels = _followed(observed, plates, moving)
        return {
            "plates": plates,
            "known": known,
            "wander": wander,
            "moves": moves,
            "pixels": pixels,
        }

    def note(found: Arrays) -> str:
        scene = Scene(**found)
        if not scene.steady:
            return f"the camera moves by {scene.pixels.max():.0f} pixels: coarse masks"
        if not scene.believed:
            return "the background moves: coarse masks"
        steadied = f", camera motion of {scene.pixels.max():.1f} pixels corrected"
        tail = steadied if scene.pixels.max() > 0 else ""
        if len(scene.plates) == 1:
            return "plate found" + tail
        return (
            f"the mean of {len(scene.plates)} plates that differ by up to {scene.apart:.0f} grey "
            "levels" + tail
        )

    # which frames, and so whose, is decided between the stages
    of = {"frames": observed.frames.tolist(), "clips": [list(clip) for clip in observed.clips]}
    return Scene(**stages.run("scene", of, compute, total=len(observed.reader), note=note))


def steadied(observed: Observed, scene: Scene) -> Observed:
    """What was seen, as a camera on a stand would have seen it, with what to say of the camera."""
    observed = replace(observed, notes=observed.notes + scene.notes())
    if (scene.moves == _STANDING).all():
        return observed
    tracks = observed.tracks
    width = observed.reader.width
    masks = PackedMasks.of(
        _mask_back(mask, move, width) for mask, move in zip(tracks.masks, scene.moves, strict=True)
    )
    points = {n: points_back(getattr(tracks, n), scene.moves) for n in ("body", "hands", "face")}
    return replace(observed, tracks=replace(tracks, **points, masks=masks))


@dataclass(frozen=True)
class _Look:
    """What a few frames tell of a clip."""

    plate: Plate
    moving: bool


def _samples(
    observed: Observed, stages: Stages
) -> Iterator[tuple[tuple[int, int], dict[int, np.ndarray]]]:
    """Every clip with some of its pictures, by frame; those of one clip at a time."""
    clips = iter(observed.clips)
    clip = next(clips)
    wanted = set(sample(clip).tolist())
    pictures: dict[int, np.ndarray] = {}
    place = {int(source): k for k, source in enumerate(observed.frames)}
    for number, picture in enumerate(observed.reader):
        stages.progress.step(number + 1)
        frame = place.get(number)
        if frame is None or frame not in wanted:
            continue
        pictures[frame] = picture
        if len(pictures) == len(wanted):
            yield clip, pictures
            clip = next(clips, (0, 0))
            wanted, pictures = set(sample(clip).tolist()) if clip[1] else set(), {}


def _look(observed: Observed, clip: tuple[int, int], pictures: dict[int, np.ndarray]) -> _Look:
    """The plate of a clip from some of its pictures, brought to each other if the camera moves.

    It takes the pictures out of the mapping, so that they are free before those of the next clip.
    """
    frames = sorted(pictures)
    images = [pictures.pop(f) for f in frames]
    masks = [observed.tracks.masks[f] for f in frames]
    plate = find_plate(images, masks)
    seen = _steadiness(plate, images, masks)
    moving = not seen.still
    if not moving and plate.wander < _CHANGED_LIGHT_LEVELS:
        return _Look(plate, moving)
    for _ in range(_ROUNDS):
        even, lights, behind = [], [], []
        for image, mask, move in zip(images, masks, seen.moves, strict=True):
            if moving:
                mask = _mask_back(mask, move, image.shape[1])
                image = moved_back(image, move)
            even.append(image)
            lights.append(light_beside(plate, image, mask))
            behind.append(mask)
        plate = find_plate(even, behind, lights)
        del even
        if moving:
            seen = _steadiness(plate, images, masks)
    return _Look(plate, moving)


def _steadiness(
    plate: Plate, images: Sequence[np.ndarray], masks: Sequence[np.ndarray]
) -> Steadiness:
    follower = Follower(plate.image)
    found = [follower.follow(i, m) for i, m in zip(images, masks, strict=True)]
    height, width = images[0].shape[:2]
    return Steadiness(
        np.stack([move for move, _ in found]), np.array([rest for _, rest in found]), width, height
    )


def _followed(
    observed: Observed, plates: np.ndarray, moving: list[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """[T, 2, 3] moves of all frames, and [C] by how many pixels; where they are too large: none."""
    moves = np.tile(_STANDING, (len(observed.frames), 1, 1))
    rest = np.ones(len(observed.frames))
    place = {int(source): k for k, source in enumerate(observed.frames)}
    clip_of = np.concatenate([np.full(b - a, k) for k, (a, b) in enumerate(observed.clips)])
    followers = [Follower(p) if moves else None for p, moves in zip(plates, moving, strict=True)]
    for number, picture in enumerate(observed.reader):
        frame = place.get(number)
        if frame is None or (follower := followers[clip_of[frame]]) is None:
            continue
        moves[frame], rest[frame] = follower.follow(picture, observed.tracks.masks[frame])
    width, height = observed.reader.width, observed.reader.height
    pixels = np.zeros(len(moving))
    for k, (a, b) in enumerate(observed.clips):
        seen = Steadiness(moves[a:b], rest[a:b], width, height)
        pixels[k] = 0.0 if seen.still else seen.pixels
        if seen.still or not seen.small:
            moves[a:b] = _STANDING
    return moves, pixels


def _mask_back(mask: np.ndarray, move: np.ndarray, width: int) -> np.ndarray:
    """A coarse mask [h, w] as the clip's plate would show it; the move is in the video's pixels."""
    scaled = move.copy()
    scaled[:, 2] *= mask.shape[1] / width
    return moved_back(mask, scaled)
