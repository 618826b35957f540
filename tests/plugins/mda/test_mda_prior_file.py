import pytest
import safetensors.torch
import torch
from avatar_kit_mda.networks import PosePrior
from avatar_kit_mda.prior_file import load_prior, save_prior
from avatar_kit_mda.training import Figures
from safetensors import safe_open

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Corpus

CORPUS = Corpus({}, {"walks.npz": "cd" * 32})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "prior.safetensors"
    save_prior(path, PosePrior(8, 16), CORPUS, 123, Figures(3.0, 12.0, 40.0))
    return path


def test_round_trip(tmp_path):
    torch.manual_seed(0)
    prior = PosePrior(8, 16).eval()
    path = tmp_path / "prior.safetensors"
    save_prior(path, prior, CORPUS, 123, Figures(3.0, 12.0, 40.0))
    again, metadata = load_prior(path, 8, 16)
    pose = torch.randn(4, 126)
    assert torch.equal(again(pose)[0], prior(pose)[0])
    assert "cd" * 32 in metadata["corpus"]
    assert "non-commercial" in metadata["licence"]
    assert '"degrees": 3.0' in metadata["figures"]


def test_a_prior_of_another_layout(path):
    with pytest.raises(
        UserError, match=r"latent='8' width='16', but the config has aligner.latent=32"
    ):
        load_prior(path, 32, 512)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="avatar-kit aligner train"):
        load_prior(tmp_path / "none.safetensors", 8, 16)


def test_another_kind_of_file(tmp_path):
    path = tmp_path / "prior.safetensors"
    path.write_bytes(b"these are no tensors")
    with pytest.raises(UserError, match="no whole safetensors file"):
        load_prior(path, 8, 16)


def test_safetensors_of_something_else(tmp_path):
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(UserError, match="expected 'avatar-kit mda prior 1'"):
        load_prior(path, 8, 16)


def test_tensors_of_something_else(path):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    safetensors.torch.save_file({"a": torch.zeros(3)}, path, metadata)
    with pytest.raises(UserError, match="the tensor 'a' is unknown"):
        load_prior(path, 8, 16)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("encoder.mean.bias", lambda t: t[:3], r"is \(3,\) torch.float32, expected \(8,\)"),
        ("encoder.mean.bias", lambda t: t.double(), "torch.float64, expected"),
        ("encoder.mean.bias", lambda t: t * torch.nan, "holds NaN or a value beyond"),
        ("encoder.mean.bias", lambda t: t + 1e30, "holds NaN or a value beyond"),
        ("encoder.body.0.running_var", lambda t: -t - 1, "a negative variance"),
    ],
)
def test_values_that_no_training_gives(path, name, change, says):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = safetensors.torch.load_file(path)
    tensors[name] = change(tensors[name])
    safetensors.torch.save_file(tensors, path, metadata)
    with pytest.raises(UserError, match=f"'{name}'.*{says}"):
        load_prior(path, 8, 16)


def test_a_prior_that_does_not_say_what_it_was_learned_from(path):
    with safe_open(path, "pt") as file:
        metadata = {k: v for k, v in file.metadata().items() if k != "corpus"}
    safetensors.torch.save_file(safetensors.torch.load_file(path), path, metadata)
    with pytest.raises(UserError, match="metadata lack corpus"):
        load_prior(path, 8, 16)
