"""Checkpoints are whole or not there, and say what is wrong with them."""

import json

import pytest
import torch
from torch import nn

from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.errors import UserError


def write(folder, step, value=1.0, **state):
    tensors = {"w": torch.full((4, 3), value)}
    return ckpt.save_checkpoint(folder, step, tensors, {"m": torch.zeros(2)}, state)


def test_what_was_saved_is_loaded(tmp_path):
    path = write(tmp_path, 7, 3.5, method="ram")
    found = ckpt.load_checkpoint(path)
    assert found.step == 7
    assert found.state["method"] == "ram"
    assert torch.equal(found.weights()["w"], torch.full((4, 3), 3.5))
    assert torch.equal(found.training()["m"], torch.zeros(2))


def test_channels_last_tensors_survive(tmp_path):
    tensor = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    path = ckpt.save_checkpoint(tmp_path, 1, {"x": tensor}, {}, {})
    assert torch.equal(ckpt.load_checkpoint(path).weights()["x"], tensor)


@pytest.mark.parametrize("name", ["weights.safetensors", "training.safetensors"])
def test_a_truncated_file_is_named(tmp_path, name):
    path = write(tmp_path, 1)
    data = (path / name).read_bytes()
    (path / name).write_bytes(data[:-5])
    with pytest.raises(UserError, match=f"{name}: truncated or altered"):
        ckpt.load_checkpoint(path)


def test_a_damaged_state_file_is_named(tmp_path):
    path = write(tmp_path, 1)
    (path / "state.json").write_text('{"format": 1, "st')
    with pytest.raises(UserError, match=r"state\.json: not valid JSON"):
        ckpt.load_checkpoint(path)


def test_another_format_is_refused(tmp_path):
    path = write(tmp_path, 1)
    state = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**state, "format": 9}))
    with pytest.raises(UserError, match="format 9, this version reads 1"):
        ckpt.load_checkpoint(path)


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a checkpoint"):
        ckpt.load_checkpoint(tmp_path)


def test_the_latest_whole_one_is_taken_and_damage_is_reported(tmp_path):
    write(tmp_path, 1)
    (write(tmp_path, 2) / "weights.safetensors").write_bytes(b"")
    found, passed = ckpt.latest_checkpoint(tmp_path)
    assert found.step == 1
    assert len(passed) == 1
    assert "step-000002" in passed[0]


def test_no_whole_checkpoint_is_one_message(tmp_path):
    with pytest.raises(UserError, match="no complete checkpoint here"):
        ckpt.latest_checkpoint(tmp_path)


def test_an_interrupted_write_is_not_listed(tmp_path, monkeypatch):
    write(tmp_path, 1)

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(ckpt.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 2)
    assert [p.name for p in ckpt.list_checkpoints(tmp_path)] == ["step-000001"]


def test_the_last_k_and_the_best_are_kept(tmp_path):
    for step in range(1, 7):
        write(tmp_path, step)
    ckpt.prune(tmp_path, keep=2, best=3)
    assert [int(p.name[5:]) for p in ckpt.list_checkpoints(tmp_path)] == [3, 5, 6]


def test_steps_beyond_a_million_are_newer(tmp_path):
    for step in (999_999, 1_000_000, 1_000_001):
        write(tmp_path, step)
    assert ckpt.latest_checkpoint(tmp_path)[0].step == 1_000_001
    ckpt.prune(tmp_path, keep=2, best=None)
    assert [int(p.name[5:]) for p in ckpt.list_checkpoints(tmp_path)] == [1_000_000, 1_000_001]


def test_optimiser_state_makes_the_round_trip_bit_for_bit(tmp_path):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(3):
        model(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    tensors, described = ckpt.flatten_optimizer("net", optimizer.state_dict())
    path = ckpt.save_checkpoint(tmp_path, 3, model.state_dict(), tensors, {"o": described})
    found = ckpt.load_checkpoint(path)

    twin = nn.Linear(3, 2)
    twin.load_state_dict(found.weights())
    other = torch.optim.AdamW(twin.parameters(), lr=0.5)
    other.load_state_dict(ckpt.unflatten_optimizer("net", found.training(), found.state["o"]))
    data = torch.randn(4, 3)
    for net, opt in ((model, optimizer), (twin, other)):
        net(data).square().sum().backward()
        opt.step()
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True)
    )


