"""How often the CPU waits for a GPU, and sends it numbers, in a step and in a rendered frame.

On a pretended device (``tests/pretended.py``): no GPU is needed. A wait costs all the work that the
GPU has before it, and forbids CUDA graphs.
"""

from unittest import mock

import pytest
import torch

from avatar_kit.config import resolve_method
from avatar_kit.engine import setting_up
from avatar_kit.engine.device import seed_step
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view, set_up
from avatar_kit.graphics import host_copy
from avatar_kit.interfaces import make_room
from avatar_kit.scene import FrameContext
from tests.pretended import Pretended, PretendedDevice
from tests.testing.test_shipped import OPTIONS

#: Waits of a step and of a rendered frame. ram: none, and one for where the hands are. anr, dnr:
#: the random window around the person, and its new camera. Gaussians: the box of the person, its
#: camera, and how near the person is, which also a frame asks. r3 retrieves frames by distances.
WAITS = {
    "ram": (0, 0),
    "ram attention": (1, 0),
    "anr": (3, 0),
    "dnr": (3, 0),
    "splat": (3, 1),
    "r3": (4, 7),
    "mmlp": (3, 1),
}
#: Values of further trainings.
MORE = {
    "ram attention": {
        "encoders": {"body": {"type": "attentive_texture", "size": 64, "channels": 8}},
        "stages": {"attention_from": 0},
        "loss": {"hand": 0.1},
    }
}
#: Pictures, masks and frame numbers of a batch; a frame sends nothing.
UPLOADS = (3, 0)


@pytest.fixture(scope="module")
def training(tmp_path_factory, capture_folder):
    """``training(method)``: the state of a new training on the CPU, and how it is set up again."""

    def made(method):
        values = {
            "size": 64,
            "steps": 24,
            "batch_size": 2,
            "device": "cpu",
            "data": {"type": "capture", "path": str(capture_folder)},
            **OPTIONS.get(("method", method.split()[0]), {}),
            **MORE.get(method, {}),
        }
        config = resolve_method(method.split()[0], preset="demo", overrides=values).config
        run = RunFolder.create(tmp_path_factory.mktemp("waits") / method)
        view = open_view(config)
        found = set_up(config, run, view).avatar.state_dict()
        state = {name: value.detach().clone() for name, value in found.items()}
        return state, lambda: set_up(config, run, view, fit=False)

    return made


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(WAITS))
def test_waits_and_uploads(method, training):
    state, set_up_again = training(method)
    device = PretendedDevice()
    there = mock.patch.object(setting_up, "pick_device", lambda name: torch.device("cuda"))
    with device, there:
        run = set_up_again()
        make_room(run.avatar, state)
        run.avatar.load_state_dict(state)
        run.avatar.train()
        for step in range(4):  # the first ones fill what is kept
            seed_step(0, step)
            reading = run.read(step)
            device.forget()
            losses = run.update(reading, step)
        assert isinstance(losses["loss"], Pretended)
        steps = dict(device.waits), dict(device.uploads)
        frames, avatar, remembered = run.frames, run.avatar.eval(), None
        camera = frames.camera([frames.samples[0]])
        with torch.no_grad():
            for i in range(3):
                device.forget()
                body = avatar.body(frames.posed.parameters(i))
                context = FrameContext.driven(body, camera, frames.posed.motion[i], before=body)
                output, remembered = avatar.step(context, remembered)
        rendered = dict(device.waits), dict(device.uploads)
    assert isinstance(output.rgb, Pretended)
    for found, most in zip((steps, rendered), WAITS[method], strict=True):
        assert sum(found[0].values()) <= most, found[0]
    for found, most in zip((steps, rendered), UPLOADS, strict=True):
        assert sum(found[1].values()) <= most, found[1]


def test_the_pretended_device_refuses_and_counts():
    """So that the test above can fail."""
    with PretendedDevice() as device:
        there = torch.ones(3, device="cuda")
        assert there.device.type == "cuda" and there.is_cuda and (there + 1).is_cuda
        with pytest.raises(RuntimeError, match="a tensor of the CPU meets one of the GPU"):
            there + torch.ones(3)
        assert not device.waits and not device.uploads
        assert there.sum().item() == 3 and there.tolist() == [1, 1, 1] and bool((there > 0).all())
        assert int(there[0]) == 1 and torch.equal(there, there) and there.nonzero().is_cuda
        assert there[there > 0].is_cuda and not there.cpu().is_cuda
        assert sum(device.waits.values()) == 8
        torch.tensor([1.0], device="cuda")
        there.new_tensor([1.0])
        torch.ones(2).to("cuda")
        assert there[[0, 2]].is_cuda and there[torch.tensor([0])].is_cuda
        assert sum(device.uploads.values()) == 5
        leaf = torch.nn.Linear(3, 1).to("cuda").weight
        assert leaf.is_cuda and isinstance(leaf, torch.nn.Parameter)
        (leaf * there).sum().backward()
        assert leaf.grad.is_cuda


def test_a_host_copy_is_fetched_once_and_again_after_a_change():
    with PretendedDevice() as device:
        flag = torch.zeros(4, device="cuda")
        for view in (flag, flag.view(4), flag.expand(1, 4)[0]):
            assert host_copy(view).tolist() == [0, 0, 0, 0]
        assert sum(device.waits.values()) == 1
        flag.fill_(2)
        assert host_copy(flag).tolist() == [2, 2, 2, 2]
        assert host_copy(flag[1:]).tolist() == [2, 2, 2]
        assert sum(device.waits.values()) == 3
    assert host_copy(torch.ones(2)).tolist() == [1, 1]
