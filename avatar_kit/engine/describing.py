"""What a run folder says before the first step: with what, and of whom."""

from __future__ import annotations

from avatar_kit.config import MethodConfig
from avatar_kit.engine.coverage import write_coverage
from avatar_kit.engine.frames import TrainingFrames
from avatar_kit.engine.loaded import COVERAGE, TRAINING_MOTION
from avatar_kit.engine.run import PEOPLE, RunFolder, Subject, environment
from avatar_kit.engine.setting_up import Training
from avatar_kit.engine.untrained import training_cameras
from avatar_kit.io.motion import save_motion


def describe(training: Training) -> None:
    """Write what a run folder says before the first step."""
    if len(training.people) == 1:
        describe_person(training.run, training.config, training, training.frames)
        return
    describe_training(training.run, training.config, training)
    captures = [frames.view.capture for frames in training.people]
    training.run.write_json(PEOPLE, {c.name: {"capture_key": c.key()} for c in captures})


def describe_training(run: RunFolder, config: MethodConfig, training: Training) -> None:
    """Write the config, and with what it is trained."""
    run.write_config(config)
    about = environment(training.frames.device)
    facts = {"method": training.method.facts(), "aligner": training.avatar.aligner.facts()}
    run.write_json("environment.json", {**about, **facts})


def describe_person(
    run: RunFolder, config: MethodConfig, training: Training, frames: TrainingFrames
) -> None:
    """Write what a run folder says of one person.

    Args:
        run: Where to.
        config: With the capture of this person alone.
        training: The training.
        frames: This person's.
    """
    describe_training(run, config, training)
    capture, asset = frames.view.capture, training.avatar.body.asset
    cameras = training_cameras(frames.view)
    run.write_subject(
        Subject(
            capture=capture.name,
            capture_key=capture.key(),
            body=capture.body,
            body_asset={"name": asset.name, "sha256": asset.sha256},
            shape=dict(capture.shape),
            cameras=cameras,
            training_frames=len(frames.frames),
            fps=capture.fps,
            clips=[end - first for first, end in capture.clips_of("train")],
        )
    )
    write_coverage(run.root / COVERAGE, training.coverage[frames.person])
    save_motion(run.root / TRAINING_MOTION, capture.motion[list(frames.frames)])
