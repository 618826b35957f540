import pytest
from avatar_kit_mda.aligner import Mda
from avatar_kit_mda.config import FitConfig, MdaConfig, PriorConfig
from avatar_kit_mda.procedural import procedural_corpus
from mda_motions import BODY, gestures

from avatar_kit.interfaces import Corpus


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    """Small networks and short training; the prior is learned into a file."""
    path = tmp_path_factory.mktemp("prior") / "prior.safetensors"
    config = MdaConfig(
        prior=path,
        latent=16,
        width=64,
        learn_prior=PriorConfig(steps=250, batch=96, validate_every=50, learning_rate=3e-3),
        learn_avatar=FitConfig(steps=400, batch=64, learning_rate=3e-3),
    )
    clips = procedural_corpus(seed=1, clips=16, seconds=6.0)
    corpus = Corpus({str(i): clip for i, clip in enumerate(clips)}, {"waves.npz": "12" * 32})
    Mda.train_prior(config, corpus, path, lambda done, total, line: None)
    return config


@pytest.fixture(scope="session")
def fitted(config):
    """An aligner fitted to two takes of gestures."""
    aligner = Mda(config)
    aligner.fit([gestures(90), gestures(60, speed=0.31)], BODY)
    return aligner
