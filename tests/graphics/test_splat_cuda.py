"""What gsplat is given and how its pictures come back, with a stand-in for it."""

import importlib.machinery
import logging
import sys
import types

import pytest
import torch
from splat_clouds import off_centre, random_cloud

from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.graphics import splat, splat_cuda
from avatar_kit.graphics.splat_settings import Settings
from avatar_kit.scene import Camera, stack_cameras


@pytest.fixture(autouse=True)
def forgetful():
    splat_cuda.usable.cache_clear()
    splat_cuda._library.cache_clear()
    yield
    splat_cuda.usable.cache_clear()
    splat_cuda._library.cache_clear()


def stand_in(monkeypatch, draw=None):
    module = types.ModuleType("gsplat")
    module.__spec__ = importlib.machinery.ModuleSpec("gsplat", None, is_package=True)
    module.rasterization = draw
    monkeypatch.setitem(sys.modules, "gsplat", module)


@pytest.fixture
def calls(monkeypatch):
    """What ``rasterization`` was called with; it returns numbered channels."""
    seen = []

    def rasterization(**given):
        seen.append(given)
        assert given["render_mode"] == "RGB+D"
        batch, channels = len(given["means"]), given["colors"].shape[-1] + 1
        shape = (batch, 1, given["height"], given["width"])
        row = torch.arange(given["height"]).float()[:, None, None]
        number = row * 100 + torch.arange(channels)
        total = given["opacities"].sum()
        return number.expand(*shape, channels) * total, torch.ones(*shape, 1), {}

    stand_in(monkeypatch, rasterization)
    return seen


def arguments(cloud, cameras, visible=None, **changed):
    given = {**cloud, **changed}
    names = ("means", "quaternions", "scales", "covariances", "opacities", "features")
    settings = Settings(cameras.width, cameras.height, 0.25, 0.02, 50.0)
    return (*(given.get(n) for n in names), cameras.K, cameras.R, cameras.t, visible, settings)


def test_what_gsplat_is_given(calls):
    cloud = {n: v.float() for n, v in random_cloud(5, 0, batch=2, channels=4).items()}
    cameras = stack_cameras([off_centre(20, 12, seed=i) for i in range(2)])
    drawn, alpha, depth = splat_cuda.draw(*arguments(cloud, cameras))
    (given,) = calls
    same = {"means": "means", "quaternions": "quats", "scales": "scales", "features": "colors"}
    for ours, theirs in {**same, "opacities": "opacities"}.items():
        assert torch.equal(given[theirs], cloud[ours])
    assert given["covars"] is None and given["packed"] is False
    assert (given["width"], given["height"], given["eps2d"]) == (20, 12, 0.25)
    assert (given["near_plane"], given["far_plane"]) == (0.02, 50.0)
    assert given["Ks"].shape == (2, 1, 3, 3) and given["viewmats"].shape == (2, 1, 4, 4)
    points = cameras.to_camera(cloud["means"].double())
    homogeneous = torch.cat([cloud["means"], torch.ones(2, 5, 1)], -1)
    found = (homogeneous @ given["viewmats"][:, 0].mT)[..., :3]
    torch.testing.assert_close(found.double(), points, atol=1e-5, rtol=0)
    assert (drawn.shape, alpha.shape) == ((2, 4, 12, 20), (2, 1, 12, 20))
    total = cloud["opacities"].sum()
    torch.testing.assert_close(drawn[1, 3, 7, 5], 703 * total)
    torch.testing.assert_close(depth[0, 0, 7, 5], 704 * total)


def test_covariances_and_what_is_not_drawn(calls):
    cloud = {n: v.requires_grad_() for n, v in random_cloud(6, 0).items()}
    spread = torch.rand(1, 6, 3, 3, dtype=torch.float64)
    spread[0, 2, 1, 1] = torch.nan
    visible = torch.tensor([[True, False, True, True, True, True]])
    changed = {"covariances": spread, "quaternions": None, "scales": None}
    drawn, _, _ = splat_cuda.draw(*arguments(cloud, off_centre(), visible, **changed))
    (given,) = calls
    assert given["quats"] is None and given["scales"] is None
    assert (given["opacities"][0, 1:3] == 0).all() and (given["opacities"][0, 3:] > 0).all()
    assert given["covars"].isfinite().all()
    torch.testing.assert_close(given["covars"], given["covars"].mT)
    assert drawn.dtype == torch.float64 and given["means"].dtype == torch.float32
    drawn.sum().backward()
    gradient = cloud["opacities"].grad
    assert (gradient[0, 1:3] == 0).all() and (gradient[0, 3:] != 0).all()


