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
        body: The body that a training is configured with, set before :meth:`open`; None: the
            default one. A dataset whose poses any body can take gives the person's shape in it; a
            capture that was made with a body ignores it.
    """

    body: BodyConfig | None = None

    def __init__(self, config: DatasetConfig):
        self.config = config

    @abstractmethod
    def open(self, size: int | None = None) -> Capture:
        """The capture named by the config; made first if this dataset makes its data.

        Args:
            size: Height in pixels that training works at. A dataset that makes its pictures may
                follow it where its config leaves the size open; others ignore it.

        Raises:
            UserError: The path does not exist or does not hold what is expected.
        """
