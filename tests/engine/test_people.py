"""Two people in one model: what they share, what is their own, and the runs they are left with."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from avatar_kit.capture import open_capture
from avatar_kit.config import resolve_method
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.describing import describe
from avatar_kit.engine.loaded import load_avatar
from avatar_kit.engine.people import check_unchanged, finished, open_views
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import set_up
from avatar_kit.engine.state import restore
from avatar_kit.errors import UserError
from avatar_kit.io.image import read_image, write_image
from avatar_kit.testing.method import quiet, state_of, step_through


@pytest.fixture(scope="module")
def people(capture_folder, tmp_path_factory):
    """``people(name)``: the shaded body under another name, in another light."""
    lights = {"ada": (1, 1, 1), "ben": (0.5, 1, 1), "cleo": (1, 0.5, 0.8)}
    root = tmp_path_factory.mktemp("people")

    def folder(name):
        target = root / name
        if not target.exists():
            shutil.copytree(capture_folder, target)
            record = target / "capture.json"
            record.write_text(record.read_text().replace('"normals"', f'"{name}"', 1))
            for path in (target / "images").rglob("*.png"):
                write_image(path, (read_image(path) * np.array(lights[name])).astype(np.uint8))
        return target

    return folder


@pytest.fixture(scope="module")
def configured(people):
    """``configured(*names, **values)``: a tiny config of some people."""

    def make(*names, method="anr", **values):
        data = [{"type": "capture", "path": str(people(name))} for name in names]
        small = {
            "size": 64,
            "batch_size": 2,
            "crop": {"size": 48},
            "encoders": {"texture": {"size": 32}},
            "renderer": {"widths": [6, 8]},
            "loss": {"feature": 0.0},
            "data": data[0],
            "others": data[1:],
        }
        return resolve_method(method, preset="demo", overrides={**small, **values}).config

    return make


@pytest.fixture
def start(configured, tmp_path):
    """``start(*names, **values)``: a training that is set up."""

    def make(*names, **values):
        config = configured(*names, **values)
        run = RunFolder.create(tmp_path / "run")
        training = set_up(config, run, *open_views(config))
        describe(training)
        return training

    return make


def weights(avatar):
    return {n: p.detach().clone() for n, p in avatar.named_parameters() if n[:5] != "body."}


@pytest.mark.parametrize("method", ["anr", "dnr"])
def test_networks_are_shared_and_textures_are_not(start, configured, method):
    training = start("ada", "ben", method=method)
    ada, ben = training.avatar.people
    same = ada.networks()
    assert same and all(p is same[n] for n, p in ben.networks().items())
    assert not {map(id, ada.charts().values())} & {map(id, ben.charts().values())}
    assert all(c.equal(ben.charts()[n]) for n, c in ada.charts().items())  # the same start
    assert not ada.renderer.scene.pictures.equal(ben.renderer.scene.pictures)
    step_through(training, 6)
    assert all(not c.equal(ben.charts()[n]) for n, c in ada.charts().items())
    alone = set_up(configured("ada", method=method), training.run, training.view).avatar
    own = sum(chart.numel() for chart in ben.charts().values())
    assert training.avatar.learned_parameters() == alone.learned_parameters() + own
    assert ada.learned_parameters() == ben.learned_parameters() == alone.learned_parameters()


def test_people_take_turns_and_leave_each_others_textures_alone(start):
    training = start("ada", "ben", encoders={"texture": {"size": 32}})
    textures = [person.charts()["texture.0"] for person in training.avatar.people]
    for step in range(4):
        before = [t.detach().clone() for t in textures]
        step_through(training, 1, first=step)
        moved = [not a.equal(b) for a, b in zip(before, textures, strict=True)]
        assert moved == [step % 2 == 0, step % 2 == 1]
        assert training.method.person_at(step) == (step % 2, step // 2)


def test_everybody_has_a_light_of_their_own(start):
    light = {"type": "lit_surface", "frames": 1, "search_size": 16}
    training = start("ada", "ben", encoders={"texture": {"size": 32}, "light": light})
    ada, ben = training.avatar.people
    ada.encoders["light"].slope.fill_(0.5)
    assert not ben.encoders["light"].slope.any()
    saved = training.avatar.learned_state()
    assert {"encoders.light.slope", "others.0.encoders.light.slope"} <= set(saved)
    step_through(training, 2)


def test_split_optimisation_knows_everybodys_key_frames(start):
    method = start("ada", "ben", split={"share": 0.2}).method
    pools = [method.pool(step) for step in range(6)]
    assert [p.drawn for p in pools] == [0, 0, 0, 0, 1, 1]
    key, rest = method.key, method.rest
    wanted = [key[0], key[1], rest[0], rest[1], key[0], key[1]]
    assert [p.positions for p in pools] == wanted
    assert [method.learning(s)[0] is method.textures for s in range(4)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.slow  # the conformance kit resumes every method
def test_resuming_in_the_middle_of_a_round_is_exact(start):
    values = {"split": {"share": 0.2}, "loss": {"adversarial": 0.1, "feature": 0.0}}
    training = start("ada", "ben", steps=6, average=2.0, **values)
    views = [frames.view for frames in training.people]
    quiet(training, training.config.model_copy(update={"stop_at": 3}))
    again = set_up(training.config, training.run, *views, fit=False)
    restore(again, ckpt.latest_checkpoint(training.run.checkpoints)[0])
    for one in (training, again):
        step_through(one, 3, first=3)
    first, second = state_of(training), state_of(again)
    assert first.keys() == second.keys()
    assert all(value.equal(second[name]) for name, value in first.items())
    assert any(n.startswith("avatar.others.0.encoders.texture") for n in first)


def test_each_is_left_an_ordinary_run_that_renders_the_same(start):
    training = start("ada", "ben", steps=3, average=2.0)
    quiet(training, training.config)
    names = [person.name for person in finished(training)]
    assert names == ["ada", "ben"]
    for number, name in enumerate(names):
        run = RunFolder.open_person(training.run.root / "people" / name)
        loaded = load_avatar(run)
        assert loaded.subject.capture == name and loaded.config.others == ()
        assert loaded.step == 3 and not list(run.root.parent.glob(".*"))
        frames = training.people[number]
        contexts = [frames.context([i]) for i in (0, 5)]
        assert {c.person for c in contexts} == {number}
        with training.shown(), torch.no_grad():
            training.avatar.eval()
            joint = [training.avatar(c).rgb for c in contexts]
        found, _ = ckpt.latest_checkpoint(run.checkpoints)
        with pytest.raises(UserError, match="for rendering only, without the state of its"):
            restore(training, found)
        for context, picture in zip(contexts, joint, strict=True):
            assert loaded.avatar(replace(context, person=0)).rgb.equal(picture)


@pytest.mark.slow  # two trainings
def test_a_third_person_by_texture_alone_keeps_the_networks(start, configured, tmp_path):
    joint = start("ada", "ben", steps=2)
    quiet(joint, joint.config)
    config = configured("cleo", networks_of=joint.run.root, learn="texture")
    third = set_up(config, RunFolder(tmp_path / "third"), *open_views(config))
    before = weights(third.avatar)
    assert all(v.equal(joint.avatar.networks()[n]) for n, v in third.avatar.networks().items())
    step_through(third, 3)
    after = weights(third.avatar)
    moved = {name for name in after if not after[name].equal(before[name])}
    assert moved == {"encoders.texture.levels.0"}


def test_the_aligner_is_fitted_to_everybody(start):
    training = start("ada", "ben", aligner={"type": "nearest_pose"})
    poses = [f.view.capture.motion.body_pose[list(f.frames)] for f in training.people]
    stored = training.avatar.aligner.state_dict()
    assert len(torch.cat(poses)) in {len(v) for v in stored.values() if v.ndim}
    assert training.avatar.people[1].aligner is training.avatar.aligner


@pytest.mark.parametrize(
    ("method", "values", "says"),
    [
        (
            "ram",
            {},
            r"method 'ram' trains one person here, .* encoders.body \('attentive_texture'\) would",
        ),
        (
            "anr",
            {"encoders": {"face": {"type": "face_map"}}},
            r"encoders.face \('face_map'\) would",
        ),
    ],
)
def test_parts_that_cannot_keep_people_apart(people, method, values, says):
    data = [{"type": "capture", "path": str(people(name))} for name in ("ada", "ben")]
    with pytest.raises(UserError, match=says) as error:
        resolve_method(method, overrides={"data": data[0], "others": data[1:], **values})
    assert "a method for many (anr, dnr)" in str(error.value)
    assert "\n" not in str(error.value)


def test_two_of_one_name(configured):
    with pytest.raises(
        UserError, match=r"the name 'ada' is already used by .*; change one of the two"
    ):
        open_views(configured("ada", "ben", "ada"))


def test_another_body(configured, people, tmp_path):
    other = shutil.copytree(people("ben"), tmp_path / "other")
    name = open_capture(other).body
    record = other / "capture.json"
    record.write_text(record.read_text().replace(f'"body": "{name}"', '"body": "clay"'))
    config = configured("ada", others=[{"type": "capture", "path": str(other)}])
    with pytest.raises(
        UserError, match=r"made for the body 'clay', .* with all captures or prepare"
    ):
        open_views(config)


def test_a_run_of_several_where_one_is_meant(start):
    training = start("ada", "ben", steps=1)
    root = training.run.root
    with pytest.raises(
        UserError, match=r"contains 2 people: ada, ben; .*, which is there when all"
    ):
        RunFolder.open_person(root)
    quiet(training, training.config)
    finished(training)
    with pytest.raises(UserError, match=r"name one, e.g. .*/people/ada$"):
        RunFolder.open_person(root)


def test_a_capture_that_changed_since(start, configured, people, tmp_path):
    other = shutil.copytree(people("ben"), tmp_path / "other")
    training = start("ada", others=[{"type": "capture", "path": str(other)}])
    views = open_views(training.config)
    check_unchanged(training.run, views)
    mask = other / "masks" / "main" / "000002.png"
    os.utime(mask, (1, 1))
    check_unchanged(training.run, open_views(training.config))  # only its content counts
    mask.write_bytes((other / "masks" / "main" / "000003.png").read_bytes())
    with pytest.raises(UserError, match="other: not the capture that this run started with"):
        check_unchanged(training.run, open_views(training.config))
