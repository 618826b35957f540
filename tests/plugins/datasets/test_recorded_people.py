"""Whose shape it is: betas for a body of the files' family, else found from the masks; splits."""

import json
import sys
from pathlib import Path

import imitations
import numpy as np
import pytest
import torch
from test_formats import opened

from avatar_kit.registry import catalog
from avatar_kit.testing.capture import default_body, small_capture

sys.path.append(str(Path(__file__).parents[1] / "smplx"))
from smplx_files import write_model


@pytest.mark.slow
def test_the_shape_is_found_from_masks(tmp_path, caplog):
    """Somebody taller and broader than the average is found taller and broader."""
    name, body = default_body()

    class Tall(type(body)):  # the same body, of another average person
        def default_shape(self):
            values = {"height": 0.8, "weight": 0.75}
            shape = super().default_shape()
            for name, value in values.items():
                shape[self.shape_names.index(name)] = value
            return shape

    body.__class__ = Tall
    try:
        source = small_capture(
            tmp_path / "tall", frames=5, test_frames=2, size=128, of=(name, body)
        )
        true = body.stature(body.default_shape()).item()
    finally:
        body.__class__ = Tall.__base__
    average = body.stature(body.default_shape()).item()
    path = imitations.instant_avatar(source, tmp_path / "male")
    found = opened("people_snapshot", path=str(path), shape=None)
    assert "found from masks (they overlap 9" in caplog.text
    fitted = body.stature(body.shape_vector(found.shape)).item()
    assert abs(fitted - true) < 0.04 < true - average - 0.04
    assert found.shape["weight"] > 0.55
    again = opened("people_snapshot", path=str(path), shape=None)
    assert again.shape == found.shape and again.key() == found.key()


@pytest.fixture(scope="module")
def smplx(tmp_path_factory):
    component = catalog().get("body", "smplx")
    path = write_model(tmp_path_factory.mktemp("model"), "smplx")
    config = component.config.model_validate({"type": "smplx", "model": str(path)})
    return config, component.load()(config).eval().requires_grad_(False)


def test_betas_are_exact_with_the_files_own_body(smplx, tmp_path, caplog):
    """SMPL-X files on SMPL-X: the surface is the recorded one, not the mean person's."""
    config, body = smplx
    betas = torch.linspace(-2, 2, 10)
    source = small_capture(tmp_path / "source", frames=3, test_frames=1, of=("smplx", body))
    path = imitations.exavatar(source, tmp_path / "video")
    pelvis = body.rest_transforms(betas)[0, :3, 3].double().numpy()
    shift = imitations.PELVIS["smplx"] - pelvis
    for file in (path / "smplx_optimized" / "smplx_params_smoothed").glob("*.json"):
        row = json.loads(file.read_text())
        row["trans"] = (np.array(row["trans"]) + shift).tolist()
        file.write_text(json.dumps(row))
    (path / "smplx_optimized" / "shape_param.json").write_text(json.dumps(betas.tolist()))
    component = catalog().get("dataset", "exavatar")
    dataset = component.load()(component.config.model_validate({"type": "exavatar", "path": path}))
    dataset.body = config
    found = dataset.open()
    assert found.body == "smplx" and "betas of the files" in caplog.text
    assert np.allclose(list(found.shape.values()), betas, atol=1e-6)
    assert (found.motion.transl - source.motion.transl).abs().max() < 1e-5


def test_splits_and_cameras(imitated):
    dataset, path, _ = imitated("actorshq")
    found = opened(dataset, path=str(path), held_out=["Cam003"], test=0.34)
    assert found.splits["novel_view"].cameras == ("Cam003",)
    assert found.splits["train"].cameras == ("Cam001", "Cam002")
    assert found.splits["test"].frames == (6, 7, 8)
    assert found.novelty("novel_view") == "novel view" and found.novelty("test") == "novel pose"
    one = opened(dataset, path=str(path), cameras=["Cam002"])
    assert list(one.cameras) == ["Cam002"]


def test_some_frames(imitated):
    dataset, path, source = imitated("instant_avatar")
    found = opened(dataset, path=str(path), start=1, stop=8, step=3)
    assert len(found) == 3 and found.fps == pytest.approx(10.0)
    whole = list(source.images())
    assert all(np.array_equal(a, whole[i]) for a, i in zip(found.images(), (1, 4, 7), strict=True))
    assert torch.allclose(found.motion.body_pose, source.motion.body_pose[[1, 4, 7]], atol=1e-5)


def test_the_splits_of_the_files(imitated):
    for writer in ("exavatar", "neuman"):
        dataset, path, source = imitated(writer)
        found = opened(dataset, path=str(path))
        assert {n: s.frames for n, s in found.splits.items()} == {
            n: s.frames for n, s in source.splits.items()
        }


def test_the_splits_of_the_papers(captures, tmp_path):
    """InstantAvatar's refined poses of male-3-casual: every fourth frame, train and test apart."""
    from avatar_kit_datasets.formats import people_snapshot

    path = imitations.instant_avatar(captures[False], tmp_path / "male-3-casual")
    with np.load(path / "poses.npz") as held:
        pose, transl = held["thetas"], held["transl"]
    (path / "poses").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(people_snapshot._TEST_FROM, "male-3-casual", 3)
        for name, own in {"train": [0, 4], "test": [3, 7]}.items():
            np.savez(
                path / "poses" / f"anim_nerf_{name}.npz",
                betas=np.zeros((1, 10)),
                global_orient=pose[own, :3],
                body_pose=pose[own, 3:],
                transl=transl[own],
            )
        found = opened("people_snapshot", path=str(path))
    assert found.splits["train"].frames == (0, 1) and found.splits["test"].frames == (2, 3)
    assert found.clips == ((0, 2), (2, 4)) and found.fps == pytest.approx(7.5)
    whole = list(captures[False].images())
    pairs = zip(found.images(), (0, 4, 3, 7), strict=True)
    assert all(np.array_equal(image, whole[i]) for image, i in pairs)
