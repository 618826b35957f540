"""Method: trains an avatar on a capture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from avatar_kit.interfaces.avatar import Avatar
from avatar_kit.scene import FrameContext
from avatar_kit.scene.selecting import Index, rows

if TYPE_CHECKING:
    from avatar_kit.config import MethodConfig


@dataclass(frozen=True)
class Batch:
    """B training frames, each seen by one camera.

    If the method uses sequences, B is ``sequence`` times the number of samples, in time order:
    the first frame of every sample, then the second frame of every sample, and so on.

    Attributes:
        context: Posed bodies, cameras, frame numbers.
        image: [B, 3, H, W] the recorded pictures in [0, 1].
        mask: [B, 1, H, W] soft mask of the person in [0, 1].
        previous_image: [B, 3, H, W] picture at t-1 by the same camera, if the method uses
            neighbours. If the clip and the split have no t-1, it is the picture at t.
        next_image: [B, 3, H, W] the same for t+1.
        sequence: Number of consecutive frames of every sample.
    """

    context: FrameContext
    image: Tensor
    mask: Tensor
    previous_image: Tensor | None = None
    next_image: Tensor | None = None
    sequence: int = 1

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, index: Index) -> Batch:
        """The selected frames, as a batch without sequences."""
        chosen = rows(index)
        neighbours = (self.previous_image, self.next_image)
        before, after = (None if n is None else n[chosen] for n in neighbours)
        frames = (self.context[chosen], self.image[chosen], self.mask[chosen], before, after)
        return Batch(*frames)

    def parts(self, count: int) -> list[Batch]:
        """The batch cut into ``count`` parts of consecutive frames, for gradient accumulation."""
        size = -(-len(self) // count)
        if size >= len(self):
            return [self]
        return [self[i : i + size] for i in range(0, len(self), size)]

    def in_time(self) -> list[Batch]:
        """The ``sequence`` moments of the samples, one batch for each, in time order."""
        if self.sequence == 1:
            return [self]
        samples = len(self) // self.sequence
        return [self[i : i + samples] for i in range(0, len(self), samples)]

    def with_context(self, context: FrameContext) -> Batch:
        """The same pictures with another context."""
        return replace(self, context=context)

    def around_person(self, margin: int) -> Batch:
        """The batch cropped to the box around all its masks; the cameras are adjusted.

        Args:
            margin: Pixels to keep around the person, within the picture.
        """
        left, top, right, bottom = _person_box(self.mask, margin)
        window = (..., slice(top, bottom), slice(left, right))
        camera = self.context.camera.crop_resize(left, top, 1.0, right - left, bottom - top)
        before, after = (
            None if n is None else n[window] for n in (self.previous_image, self.next_image)
        )
        return Batch(
            replace(self.context, camera=camera),
            self.image[window],
            self.mask[window],
            before,
            after,
            self.sequence,
        )


def _person_box(mask: Tensor, margin: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what masks [B, 1, H, W] show, with a margin, inside the picture.

    The whole picture where they show nothing.
    """
    height, width = mask.shape[-2:]
    shown = (mask > 0.05).amax((0, 1))
    rows, columns = shown.any(1), shown.any(0)
    edges = [line.byte().argmax() for line in (columns, rows, columns.flip(0), rows.flip(0))]
    left, top, right, bottom, seen = torch.stack([*edges, shown.any()]).tolist()  # one wait
    if not seen:
        return 0, 0, width, height
    left, top = left - margin, top - margin
    right, bottom = width - right + margin, height - bottom + margin
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


@dataclass(frozen=True)
class Pool:
    """Training samples that a step may draw from.

    Attributes:
        positions: Positions in the training samples of the person that the step trains. A sample is
            a frame seen by one camera; with one camera the samples are the training frames.
        drawn: Number of earlier steps that drew from this pool. Every sample of the pool is drawn
            once before any is drawn again.
    """

    positions: Sequence[int]
    drawn: int


class Samples(Sequence[Batch]):
    """The training samples of one person in order, read and posed on access.

    A sample is a frame seen by a camera: a batch of one, without neighbours.
    """

    @abstractmethod
    def context(self, position: int) -> FrameContext:
        """The context of a sample, without reading its picture."""


class Method(ABC):
    """Trains an avatar: losses, optimisers, schedules, adversarial updates.

    The engine runs the loop and handles data, checkpoints and evaluation, so results are
    comparable. A learning rate is a function of the step, set in :meth:`training_step`. Everything
    else that changes must be in ``optimizers()``, ``modules()`` or the avatar, which are saved and
    restored.

    Its config declares what its losses need of a renderer besides the picture
    (``MethodConfig.wants``).

    Attributes:
        neighbours: Whether batches have the pictures at t-1 and t+1; may depend on the config.
        sequence: Number of consecutive frames of every sample of a batch; may depend on the config.
            Shorter clips are not used.
    """

    neighbours: bool = False
    sequence: int = 1

    def __init__(self, config: MethodConfig, avatar: Avatar):
        self.config = config
        self.avatar = avatar

    def prepare(self, samples: Samples) -> None:  # noqa: B027 - optional
        """Use the training samples before the first step, also of a resumed run.

        With several people it is called for each; ``context.person`` is the number of the person.
        """

    def pool(self, step: int) -> Pool | None:
        """The samples that a step draws its batch from. Default: None, the whole split.

        It must depend only on the step, because pictures are read ahead of the steps.
        """
        return None

    def person_at(self, step: int) -> tuple[int, int]:
        """The person that a step trains, and the number of earlier steps for this person.

        People alternate, so all of them get the same number of steps. With one person: (0, step).
        """
        own, person = divmod(step, 1 + len(self.avatar.others))
        return person, own

    @abstractmethod
    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Make one complete update (forward, backward, optimisers); return the detached losses.

        Args:
            batch: The training frames, on the device of the avatar. With pose refinement, bodies
                and cameras collect gradients.
            step: Number of updates before this one.
        """

    @abstractmethod
    def optimizers(self) -> dict[str, Optimizer]:
        """Name -> optimiser, for every optimiser whose state a resumed run needs."""

    def modules(self) -> dict[str, nn.Module]:
        """Trained modules that are not part of the avatar, such as a discriminator."""
        return {}

    def facts(self) -> dict[str, str]:
        """What a reader of the results must know and the config does not contain.

        For example, which perceptual network is installed. Printed before the first step and stored
        in ``environment.json``.
        """
        return {}