def test_nothing_to_draw_does_not_call_it(calls):
    cloud = {n: v[:, :0] for n, v in random_cloud(3, 0).items()}
    drawn, alpha, depth = splat_cuda.draw(*arguments(cloud, off_centre(20, 12)))
    assert not calls
    assert drawn.shape == (1, 3, 12, 20)
    assert alpha.shape == depth.shape == (1, 1, 12, 20)


def test_it_is_not_touched_on_a_cpu(monkeypatch):
    monkeypatch.setattr(splat_cuda, "find_spec", lambda name: pytest.fail("asked for gsplat"))
    monkeypatch.setattr(splat_cuda, "import_module", lambda name: pytest.fail("imported gsplat"))
    splat(**random_cloud(3, 0), camera=off_centre())


def test_asked_for_and_not_installed(monkeypatch):
    monkeypatch.setattr(splat_cuda, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "avatar-kit\[cuda\]"'):
        splat(**random_cloud(3, 0), camera=off_centre(), backend="gsplat")


def test_asked_for_and_no_compiler(monkeypatch):
    stand_in(monkeypatch)
    monkeypatch.setattr(splat_cuda, "_compiler", lambda: False)
    monkeypatch.setattr(splat_cuda, "_ninja", lambda: True)
    with pytest.raises(UserError, match="compiled at first use, and nvcc cannot be found"):
        splat(**random_cloud(3, 0), camera=off_centre(), backend="gsplat")


def test_asked_for_on_a_cpu(monkeypatch):
    stand_in(monkeypatch)
    monkeypatch.setattr(splat_cuda, "_compiler", lambda: True)
    monkeypatch.setattr(splat_cuda, "_ninja", lambda: True)
    with pytest.raises(ValueError, match="on CUDA only"):
        splat(**random_cloud(3, 0), camera=off_centre(), backend="gsplat")


@pytest.mark.parametrize("broken", ["missing", "import"])
def test_auto_says_once_why_it_does_without(monkeypatch, caplog, broken):
    if broken == "missing":
        monkeypatch.setattr(splat_cuda, "find_spec", lambda name: None)
        words = "not installed"
    else:
        stand_in(monkeypatch)
        monkeypatch.setattr(splat_cuda, "missing", lambda: "")

        def fail(name):
            raise RuntimeError("Error building extension\nand more")

        monkeypatch.setattr(splat_cuda, "import_module", fail)
        words = "not usable: Error building extension"
    with caplog.at_level(logging.WARNING):
        assert not splat_cuda.usable() and not splat_cuda.usable()
    (record,) = caplog.records
    assert words in record.message and "\n" not in record.message


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.skipif(bool(splat_cuda.missing()), reason="needs gsplat and the CUDA compiler")
def test_gsplat_gives_the_same():
    cloud = {n: v.float() for n, v in random_cloud(200, 0, batch=2).items()}
    base = off_centre(70, 50)
    camera = Camera(base.K.float(), base.R.float(), base.t.float(), 70, 50)
    here = {n: v.requires_grad_() for n, v in cloud.items()}
    there = {n: v.detach().cuda().requires_grad_() for n, v in cloud.items()}
    one, other = splat(**here, camera=camera), splat(**there, camera=camera.to("cuda"))
    for name, value in vars(one).items():
        # fast math there: single pixels may cross a threshold
        assert (value - getattr(other, name).cpu()).abs().quantile(0.999) < 1e-3
    one.features.square().sum().backward()
    other.features.square().sum().backward()
    for name, leaf in here.items():
        error = (leaf.grad - there[name].grad.cpu()).abs().quantile(0.99)
        assert error < 1e-2 * leaf.grad.abs().max()
