"""Parts that grow, several cameras, refined poses and streams, proved by a toy Gaussian method."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from avatar_kit.capture import open_capture
from avatar_kit.config import resolve_method
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.driving import render_motion
from avatar_kit.engine.evaluation import evaluate, render_split
from avatar_kit.engine.frames import PosedFrames
from avatar_kit.engine.held_out import held_out_splits
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view, set_up
from avatar_kit.engine.state import restore
from avatar_kit.engine.subject import Subject
from avatar_kit.engine.untrained import training_cameras
from avatar_kit.errors import UserError
from avatar_kit.io import save_motion
from avatar_kit.io.video import read_video
from avatar_kit.registry import load_plugins, loading
from avatar_kit.registry.sources import plugin_sources
from avatar_kit.testing import check_component
from avatar_kit.testing.capture import small_capture
from avatar_kit.testing.method import quiet, state_of, step_through

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """The plugin beside the installed ones, in this process."""
    monkeypatch.syspath_prepend(str(HERE))
    source = EntryPoint("toy_gaussians", "toy_gaussians", "avatar_kit")
    loaded = load_plugins([*plugin_sources(), source], strict=True)
    monkeypatch.setattr(loading, "_loaded", lambda: loaded)
    return loaded[0]


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """``captures(cameras)``: one camera, or four and a fifth that training never sees."""
    made = {}

    def capture(cameras):
        if cameras not in made:
            root = tmp_path_factory.mktemp("captures") / f"by{cameras}"
            more = {"cameras": cameras + 1, "held_out_camera": True} if cameras > 1 else {}
            made[cameras] = small_capture(root, frames=12, test_frames=4, **more).root
        return made[cameras]

    return capture


@pytest.fixture
def start(captures, tmp_path):
    """``start(cameras, **values)``: a training of the toy that is set up."""

    def make(cameras=1, root=None, name="run", **values):
        data = {"type": "capture", "path": str(root or captures(cameras))}
        metrics = {"metrics": ["psnr"], "max_frames": 4}
        laid = {"data": data, "evaluation": metrics, "checkpoint": {"every": 10**9}, **values}
        config = resolve_method("toy_gaussians", overrides=laid).config
        run = RunFolder(tmp_path / name)
        run.checkpoints.mkdir(parents=True)
        return set_up(config, run, open_view(config))

    return make


def cloud_size(training):
    return len(training.avatar.encoders["cloud"].anchors)


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        ("encoder", "toy_cloud", {"count": 50}),
        ("renderer", "toy_splat", {}),
        ("renderer", "toy_echo", {}),
        pytest.param(  # the kit is run on every shipped method by default
            *("method", "toy_gaussians", {"steps": 24, "densify_every": 4}), marks=pytest.mark.slow
        ),
        pytest.param(
            *("method", "toy_gaussians", {"renderer": "toy_echo", "sequence": 3, "steps": 24}),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_it_conforms(toy, kind, name, options):
    heavy = "test_reading_its_names_imports_nothing_heavy"  # a plugin in one file holds everything
    found = list(check_component(toy.get(kind, name), options))
    bad = [f"{o.check}: {o.reason}" for o in found if o.bad and o.check != heavy]
    assert not bad
    if kind == "method":
        assert {o.check: o.status for o in found}["test_growth_resumes"] == "passed"
    if kind == "encoder":
        assert {o.check: o.status for o in found}["test_sizes_follow_a_saved_state"] == "passed"


@pytest.mark.slow
@pytest.mark.parametrize("cameras", [1, 4])
def test_it_grows_and_resumes_bit_for_bit(start, cameras):
    straight = start(cameras, steps=40, average=5.0)
    before = cloud_size(straight)
    quiet(straight, straight.config.model_copy(update={"stop_at": 20}))
    assert cloud_size(straight) > before
    again = set_up(straight.config, straight.run, straight.view, fit=False)
    restore(again, ckpt.latest_checkpoint(straight.run.checkpoints)[0])
    assert cloud_size(again) == cloud_size(straight) and again.step == 20
    for one in (straight, again):
        step_through(one, 20, first=20)
    first, second = state_of(straight), state_of(again)
    assert first.keys() == second.keys()
    assert all(value.equal(second[name]) for name, value in first.items())


@pytest.mark.slow
def test_four_cameras_train_and_a_fifth_is_scored(start):
    training = start(4, steps=60)
    untrained = evaluate(training.avatar, training.view, training.config)["splits"]
    step_through(training, 60)
    frames = training.frames
    drawn = {frames.samples[p].camera for step in range(30) for p in frames.chosen(step)}
    assert len(drawn) == 4
    result = evaluate(training.avatar, training.view, training.config)
    view, pose = result["splits"]["novel_view"], result["splits"]["test"]
    assert (view["n"], pose["n"]) == (4, 16)
    assert pose["person"]["psnr"] > untrained["test"]["person"]["psnr"] + 3
    assert view["person"]["psnr"] > untrained["novel_view"]["person"]["psnr"] + 1
    assert list(result["protocol"]["crop"]) == ["cam0", "cam1", "cam2", "cam3", "cam4"]


@pytest.mark.slow
def test_more_cameras_teach_more_of_a_view_that_nobody_trained_on(captures, tmp_path):
    scores = {}
    for count in (1, 4):
        names = (*(f"cam{i}" for i in range(count)), "cam4")
        data = {"type": "capture", "path": str(captures(4)), "cameras": names}
        values = {"data": data, "steps": 60, "evaluation": {"metrics": ["psnr"]}}
        config = resolve_method("toy_gaussians", overrides=values).config
        training = set_up(config, RunFolder(tmp_path), open_view(config))
        step_through(training, 60)
        result = evaluate(training.avatar, training.view, training.config)
        scores[count] = result["splits"]["novel_view"]["person"]["psnr"]
    assert scores[4] > scores[1] + 1


def test_a_renderer_of_one_background_is_refused_for_several(captures):
    data = {"type": "capture", "path": str(captures(4))}
    config = resolve_method("ram", preset="demo", overrides={"data": data, "size": 64}).config
    with pytest.raises(
        UserError, match="paints the background of one camera, but the training has 4"
    ):
        set_up(config, RunFolder(Path("nowhere")), open_view(config))


def test_a_renderer_of_one_background_is_refused_views_of_another(captures):
    data = {"type": "capture", "path": str(captures(4)), "cameras": ["cam0", "cam4"]}
    config = resolve_method("ram", preset="demo", overrides={"data": data, "size": 64}).config
    with pytest.raises(
        UserError, match="'novel_view' uses camera 'cam4', which is not in the training"
    ):
        set_up(config, RunFolder(Path("nowhere")), open_view(config))


def test_frames_after_a_break_are_those_of_an_unbroken_drive(start):
    """What remembers is rendered from the first frame, what does not only from the break on."""
    training = start(renderer="toy_echo", sequence=3, steps=20)
    step_through(training, 4)
    training.avatar.eval()
    run, view = training.run, training.view
    subject = Subject("c", "k", "b", {}, {}, training_cameras(view), 12, 25.0, [12])
    facts = (training.config, subject, 4, 0.0, torch.device("cpu"))
    loaded = LoadedAvatar(run, training.avatar, *facts)
    motion = view.capture.motion[:6]
    whole, rest = list(render_motion(loaded, motion)), list(render_motion(loaded, motion, first=4))
    assert len(rest) == 2 and all(map(torch.equal, rest, whole[4:]))
    echoes = list(render_motion(loaded, motion[4:]))
    assert not torch.equal(echoes[0], whole[4])


def test_a_method_is_refused_a_renderer_that_lacks_what_it_wants():
    with pytest.raises(UserError, match="'anr' needs alpha_logit from its renderer, but renderer"):
        resolve_method(
            "anr",
            preset="demo",
            overrides={
                "renderer": "toy_splat",
                "encoders": {"texture": None, "normals": None, "cloud": {"type": "toy_cloud"}},
            },
        )


@pytest.mark.slow
def test_refined_poses_come_closer_to_the_truth(start, captures, tmp_path):
    """Training poses that are off by a few degrees are corrected; test poses stay as they are."""
    root = shutil.copytree(captures(4), tmp_path / "off")
    truth = open_capture(root).motion
    draw = torch.Generator().manual_seed(0)
    error = torch.zeros(len(truth), 21, 3)
    phase = 0.9 * torch.arange(len(truth)) + torch.tensor([[0.0], [2.0]])
    axes = torch.nn.functional.normalize(torch.randn(2, 3, generator=draw), dim=1)
    # both shoulders swing about the truth: an offset of the cloud cannot make up for it
    error[:, [15, 16]] = 0.35 * phase.sin().T[..., None] * axes
    off = replace(truth, body_pose=truth.body_pose + error.flatten(1))
    save_motion(root / "motion.npz", off)
    refine = {"learning_rate": 0.005, "weight": 0.03, "smooth": 0.01, "start": 50}
    learned = start(root=root, steps=200, refine=refine, encoders={"cloud": {"count": 400}})
    frames, body = learned.frames, learned.avatar.body
    shape = learned.avatar.shape

    def distance(motion):
        with torch.no_grad():
            a = body(body.from_motion(motion, shape)).joints
            b = body(body.from_motion(truth[list(frames.frames)], shape)).joints
        return float((a - b).norm(dim=-1).mean())

    numbers = list(range(len(frames.frames)))
    before = distance(off[list(frames.frames)])
    step_through(learned, 200)
    refined = learned.avatar.refinement(off[list(frames.frames)], numbers)
    assert distance(refined) < 0.9 * before
    assert torch.equal(frames.posed.motion.body_pose, off.body_pose)
    split = held_out_splits(learned.view, learned.config.evaluation)[0]
    first = split.samples[0]
    tested = frames.posed.context([first.frame], [first.frame], learned.view.camera(first), [-1])
    assert torch.equal(tested.motion.body_pose[0], off.body_pose[first.frame])
    saved = learned.avatar.learned_state()
    assert saved["refinement.rotation"].abs().max() > 0.01


def test_a_stream_remembers_and_a_clip_forgets(start):
    training = start(renderer="toy_echo", sequence=3, steps=20)
    losses = step_through(training, 20)
    assert losses[-1]["loss"] < losses[0]["loss"]
    avatar, view = training.avatar.eval(), training.view
    assert avatar.renderer.share != -0.7, "the memory learns"
    posed = PosedFrames(avatar.body, view.capture.motion, avatar.shape)
    (split,) = held_out_splits(view, training.config.evaluation)
    stream = [p.clone() for p in render_split(avatar, view, posed, split, "float32")]
    alone = replace(split, new_clip=[True] * len(split.samples))
    frames = list(render_split(avatar, view, posed, alone, "float32"))
    assert torch.equal(stream[0], frames[0])
    assert all(not torch.equal(a, b) for a, b in zip(stream[1:], frames[1:], strict=True))
    halves = replace(split, new_clip=[True, False, True, False])
    cut = list(render_split(avatar, view, posed, halves, "float32"))
    assert torch.equal(cut[2], frames[2]) and torch.equal(cut[1], stream[1])


def test_sequences_are_consecutive_and_in_time_order(start):
    training = start(4, sequence=4)
    frames = training.frames
    batch = frames.batch(frames.read(3))
    assert len(batch) == 8 and batch.sequence == 4
    moments = batch.in_time()
    numbers = torch.stack([part.context.index for part in moments])
    assert torch.equal(numbers.diff(dim=0), torch.ones(3, 2, dtype=torch.long))
    with pytest.raises(
        UserError, match=r"trains on 13 frames in a row, but the longest clip .* has 12"
    ):
        start(4, sequence=13, name="long")


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")

    def run(*words, check=0):
        done = subprocess.run(
            [sys.executable, "-m", "avatar_kit.cli.main", *map(str, words)],
            capture_output=True,
            text=True,
            cwd=home,
            env={
                **os.environ,
                "COLUMNS": "200",
                "OMP_NUM_THREADS": "1",
                "AVATAR_KIT_DEV": str(HERE / "toy_gaussians.py"),
            },
        )
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return home, done.stdout + done.stderr

    return run


@pytest.mark.slow
def test_by_the_commands_a_user_types(command, captures):
    """Trained on four cameras, stopped, resumed, seen from another side, compared."""
    small = ("steps=12", "densify_every=3", "evaluation.metrics=[psnr]", "evaluation.max_frames=2")
    home, _ = command(
        *("train", "--method", "toy_gaussians", "--data", captures(4), "--out", "toy"),
        *(*small, "stop_at=6"),
    )
    _, text = command("train", "--resume", "toy")
    assert "novel_view (2), novel view" in text and "test (8), novel pose" in text
    assert "by 4 cameras" in text
    command("render", "toy", "--orbit", "90", "--frames", "4", "--out", "orbit.mp4")
    assert len(read_video(home / "orbit.mp4")) == 4
    subject = json.loads((home / "toy" / "subject.json").read_text())
    assert list(subject["cameras"]) == ["cam0", "cam1", "cam2", "cam3"]
    command(
        *(
            "compare",
            "--method",
            "toy_gaussians",
            "--method",
            "echo: toy_gaussians renderer=toy_echo",
        ),
        *("--data", captures(4), "--out", "compared", *small),
    )
    report = json.loads((home / "compared" / "report.json").read_text())
    assert set(report["splits"]) == {"test", "novel_view"}
    text = (home / "compared" / "report.md").read_text()
    assert "## test (novel pose)" in text and "## novel view (novel view)" in text
