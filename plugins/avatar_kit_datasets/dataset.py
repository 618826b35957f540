"""From a recording to a capture: upright, checked against its masks, in the body that is asked."""

from __future__ import annotations

import hashlib
import json
import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from pydantic import TypeAdapter
from torch import Tensor
from typing_extensions import TypedDict

from avatar_kit.capture import Capture
from avatar_kit.capture.opening import check_cameras
from avatar_kit.capture.record import RECORD, parse_record
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body, Dataset
from avatar_kit.io import atomic_path, cache_dir
from avatar_kit.io.cache import read_kept
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion
from avatar_kit_datasets.checking import Looked, check_projection, check_views, look
from avatar_kit_datasets.config import RecordedConfig
from avatar_kit_datasets.fitting import shape_from_masks
from avatar_kit_datasets.recording import Poses, Recording, View
from avatar_kit_datasets.selection import chosen_frames, splits_of
from avatar_kit_datasets.world import up_axis, upright

logger = logging.getLogger(__name__)

#: Counts up when a fitted shape would come out otherwise.
_FIT_VERSION = 1

#: Joints of a body -> the family whose betas it takes, if its shape values are betas.
_FAMILIES = {24: "smpl", 52: "smpl", 55: "smplx"}


class _KeptShape(TypedDict):
    """A shape that was found from masks, as the cache keeps it."""

    shape: dict[str, float]
    overlap: float


@dataclass(frozen=True)
class Posed:
    """A recording that was looked at.

    Attributes:
        recording: Its chosen cameras and frames, with y up.
        motion: Its poses.
        body: Registered name of the body.
        shape: Shape values by name.
        share: Share of the joints on the masks.
        lines: What was found, guessed and left out.
    """

    recording: Recording
    motion: Motion
    body: str
    shape: dict[str, float]
    share: float
    lines: tuple[str, ...]


class Recorded(Dataset):
    """A dataset in a format of the field. Each format says how it is read."""

    config: RecordedConfig
    #: Name of the format, for messages.
    title: ClassVar[str]

    @abstractmethod
    def read(self) -> Recording:
        """Cameras, poses and places of the pictures, as the files have them.

        Raises:
            UserError: A file or a key is missing, or is not what the format says.
        """

    def open(self, size: int | None = None) -> Capture:
        """The capture; its pictures stay where they are.

        Raises:
            UserError: The files are not as the format says, or joints do not lie on the masks.
        """
        posed = self.posed()
        logger.warning("%s: %s", posed.recording.root, "; ".join(posed.lines))
        return capture_of(posed, self.config, self.title)

    def posed(self) -> Posed:
        """What was found, with y up, checked against the masks.

        Raises:
            UserError: See :meth:`open`.
        """
        if not self.config.path.exists():
            raise UserError(f"{self.config.path}: no such file or folder ({self.title})")
        read = self.read()
        check_views(read.views, len(read), str(read.root))
        found = chosen_frames(read, self.config)
        name, body = self._body()
        exact = self._betas(body, found.poses)
        motion = _motion(found, body, exact)
        where = str(found.root)
        looked = look(found.views, found.pictures, range(len(found)))
        start = body.default_shape() if exact is None else exact
        places = torch.as_tensor(found.poses.transl).float()
        check_projection(where, body, start, motion, found.views, looked, places)
        shape, how = exact, "betas of the files"
        if self.config.shape is not None:
            shape, how = body.shape_vector(self.config.shape), "shape as given"
        elif shape is None:
            shape, how = self._fitted(body, found, motion, looked)
        fit = check_projection(where, body, shape, motion, found.views, looked, places)
        axis = up_axis(motion, where) if self.config.up == "auto" else self.config.up
        motion, views = upright(motion, found.views, axis)
        found = replace(found, views=views)
        values = dict(zip(body.shape_names, map(float, shape), strict=True))
        cameras = f"{len(views)} camera{'s' if len(views) > 1 else ''}"
        lines = (
            f"{self.title}: {len(found)} frames by {cameras}, {found.fps:g} per second, {axis} up",
            f"{fit.share:.0%} of the joints on the masks, {how}",
            *found.notes,
        )
        return Posed(found, motion, name, values, fit.share, lines)

    def _body(self) -> tuple[str, Body]:
        name = catalog().default("body") if self.body is None else self.body.type
        component = catalog().get("body", name)
        config = self.body or component.config.model_validate({"type": name})
        return name, component.load()(config).eval().requires_grad_(False)

    def _betas(self, body: Body, poses: Poses | Motion) -> Tensor | None:
        """The files' shape as a body's own; None where the body is of another family."""
        if isinstance(poses, Motion) or "beta_0" not in body.shape_names:
            return None
        if _FAMILIES.get(len(body.joint_names)) != poses.family:
            return None
        shape, betas = body.default_shape(), torch.from_numpy(poses.betas).to(torch.float32)
        count = min(len(shape), len(betas))
        shape[:count] = betas[:count]
        return shape

    def _fitted(
        self, body: Body, found: Recording, motion: Motion, looked: Sequence[Looked]
    ) -> tuple[Tensor, str]:
        """The shape found from masks, once for a recording and a body."""
        digest = hashlib.sha256(f"{_FIT_VERSION} {body.asset.sha256}".encode())
        digest.update(motion.transl.numpy().tobytes() + motion.global_orient.numpy().tobytes())
        for one in looked:
            digest.update(f"{one.camera} {one.frame}".encode() + one.mask.tobytes())
        path = cache_dir("datasets") / f"shape-{digest.hexdigest()[:32]}.json"
        kept = read_kept(path, TypeAdapter(_KeptShape))
        if kept is not None and kept["shape"].keys() == set(body.shape_names):
            shape, overlap = body.shape_vector(kept["shape"]), kept["overlap"]
        else:
            shape, overlap = shape_from_masks(body, motion, found.views, looked)
            values = dict(zip(body.shape_names, map(float, shape), strict=True))
            with atomic_path(path) as partial:
                partial.write_text(json.dumps({"shape": values, "overlap": overlap}))
        return shape, f"shape of '{body.asset.name}' found from masks (they overlap {overlap:.0%})"


def _motion(found: Recording, body: Body, betas: Tensor | None) -> Motion:
    if isinstance(found.poses, Motion):
        return replace(found.poses, fps=found.fps)
    pelvis = None
    if betas is not None:
        pelvis = body.rest_transforms(betas)[body.joint_parents.index(-1), :3, 3]
    return found.poses.motion(found.fps, pelvis)


def capture_of(posed: Posed, config: RecordedConfig, title: str) -> Capture:
    """The capture of a recording."""
    found, frames = posed.recording, len(posed.motion)
    facts: dict[str, Any] = {
        "schema_version": 2,
        "name": found.name,
        "frames": frames,
        "fps": float(found.fps),
        "images": "png",
        "body": posed.body,
        "shape": posed.shape,
        "cameras": [_camera(name, view) for name, view in found.views.items()],
        "splits": splits_of(found, config),
        "clips": [list(clip) for clip in found.clips or [(0, frames)]],
        "provenance": {"dataset": {"format": title, "found": list(posed.lines)}},
    }
    root = found.root if found.root.is_dir() else found.root.parent
    record = parse_record(facts, root / RECORD)
    capture = Capture(root, record, posed.motion, found.pictures)
    check_cameras(capture)
    return capture


def _camera(name: str, view: View) -> Mapping[str, Any]:
    about: dict[str, Any] = {"name": name, "width": view.width, "height": view.height}
    about |= {key: getattr(view, key).tolist() for key in ("K", "R", "t")}
    return about | {"distortion": list(view.distortion)}
