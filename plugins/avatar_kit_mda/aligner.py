"""Motion Distribution Align (RAM-Avatar, section 3.3)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from avatar_kit.aligners.rotations import rotvec_from_six, six_from_rotvec
from avatar_kit.config import AlignerConfig
from avatar_kit.interfaces import Aligner, Corpus, LearnsPrior
from avatar_kit.interfaces.prior import Report
from avatar_kit.io.cache import cache_dir
from avatar_kit.scene import Motion
from avatar_kit_mda import prior_file
from avatar_kit_mda.config import MdaConfig
from avatar_kit_mda.fitting import fit_decoder
from avatar_kit_mda.networks import POSE, ConditionalDecoder, PoseEncoder
from avatar_kit_mda.procedural import procedural_corpus
from avatar_kit_mda.rotations import geodesic, matrices_from_six, orthonormal
from avatar_kit_mda.training import learn_prior

logger = logging.getLogger(__name__)

#: Training poses kept to start from; the most different ones.
_STARTS = 256


class Mda(Aligner, LearnsPrior):
    """A frozen encoder reads a pose, a decoder that knows only the avatar's poses says it again.

    The decoder also sees the four poses it said before, so that what it says is continuous. Root,
    hands and face pass through.

    Attributes:
        encoder: Of the prior.
        decoder: Of the avatar.
        starts: [N, 126] training poses; a motion starts from the one nearest to its first pose.
    """

    needs_fit = True
    history = 4
    sized_by_training = ("starts",)
    config: MdaConfig
    starts: Tensor

    def __init__(self, config: MdaConfig):
        super().__init__(config)
        self.encoder = PoseEncoder(config.latent, config.width)
        self.decoder = ConditionalDecoder(config.latent, self.history, config.width)
        self.register_buffer("starts", torch.zeros(0, POSE))
        self._facts: dict[str, str] = {}
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Mda:
        """Stay as fitted: the statistics of the encoder do not move while an avatar trains."""
        return super().train(False)

    def learn(self, clips: Sequence[Motion]) -> None:
        """Read the prior and fit the decoder to the clips. On the CPU: the networks are small."""
        device = self.starts.device
        path = self.config.prior or self._embedded_prior()
        prior, metadata = prior_file.load_prior(path, self.config.latent, self.config.width)
        self.encoder.load_state_dict(prior.encoder.state_dict())
        poses = [six_from_rotvec(clip.body_pose.cpu().float()) for clip in clips]
        settings = self.config.learn_avatar
        decoder, degrees = fit_decoder(self.encoder.cpu(), poses, self.history, settings)
        self.decoder.load_state_dict(decoder.state_dict())
        self.starts = farthest(torch.cat(poses), _STARTS)
        self._facts = {
            "prior": str(self.config.prior or "embedded procedural corpus"),
            "prior_corpus": metadata["corpus"],
            "prior_figures": metadata["figures"],
            "prior_licence": metadata["licence"],
            "training_degrees": f"{degrees:.2f}",
        }
        self.to(device)

    def facts(self) -> dict[str, str]:
        """Which prior, from what, and how well the training poses come back."""
        return self._facts

    @torch.no_grad()
    def step(self, frame: Motion, state: Tensor | None) -> tuple[Motion, Tensor]:
        """Align a frame; the state is [4, 126], the poses said before, oldest first."""
        pose = six_from_rotvec(frame.body_pose.to(self.starts.dtype))
        before = self._start(pose) if state is None else state
        code, _ = self.encoder(pose)
        said = orthonormal(self.decoder(code, before[None]))
        aligned = replace(frame, body_pose=rotvec_from_six(said).to(frame.body_pose.dtype))
        return aligned, torch.cat((before[1:], said))

    def _start(self, pose: Tensor) -> Tensor:
        """[4, 126]: the training pose nearest to a pose [1, 126], as if it had been held."""
        angles = geodesic(matrices_from_six(self.starts), matrices_from_six(pose)).mean(-1)
        return self.starts[angles.argmin()].repeat(self.history, 1)

    def _embedded_prior(self) -> Path:
        """The prior of the embedded corpus, learned once and kept in the cache."""
        config = self.config.model_dump_json(include={"latent", "width", "learn_prior"})
        key = hashlib.sha256(f"{prior_file.FORMAT} {config}".encode()).hexdigest()[:16]
        path = cache_dir("mda") / f"procedural-{key}.safetensors"
        if not path.exists():
            logger.warning(
                "aligner 'mda': no prior given; learning one from the embedded procedural "
                "corpus (once, some minutes). A prior from motion capture is better: avatar-kit "
                "aligner train"
            )
            corpus = self.embedded_corpus(self.config)
            self.train_prior(self.config, corpus, path, lambda done, total, line: None)
        return path

    @classmethod
    def embedded_corpus(cls, config: AlignerConfig) -> Corpus:
        """Moves, gaits, waves and walks through joint limits."""
        assert isinstance(config, MdaConfig)
        motions = procedural_corpus(config.learn_prior.seed)
        return Corpus({f"procedural#{i:03d}": motion for i, motion in enumerate(motions)}, {})

    @classmethod
    def train_prior(
        cls, config: AlignerConfig, corpus: Corpus, out: Path, report: Report
    ) -> Mapping[str, str]:
        """Learn the autoencoder and write it."""
        assert isinstance(config, MdaConfig)
        prior, figures, poses = learn_prior(config, list(corpus.clips.values()), report)
        prior_file.save_prior(out, prior, corpus, poses, figures)
        return {
            "poses": str(poses),
            "held-out rotation error": f"{figures.degrees:.2f} degrees",
            "held-out joint error": f"{figures.millimetres:.1f} mm",
            "divergence": f"{figures.nats:.1f} nats",
            "licence": prior_file.LICENCE,
        }


def farthest(poses: Tensor, count: int) -> Tensor:
    """Up to ``count`` of poses [N, 126], each the farthest from those before it."""
    chosen = [0]
    distance = (poses - poses[0]).square().sum(1)
    while len(chosen) < min(count, len(poses)):
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (poses - poses[chosen[-1]]).square().sum(1))
    return poses[chosen]
