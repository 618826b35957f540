"""On real motion: a prior from other clips, an avatar of gestures, held-out takes of them."""

import re

import pytest
import torch
from avatar_kit_mda.aligner import Mda
from avatar_kit_mda.config import MdaConfig, PriorConfig
from avatar_kit_mda.rotations import matrices_from_six
from mda_motions import BODY

from avatar_kit.aligners.measure import geodesic_error, knn_distance, position_error
from avatar_kit.aligners.rotations import six_from_rotvec
from avatar_kit.interfaces import Corpus
from avatar_kit.io.motion.load import load_clips
from avatar_kit.scene.skeleton import joint_positions, rest_offsets
from tests.conftest import shared_file

pytestmark = pytest.mark.slow

GESTURES = re.compile(r"dataset-2_(raise-up|wave)")
ACROBATICS = ("backflip", "cartwheel", "roll", "spinkick", "dance_a", "jump")


def positions(body_pose):
    return joint_positions(matrices_from_six(six_from_rotvec(body_pose)), rest_offsets())


@pytest.fixture(scope="module")
def clips():
    return load_clips(shared_file("motion/bandai_smpl_15fps.npz"))


def is_held_out(name: str) -> bool:
    return int(name.rpartition("_")[2]) % 4 == 0


@pytest.fixture(scope="module")
def aligner(clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("prior") / "prior.safetensors"
    config = MdaConfig(prior=path, learn_prior=PriorConfig(steps=800))
    corpus = {name: clip for name, clip in clips.items() if not is_held_out(name)}
    Mda.train_prior(config, Corpus(corpus, {}), path, lambda done, total, line: None)
    aligner = Mda(config)
    aligner.fit(training(clips), BODY)
    return aligner


def training(clips):
    return [c for n, c in clips.items() if GESTURES.match(n) and not is_held_out(n)][::12]


def test_held_out_takes_of_the_same_motions(aligner, clips):
    held_out = [c for n, c in clips.items() if GESTURES.match(n) and is_held_out(n)][::8]
    pairs = [(clip.body_pose, aligner.align(clip).body_pose) for clip in held_out]
    degrees = torch.cat([geodesic_error(a, b).mean(1) for a, b in pairs]).mean().rad2deg()
    metres = torch.cat([position_error(positions(a), positions(b)) for a, b in pairs]).mean()
    assert degrees < 6
    assert metres < 0.020


def test_acrobatics_come_closer(aligner, clips):
    known = torch.cat([clip.body_pose for clip in training(clips)])
    file = load_clips(shared_file("motion/deepmimic_smpl_30fps.npz"))
    for name in ACROBATICS:
        source = file[name].resample(15.0)
        before = knn_distance(source.body_pose, known).mean()
        after = knn_distance(aligner.align(source).body_pose, known).mean()
        assert after < 0.7 * before, name
