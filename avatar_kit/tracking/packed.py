"""Masks of a whole video, compressed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

#: Level of zlib: its quickest takes a mask of 83 KB to some 4 KB.
_LEVEL = 1


class PackedMasks:
    """[T, h, w] uint8, of which each mask is compressed until it is looked at.

    A number takes one mask out of it, a slice or an array of numbers some, as an array. Those of
    five minutes at 60 frames a second would need 1.5 GB otherwise.

    Args:
        packed: The T compressed masks.
        size: Height and width of all of them in pixels.
    """

    def __init__(self, packed: Sequence[bytes] = (), size: tuple[int, int] = (0, 0)):
        self._packed, self._size = list(packed), size

    @classmethod
    def of(cls, masks: Iterable[np.ndarray]) -> PackedMasks:
        """Those of an array [T, h, w] uint8, or one by one."""
        found = cls()
        for mask in masks:
            found.append(mask)
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> PackedMasks:
        """What :meth:`arrays` gave."""
        parts = np.split(arrays["masks_packed"], arrays["masks_ends"][:-1])
        height, width = arrays["masks_size"].tolist()
        return cls([part.tobytes() for part in parts if len(part)], (height, width))

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as it may be written to a file."""
        return {
            "masks_packed": np.frombuffer(b"".join(self._packed), np.uint8),
            "masks_ends": np.cumsum([len(packed) for packed in self._packed], dtype=int),
            "masks_size": np.array(self._size),
        }

    def append(self, mask: np.ndarray) -> None:
        """Take one more [h, w] uint8, as large as the others."""
        if mask.dtype != np.uint8 or (self._packed and mask.shape != self._size):
            raise ValueError(f"{mask.dtype} {mask.shape} among masks of {self._size}")
        self._size = (mask.shape[0], mask.shape[1])
        self._packed.append(zlib.compress(mask.tobytes(), _LEVEL))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number, height and width."""
        return (len(self._packed), *self._size)

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[t] for t in range(len(self)))

    def __getitem__(self, frames: int | np.integer | slice | np.ndarray) -> np.ndarray:
        if isinstance(frames, int | np.integer):
            flat = np.frombuffer(bytearray(zlib.decompress(self._packed[frames])), np.uint8)
            return flat.reshape(self._size)
        found = np.empty((len(numbers := self._numbers(frames)), *self._size), np.uint8)
        for place, number in enumerate(numbers):
            found[place] = self[number]
        return found

    def at(self, frames: slice | np.ndarray) -> PackedMasks:
        """Some of them, still compressed."""
        return PackedMasks([self._packed[n] for n in self._numbers(frames)], self._size)

    def _numbers(self, frames: slice | np.ndarray) -> list[int]:
        return np.arange(len(self))[frames].tolist()


#: Masks [T, h, w] uint8 of a video.
Masks = np.ndarray | PackedMasks
