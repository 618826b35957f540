"""How the picture of a scene moves because the camera does, and how to take it out.

A hand that holds a camera, a stand that gives way, a phone that refocuses: the still scene behind
the person shifts, turns and grows a little. The picture of a frame is followed from that of the
first frame of its clip (Lucas and Kanade 1981, in the inverse compositional form of Baker and
Matthews 2004), beside the person, and whatever the exposure does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import grid_sample, interpolate

from avatar_kit.tracking.clips import area_means
from avatar_kit.tracking.plate import grown

#: Longest side of the pictures that are compared, in pixels.
FOLLOWED_EDGE_PIXELS = 480
#: Pixels around the person that are not looked at, of those.
_MARGIN_PIXELS = 8
#: Halvings of these pictures that are gone through first, and steps in each.
_HALVINGS, _STEPS = 2, 8
#: A step shorter than this, in pixels, is the last.
_SMALL_STEP_PIXELS = 0.01
#: Grey levels a pixel: what is flatter shows no move. How many pixels are looked at, at most.
_EDGE_LEVELS, _LARGEST_COUNT = 2.0, 6_000
#: Fewer pixels tell nothing.
_LEAST_COUNT = 60
#: Usual shifts of a camera, and how far its turns move a corner, over the picture's long edge.
_USUAL_SHIFT, _USUAL_TURN = 0.02, 0.005
#: Pixels that err together.
_CORRELATED_PIXELS = 20.0
#: A point that moves by less than this, in pixels of the video, stands still.
STILL_PIXELS = 0.35
#: A move is believed where it takes away more than the rest of how far scene and frame differ.
BELIEVED_REST = 0.7
#: Moves up to this part of the picture's long edge are taken out.
LARGEST_MOVE_SHARE = 0.03


class Follower:
    """Follows the scene of one clip.

    Args:
        plate: [H, W, 3] uint8, the empty scene.
    """

    def __init__(self, plate: np.ndarray):
        self.size = np.array([plate.shape[1], plate.shape[0]], dtype=np.float64)
        self._levels = [_Edges(picture) for picture in _pyramid(plate)]
        self._last = np.eye(3)

    def follow(self, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, float]:
        """Where points of the plate are in the next frame.

        Args:
            image: [H, W, 3] uint8.
            mask: [h, w] uint8, coarse, of the person in it.

        Returns:
            [2, 3] similarity in pixels of the video, whose first pixel has its centre at
            (0.5, 0.5); and how far scene and frame differ with it over how far they do without.
        """
        pictures = _pyramid(image)
        free = _free(mask, pictures[0].shape)
        move, rest = self._last, 1.0
        for edges, picture in reversed(list(zip(self._levels, pictures, strict=True))):
            scale = np.diag([*(np.array(picture.shape[::-1]) / self.size), 1.0])
            found, rest = edges.aligned(picture, free, scale @ move @ np.linalg.inv(scale))
            move = np.linalg.inv(scale) @ found @ scale
        self._last = move
        return move[:2], rest


class _Edges:
    """Pixels of a grey picture [h, w] that a move of it changes."""

    def __init__(self, picture: np.ndarray):
        down, right = np.gradient(picture)
        slope = np.hypot(right, down)
        order = np.argsort(-slope, axis=None)[:_LARGEST_COUNT]
        chosen = np.sort(order[slope.ravel()[order] > _EDGE_LEVELS])
        y, x = (np.unravel_index(chosen, picture.shape) + np.zeros((2, 1))) + 0.5
        right, down = right.ravel()[chosen], down.ravel()[chosen]
        level = picture.ravel()[chosen]
        self.places = np.stack([x, y, np.ones_like(x)])
        self.level = level
        # of a shift in x and in y, a turn, growth; gain and offset of the exposure are found, too
        turn, growth = down * x - right * y, right * x + down * y
        self.changes = np.stack([right, down, turn, growth, level, np.ones_like(level)])

    def aligned(
        self, picture: np.ndarray, free: np.ndarray, move: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """The likeliest move [3, 3] to a picture [h, w], from a first guess of it.

        Args:
            picture: Grey.
            free: [h, w] 1 where it shows the scene, of any size.
            move: [3, 3].

        Returns:
            The move, and how far the two differ with it over how far they do without any.
        """
        edge = float(max(picture.shape))
        # how large shifts, turn and growth are before anything was seen
        usual = np.array([edge * _USUAL_SHIFT] * 2 + [_USUAL_TURN] * 2)
        prior = np.concatenate([usual**-2.0, [1e-9, 1e-9]])
        for _ in range(_STEPS):
            off, weight = self._compared(picture, free, move)
            if (weight > 0).sum() < _LEAST_COUNT:
                return move, 1.0
            weight = weight / _CORRELATED_PIXELS
            at = np.array([*move[:2, 2], move[1, 0], move[0, 0] - 1, 0, 0])
            normal = (self.changes * weight) @ self.changes.T + np.diag(prior)
            target = (self.changes * weight) @ off + prior * at
            x, y, turn, growth = np.linalg.solve(normal, target)[:4]
            step = np.array([[1 + growth, -turn, x], [turn, 1 + growth, y], [0, 0, 1]])
            move = move @ np.linalg.inv(step)
            if max(abs(x), abs(y), edge * abs(turn), edge * abs(growth)) < _SMALL_STEP_PIXELS:
                break
        rests = [self._rest(picture, free, m) for m in (move, np.eye(3))]
        return move, rests[0] / max(rests[1], 1e-6)

    def _compared(self, picture, free, move) -> tuple[np.ndarray, np.ndarray]:
        """[N] by how much a picture is brighter at the pixels' places, and how much that counts."""
        x, y = (move @ self.places)[:2]
        height, width = picture.shape
        inside = (x > 0.5) & (x < width - 0.5) & (y > 0.5) & (y < height - 0.5)
        rows = (y * (free.shape[0] / height)).astype(int).clip(0, free.shape[0] - 1)
        columns = (x * (free.shape[1] / width)).astype(int).clip(0, free.shape[1] - 1)
        known = inside & (free[rows, columns] > 0)
        off = _between(picture, x, y) - self.level
        return off, known * _believed(off, known) if known.any() else known.astype(float)

    def _rest(self, picture, free, move) -> float:
        """Typical grey levels between picture and scene, beside gain and offset."""
        off, weight = self._compared(picture, free, move)
        light = self.changes[4:]
        normal = (light * weight) @ light.T + 1e-9 * np.eye(2)
        left = off - np.linalg.solve(normal, (light * weight) @ off) @ light
        squares = np.sort(left[weight > 0] ** 2)
        return float(np.sqrt(squares[: int(0.8 * len(squares)) + 1].mean()))


