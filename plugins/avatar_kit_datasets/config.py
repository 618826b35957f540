"""Configs of the field's datasets. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from avatar_kit.config import DatasetConfig

#: The largest frame number that can be asked for.
_MOST = 1_000_000_000


class RecordedConfig(DatasetConfig):
    """What can be said of every recording that lies in a format of its own."""

    path: Path = Field(description="The folder, in the layout of its publisher.")
    cameras: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Names of the cameras to use; null: all."
    )
    held_out: tuple[str, ...] = Field(
        default=(), description="Cameras held out of training: the split novel_view."
    )
    start: int = Field(default=0, ge=0, le=_MOST, description="First frame to use.")
    stop: int | None = Field(
        default=None, ge=1, le=_MOST, description="Frame to stop before; null: the end."
    )
    step: int = Field(default=1, ge=1, le=_MOST, description="Use every Nth frame.")
    test: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Share of the frames, from the end, that is held out if the files name no "
        "test frames.",
    )
    fps: float | None = Field(
        default=None, gt=0, le=1000, description="Frames per second; null: as published."
    )
    up: Literal["auto", "y", "-y", "z", "-z", "x", "-x"] = Field(
        default="auto", description="Axis of the files that points up; auto: along the person."
    )
    shape: dict[str, float] | None = Field(
        default=None,
        description="Shape values of the body; null: the files' betas where the body is of their "
        "family, else found from the masks.",
    )


class PicturesConfig(RecordedConfig):
    """The plain form: pictures, masks, a motion file and a camera."""

    type: Literal["pictures"] = "pictures"
    path: Path = Field(description="Folder of pictures, or of a folder of them for each camera.")
    masks: Path | None = Field(
        default=None, description="Folder of masks laid out alike; null: 'masks' beside it."
    )
    motion: Path | None = Field(
        default=None, description="Any motion file; null: motion.npz beside the pictures."
    )
    camera: Path | None = Field(
        default=None,
        description="JSON of cameras, as capture.json has them; null: cameras.json beside it.",
    )
    fov: float | None = Field(
        default=None,
        gt=1,
        lt=170,
        description="Vertical field of view in degrees of one camera that stands at the origin "
        "and looks along z with y down, in place of a file of cameras.",
    )


class PeopleSnapshotConfig(RecordedConfig):
    """People-Snapshot: as published, or in the form of InstantAvatar."""

    type: Literal["people_snapshot"] = "people_snapshot"
    poses: str | None = Field(
        default=None,
        description="Of InstantAvatar's form: which poses; null: anim_nerf (the splits of the "
        "papers) where it is there, else poses.npz.",
    )


class NeumanConfig(RecordedConfig):
    """NeuMan: one person filmed by a phone that moves; COLMAP's cameras."""

    type: Literal["neuman"] = "neuman"


class ZjuMocapConfig(RecordedConfig):
    """ZJU-MoCap: as published, or refined by Instant-NVR."""

    type: Literal["zju_mocap"] = "zju_mocap"


class ActorsHqConfig(RecordedConfig):
    """ActorsHQ: a folder of one scale, with the SMPL-X parameters that come separately."""

    type: Literal["actorshq"] = "actorshq"
    smpl_params: Path | None = Field(
        default=None, description="smpl_params.npz; null: in the folder or in one above it."
    )


class AvatarRexConfig(RecordedConfig):
    """AvatarReX and THuman4.0, which lay out cameras and poses alike."""

    type: Literal["avatarrex"] = "avatarrex"


class DnaRenderingConfig(RecordedConfig):
    """DNA-Rendering: ID.smc with ID_annots.smc beside it (extra datasets)."""

    type: Literal["dna_rendering"] = "dna_rendering"
    path: Path = Field(description="The file ID.smc.")


class EasyMocapConfig(RecordedConfig):
    """EasyMocap: images, masks, intri.yml, extri.yml, and smpl or smplx json."""

    type: Literal["easymocap"] = "easymocap"


class ExAvatarConfig(RecordedConfig):
    """ExAvatar's form of an own video."""

    type: Literal["exavatar"] = "exavatar"


class XHumansConfig(RecordedConfig):
    """X-Humans: a sequence of a subject, drawn by a camera that circles around the person."""

    type: Literal["x_humans"] = "x_humans"
    path: Path = Field(description="The folder of a sequence: SUBJECT/train/Take1.")


class HfNhmtConfig(RecordedConfig):
    """HF-NHMT (HFshirt): pictures and the empty scene; poses of a tracker."""

    type: Literal["hf_nhmt"] = "hf_nhmt"
    motion: Path | None = Field(
        default=None,
        description="Any motion file with a frame for every picture, in the axes of the camera; "
        "null: motion.npz in the folder.",
    )
    masks: Path | None = Field(
        default=None,
        description="Folder of masks; null: 'masks' in the folder, else the difference to "
        "background.png.",
    )
    fov: float | None = Field(
        default=None,
        gt=1,
        lt=170,
        description="Vertical field of view in degrees of the camera that the poses were tracked "
        "with; null: camera.",
    )
    camera: Path | None = Field(
        default=None,
        description="JSON with the camera, as capture.json has it; null: cameras.json in the "
        "folder.",
    )
