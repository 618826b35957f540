"""Who performs, before a session: a file, a capture, or nobody yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avatar_kit.engine.run import RunFolder
from avatar_kit.errors import Unavailable, UserError
from avatar_kit.live.performer import Performer
from avatar_kit.registry import catalog


@dataclass(frozen=True)
class Known:
    """What is known of a performer.

    Attributes:
        body: Registered name of the body that is fitted to them.
        text: The performer as JSON; None: to be calibrated.
    """

    body: str
    text: str | None


def known_performer(
    given: Path | None, tracker: str, say: Callable[[str], None]
) -> tuple[Known, Path | None]:
    """The performer that a person named, and where a new calibration is kept.

    Args:
        given: A performer's file, there or not; a capture folder; None.
        tracker: Registered name of the tracker of the session.
        say: Takes a line for a person.

    Raises:
        UserError: The file is damaged, or its body is not installed.
    """
    if given is None:
        return Known(catalog().default("body"), None), None
    if given.is_dir():
        return _of_capture(given), None
    if given.suffix.lower() != ".json":
        raise UserError(f"--performer {given}: expected a .json file or a capture folder")
    if not given.exists():
        if not given.parent.is_dir():
            raise UserError(f"--performer {given}: there is no folder {given.parent}")
        say(f"{given} does not exist yet: the session starts with a calibration")
        return Known(catalog().default("body"), None), given
    performer = Performer.load(given)
    if performer.tracker not in ("", tracker):
        say(
            f"{given}: the neutral face was measured with tracker '{performer.tracker}', not "
            f"with '{tracker}'; press Neutral face on the page"
        )
    for name in catalog().names("body"):
        try:
            found = _asset(name)
        except Unavailable:  # a body of files that are not on this machine
            continue
        if found == performer.body:
            return Known(name, performer.model_dump_json()), given
    raise UserError(
        f"{given}: calibrated with body '{performer.body}', which is not installed; install it, or "
        "name another file to calibrate again"
    )


def avatar_as_performer(folder: RunFolder) -> tuple[str, float]:
    """The avatar as one who performs: what a pose of a program is for that has the avatar's size.

    Returns:
        The performer as JSON, and the length of its legs in metres, thigh and shin.

    Raises:
        UserError: The run's body model is not installed, or is another one.
    """
    import torch

    from avatar_kit.engine.assemble import build_body
    from avatar_kit.live.calibration import pelvis_height
    from avatar_kit.scene import Motion
    from avatar_kit.scene.joints import BODY_KEYPOINTS
    from avatar_kit.tracking.girth import stature

    subject = folder.read_subject()
    body = build_body(folder.read_config()).eval()
    subject.check_asset(body, folder.root / "subject.json")
    shape = body.shape_vector(subject.shape)
    with torch.no_grad():
        height = float(stature(body, shape))
        points = body.keypoints(body.from_motion(Motion.rest(1), shape))[0]
    hip, knee, ankle = (points[BODY_KEYPOINTS.index(f"left_{p}")] for p in ("hip", "knee", "ankle"))
    performer = Performer(
        body=body.asset.name,
        shape=subject.shape,
        height=height,
        pelvis=pelvis_height(body, shape),
    )
    return performer.model_dump_json(), float((hip - knee).norm() + (knee - ankle).norm())


def _of_capture(folder: Path) -> Known:
    from avatar_kit.capture import open_capture

    capture = open_capture(folder)
    component = catalog().get("body", capture.body)
    body = component.load()(component.config(type=component.name)).eval()
    return Known(capture.body, Performer.from_capture(capture, body).model_dump_json())


def _asset(name: str) -> str:
    component = catalog().get("body", name)
    body = component.load()(component.config(type=component.name))
    return str(body.asset.name)
