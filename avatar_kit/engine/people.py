"""Several people in one model: their captures, and the run folder each gets in the end."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_kit.capture import Capture, CaptureView
from avatar_kit.config import MethodConfig
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.describing import describe_person
from avatar_kit.engine.run import PEOPLE, RunFolder, folder_name, whole_run
from avatar_kit.engine.setting_up import Training, open_view
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar


@dataclass(frozen=True)
class Person:
    """One of the people of a training that is done.

    Attributes:
        name: Of the capture.
        avatar: The person's own, with the networks of all.
        view: The capture.
        run: The run folder to render from.
    """

    name: str
    avatar: Avatar
    view: CaptureView
    run: RunFolder


def open_views(config: MethodConfig) -> list[CaptureView]:
    """The captures of everybody a config names, cropped and resized.

    Raises:
        UserError: One cannot be opened, has no training split, is of another body, or has the name
            of another one.
    """
    views = [open_view(config, person) for person in range(1 + len(config.others))]
    named: dict[str, Capture] = {}
    for capture in (view.capture for view in views):
        first = named.setdefault(folder_name(capture.name), capture)
        if first is not capture:
            raise UserError(
                f"{capture.root / 'capture.json'}: the name '{capture.name}' is already used by "
                f"{first.root}, and it identifies the people of one model; change one of the two"
            )
    return views


def check_unchanged(run: RunFolder, views: list[CaptureView]) -> None:
    """Refuse to go on with other pictures or poses than those a run began with.

    Raises:
        UserError: A capture has changed.
    """
    if run.people():
        began = [entry.get("capture_key") for entry in run.read_json(PEOPLE).values()]
    else:
        began = [run.read_subject().capture_key]
    if len(began) != len(views):
        raise UserError(
            f"{run.root}: started with {len(began)} captures, but {len(views)} are given (data, "
            "others); give the same captures"
        )
    for key, view in zip(began, views, strict=True):
        if view.capture.key() != key:
            raise UserError(
                f"{view.capture.root}: not the capture that this run started with, or its "
                "content has changed since; restore it or start a new run"
            )


def finished(training: Training) -> list[Person]:
    """Everybody a training was of, each with an ordinary run folder to render from.

    One person has the training's own. Of several each gets ``RUN/people/NAME``: the config with
    that one capture, and a checkpoint of the person's textures and the networks of all. The first
    of several processes writes them.
    """
    everybody = zip(training.avatar.people, training.people, strict=True)
    if len(training.people) == 1:
        return [Person(f.view.capture.name, a, f.view, training.run) for a, f in everybody]
    people = []
    for number, (avatar, frames) in enumerate(everybody):
        capture = frames.view.capture
        root = training.run.person(capture.name)
        if training.ranks.first:
            with training.shown(), whole_run(root) as run:
                config, step = config_of(training.config, number), training.step
                describe_person(run, config, training, frames)
                ckpt.save_avatar(run.checkpoints, step, avatar, config.type, training.seconds)
        people.append(Person(capture.name, avatar, frames.view, RunFolder(root)))
    return people


def config_of(config: MethodConfig, person: int) -> MethodConfig:
    """The config of a run that is of one of the people alone."""
    data = (config.data, *config.others)[person]
    return config.model_copy(update={"data": data, "others": ()})
