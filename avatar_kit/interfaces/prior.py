"""Priors: what an aligner learns once from a corpus of motion, for all avatars."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from avatar_kit.scene import Motion

if TYPE_CHECKING:
    from avatar_kit.config import AlignerConfig


@dataclass(frozen=True)
class Corpus:
    """Motions to learn a prior from.

    Attributes:
        clips: Clip name -> a motion that is continuous in time and finite; names are
            ``FILE#CLIP`` or ``FILE``, unique.
        sources: File name -> sha256 of its content; empty for an embedded corpus.
    """

    clips: Mapping[str, Motion]
    sources: Mapping[str, str]

    @property
    def frames(self) -> int:
        """Poses in all clips."""
        return sum(len(clip) for clip in self.clips.values())


#: Called with updates done, updates in all, and a line on how it goes.
Report = Callable[[int, int, str], None]


class LearnsPrior(ABC):
    """What an :class:`~avatar_kit.interfaces.Aligner` also derives from if it rests on a prior.

    ``avatar-kit aligner train`` gathers the corpus and calls :meth:`train_prior` on the class; the
    aligner's config says which prior file an avatar's aligner reads.
    """

    @classmethod
    @abstractmethod
    def embedded_corpus(cls, config: AlignerConfig) -> Corpus:
        """The corpus to take where none is given, made from nothing; deterministic."""

    @classmethod
    @abstractmethod
    def train_prior(
        cls, config: AlignerConfig, corpus: Corpus, out: Path, report: Report
    ) -> Mapping[str, str]:
        """Learn a prior and write it, whole or not at all.

        Args:
            config: The aligner's config, with how to learn the prior.
            corpus: At least one clip.
            out: A safetensors file; its metadata names the corpus.
            report: To be called now and then.

        Returns:
            What was reached, for a person: a few words -> their value.

        Raises:
            UserError: The corpus does not do.
        """
