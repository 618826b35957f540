"""Dataset: makes or reads a capture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avatar_kit.capture import Capture
    from avatar_kit.config import BodyConfig, DatasetConfig


class Dataset(ABC):
    """One person, recorded. Every format maps onto :class:`~avatar_kit.capture.Capture`.

    Attributes:
        body: The body model of the training, set before :meth:`open`; None: the default one. If
            the poses of a dataset fit every body, it gives the person's shape for this body. A
            capture that was made with a certain body ignores it.
    """

    body: BodyConfig | None = None

    def __init__(self, config: DatasetConfig):
        self.config = config

    @abstractmethod
    def open(self, size: int | None = None) -> Capture:
        """The capture that the config names; generated first if the dataset generates its data.

        Args:
            size: Picture height of the training in pixels. A dataset that generates its pictures
                may use it if its config sets no size; other datasets ignore it.

        Raises:
            UserError: The path does not exist or does not contain what is expected.
        """
