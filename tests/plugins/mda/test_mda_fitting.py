import pytest
import torch
from avatar_kit_mda.config import FitConfig, MdaConfig, PriorConfig
from avatar_kit_mda.corpus import gather
from avatar_kit_mda.fitting import fit_decoder, history_frames
from avatar_kit_mda.networks import PosePrior
from avatar_kit_mda.procedural import procedural_corpus
from avatar_kit_mda.rotations import geodesic, matrices_from_six
from avatar_kit_mda.training import learn_prior, train_prior

from avatar_kit.aligners.rotations import six_from_rotvec
from avatar_kit.errors import UserError
from avatar_kit.scene import Motion


def test_history_never_crosses_a_cut():
    before = history_frames([3, 2], 2)
    assert before.tolist() == [[0, 0], [0, 0], [0, 1], [3, 3], [3, 3]]


def test_prior_learns_and_keeps_its_best_weights():
    torch.manual_seed(0)
    poses = gather(procedural_corpus(0, clips=12, seconds=4.0), distinct=4.0, seed=0)
    lines: list[str] = []
    settings = PriorConfig(steps=120, batch=64, validate_every=20, learning_rate=3e-3)
    prior = PosePrior(16, 64)
    figures = train_prior(prior, poses, settings, lambda done, total, line: lines.append(line))
    degrees = [float(line.split()[2]) for line in lines]
    assert len(lines) == 6
    assert degrees[-1] < 0.6 * degrees[0]
    assert figures.degrees <= min(degrees) + 0.5
    assert not prior.training


@pytest.mark.parametrize("seed", [0, 3])
def test_no_joint_settles_turned_around(seed):
    """Held to places from the start, joints of the spine end 84 and 96 degrees off here."""
    torch.manual_seed(0)
    encoder = PosePrior(16, 64).encoder.eval().requires_grad_(False)
    takes = [six_from_rotvec(m.body_pose) for m in procedural_corpus(0, clips=2, seconds=4.0)]
    config = FitConfig(steps=120, batch=64, learning_rate=3e-3, code_noise=0.5, seed=seed)
    decoder, _ = fit_decoder(encoder, takes, 4, config)
    poses = torch.cat(takes)
    with torch.no_grad():
        codes, _ = encoder(poses)
        said = decoder(codes, poses[history_frames([len(take) for take in takes], 4)])
    angles = geodesic(matrices_from_six(said), matrices_from_six(poses)).rad2deg()
    assert angles.mean(0).max() < 60


def test_decoder_learns_and_the_encoder_stays_as_it_is():
    torch.manual_seed(0)
    encoder = PosePrior(16, 64).encoder.eval().requires_grad_(False)
    kept = {name: value.clone() for name, value in encoder.state_dict().items()}
    takes = [six_from_rotvec(m.body_pose) for m in procedural_corpus(0, clips=2, seconds=4.0)]
    _, few = fit_decoder(encoder, takes, 4, FitConfig(steps=10, batch=64))
    decoder, many = fit_decoder(encoder, takes, 4, FitConfig(steps=120, batch=64))
    assert many < 0.5 * few
    assert all(torch.equal(kept[name], value) for name, value in encoder.state_dict().items())
    again, _ = fit_decoder(encoder, takes, 4, FitConfig(steps=120, batch=64))
    for a, b in zip(decoder.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_loss_that_is_never_finite_is_said():
    poses = gather(procedural_corpus(0, clips=2, seconds=2.0), distinct=4.0, seed=0)
    prior = PosePrior(4, 8)
    torch.nn.init.constant_(prior.decoder[0].weight, float("nan"))
    with pytest.raises(UserError, match="lower learn_prior"):
        train_prior(prior, poses, PriorConfig(steps=1, batch=8), lambda done, total, line: None)


def test_a_corpus_that_does_not_move():
    config = MdaConfig(latent=4, width=8)
    with pytest.raises(UserError, match="fewer than two different poses"):
        learn_prior(config, [Motion.rest(9)], lambda done, total, line: None)