@pytest.mark.parametrize("fused", [False, True])
def test_an_optimiser_goes_on_as_if_nothing_had_been(tmp_path, fused):
    def made():
        net = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        return net, torch.optim.Adam(net.parameters(), lr=0.1, fused=fused)

    def step(net, optimizer, seed):
        torch.manual_seed(seed)
        optimizer.zero_grad()
        net(torch.randn(2, 3, 8, 8)).square().sum().backward()
        optimizer.step()

    torch.manual_seed(0)
    (net, optimizer), (other, resumed) = made(), made()
    step(net, optimizer, 1)
    tensors, described = ckpt.flatten_optimizer("net", optimizer.state_dict())
    ckpt.save_checkpoint(tmp_path, 1, net.state_dict(), tensors, {"o": described})
    found = ckpt.load_checkpoint(tmp_path / "step-000001")
    other.load_state_dict(net.state_dict())
    ckpt.load_optimizer(resumed, "net", found.training(), found.state["o"], "here")
    step(net, optimizer, 2)
    step(other, resumed, 2)
    assert torch.equal(other.weight, net.weight) and torch.equal(other.bias, net.bias)


def test_weights_of_another_net_are_refused():
    with pytest.raises(UserError, match=r"w\.safetensors: does not fit the config"):
        ckpt.load_strict(
            nn.Linear(3, 2), {"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, "w.safetensors"
        )
    with pytest.raises(UserError, match="1 tensors differ, first 'bias'"):
        ckpt.load_strict(nn.Linear(3, 2), {"weight": torch.zeros(2, 3)}, "w.safetensors")


@pytest.mark.parametrize(
    "described",
    [
        {"plain": {}, "groups": []},
        {"plain": {}, "groups": [{}]},
        {"plain": {}, "groups": [{"params": 3}]},
    ],
)
def test_the_state_of_another_optimiser_is_refused(described):
    adam = torch.optim.Adam(nn.Linear(3, 2).parameters())
    with pytest.raises(UserError, match=r"^here: its state of the optimiser 'net' does not fit"):
        ckpt.load_optimizer(adam, "net", {}, described, "here")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sha256": {}}, r"state.json: sha256.weights.safetensors: is required"),
        ({"sha256": {"weights.safetensors": "0" * 64}}, r"sha256.training.safetensors: is requ"),
        ({"sha256": None}, r"state.json: sha256: expected a mapping of keys, got None"),
        ({"step": -1}, r"state.json: step: expected at least 0, got -1"),
        ({"step": "many"}, r"state.json: step: expected a whole number of at least 0, got 'many'"),
        ({"best": [1]}, r"state.json: best.1: is required"),
        ({"returns": 0.5}, r"state.json: returns: expected a list, got 0.5"),
        ({"processes": 0}, r"state.json: processes: expected at least 1, got 0"),
        ({"optimizers": {"adam": 3}}, r"optimizers.adam: expected a mapping of keys, got 3"),
        ({"optimizers": {"adam": {"plain": {"x": {}}, "groups": []}}}, r"optimizers.adam.plain"),
    ],
)
def test_a_state_that_a_stranger_changed_is_refused(tmp_path, change, says):
    path = ckpt.save_checkpoint(tmp_path, 1, {"a": torch.ones(2)}, {}, {"method": "m"})
    state = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps(state | change))
    with pytest.raises(UserError, match=says):
        ckpt.load_checkpoint(path)


def test_weights_have_the_permissions_of_other_files(tmp_path):
    path = ckpt.save_checkpoint(tmp_path, 1, {"a": torch.ones(2)}, {}, {"method": "m"})
    (tmp_path / "other").touch()
    expected = (tmp_path / "other").stat().st_mode
    assert {file.stat().st_mode for file in path.iterdir()} == {expected}