def displacement(moves: np.ndarray, width: int, height: int) -> np.ndarray:
    """[T] pixels that the corner of the picture that moves most has moved; moves [T, 2, 3]."""
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
    off = corners @ moves.transpose(0, 2, 1) - corners[:, :2]
    return np.linalg.norm(off, axis=-1).max(-1)


def moved_back(pictures: np.ndarray, move: np.ndarray) -> np.ndarray:
    """A picture or mask [H, W] or [H, W, C] uint8 as the clip's first frame would show it.

    What lies outside repeats the border.

    Args:
        pictures: Of a frame.
        move: [2, 3] of :class:`Follower`, in pixels of this picture.
    """
    planes = torch.from_numpy(np.atleast_3d(pictures)).permute(2, 0, 1)[None].float()
    found = _warped(planes, move).clamp(0, 255) + 0.5
    return found[0].permute(1, 2, 0).byte().numpy().reshape(pictures.shape)


def points_back(points: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Points [T, ..., 2] of T frames as the first frames of their clips would show them."""
    found = np.empty_like(points)
    for t, move in enumerate(moves):
        back = np.linalg.inv(np.vstack([move, [0, 0, 1]]))
        found[t] = points[t] @ back[:2, :2].T + back[:2, 2]
    return found


def _pyramid(image: np.ndarray) -> list[np.ndarray]:
    """Grey pictures [h, w] of an image [H, W, 3], the largest first."""
    step = -(-max(image.shape[:2]) // FOLLOWED_EDGE_PIXELS)
    levels = [area_means(image.mean(-1, dtype=np.float32), step)]
    for _ in range(_HALVINGS):
        levels.append(area_means(levels[-1], 2))
    return levels


def _free(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """[h, w] 1 where a coarse mask [h', w'] uint8 leaves the scene free, at another size."""
    person = torch.from_numpy(mask)[None, None].float()
    person = interpolate(person, size, mode="area")
    return (grown(person, _MARGIN_PIXELS)[0, 0] < 25).numpy().astype(np.float32)


def _between(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[N] bilinear values of a picture [h, w] at places [N]; the border is repeated."""
    x, y = (
        (v - 0.5).clip(0, n - 1.000001) for v, n in ((x, picture.shape[1]), (y, picture.shape[0]))
    )
    i, j = y.astype(int), x.astype(int)
    v, u = y - i, x - j
    i1, j1 = np.minimum(i + 1, picture.shape[0] - 1), np.minimum(j + 1, picture.shape[1] - 1)
    top = (1 - u) * picture[i, j] + u * picture[i, j1]
    return (1 - v) * top + v * ((1 - u) * picture[i1, j] + u * picture[i1, j1])


def _believed(off: np.ndarray, known: np.ndarray) -> np.ndarray:
    """One over the variance of residuals; what is far off, a shadow, is not the camera's move."""
    inside = off[known]
    middle = np.median(inside)
    spread = 1.5 * np.median(np.abs(inside - middle)) + 1.0
    return np.asarray(spread**-2.0 / (1 + ((off - middle) / (2 * spread)) ** 2) ** 2)


def _warped(planes: torch.Tensor, move: np.ndarray) -> torch.Tensor:
    """Planes [1, C, h, w] read where the move [2, 3] puts their pixels."""
    height, width = planes.shape[-2:]
    y, x = np.mgrid[:height, :width] + 0.5
    at = np.stack([x, y, np.ones_like(x)], -1) @ move.T
    grid = torch.from_numpy((2 * at / (width, height) - 1).astype(np.float32))[None]
    return grid_sample(planes, grid, mode="bicubic", padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class Steadiness:
    """How the camera moves.

    Attributes:
        moves: [T, 2, 3] where points of the plate are in each frame, in pixels of the video.
        rest: [T] how far scene and frame differ with the move over how far they do without.
        width: Of the picture.
        height: Of the picture.
    """

    moves: np.ndarray
    rest: np.ndarray
    width: int
    height: int

    @property
    def pixels(self) -> float:
        """How far the picture moves, in pixels: the 95th percentile over the frames."""
        return float(np.quantile(displacement(self.moves, self.width, self.height), 0.95))

    @property
    def still(self) -> bool:
        """Whether the camera stood still, as far as the scene shows: a plain wall hides moves."""
        return self.pixels < STILL_PIXELS or float(np.median(self.rest)) > BELIEVED_REST

    @property
    def small(self) -> bool:
        """Whether it moved so little that its moves can be taken out."""
        return self.pixels <= LARGEST_MOVE_SHARE * max(self.width, self.height)
