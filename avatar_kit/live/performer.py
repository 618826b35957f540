"""Who performs: what a solver must know of a person before the first frame. One small JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.documents import read_json, validated
from avatar_kit.scene.joints import ARKIT_CHANNELS

if TYPE_CHECKING:
    from avatar_kit.capture import Capture
    from avatar_kit.interfaces import Body

_Metres = Annotated[float, Field(gt=0.3, lt=3.0, allow_inf_nan=False)]
_Channel = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Performer(BaseModel):
    """A person in front of a camera. Made by :func:`~avatar_kit.live.calibrate`.

    Attributes:
        version: Of the file.
        body: Id of the body model that ``shape`` belongs to (``Body.asset.name``).
        tracker: Registered name of the tracker that the neutral face was seen with; empty where it
            was not seen.
        shape: Shape values by name.
        height: Of the standing person in metres.
        pelvis: Height of the pelvis joint over the soles of the standing person, metres.
        floor: Height of the floor in the world of the camera, metres; null where it is not known.
        neutral: [52] what the tracker reads from the face at rest, ARKit channels in [0, 1].
        notes: What was guessed, a line each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    body: str = Field(min_length=1)
    tracker: str = ""
    shape: dict[str, Annotated[float, Field(allow_inf_nan=False)]]
    height: _Metres
    pelvis: _Metres
    floor: Annotated[float, Field(gt=-20, lt=20, allow_inf_nan=False)] | None = None
    neutral: tuple[_Channel, ...] = (0.0,) * len(ARKIT_CHANNELS)
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _plausible(self) -> Performer:
        if len(self.neutral) != len(ARKIT_CHANNELS):
            raise ValueError(f"neutral: expected 52 channels, got {len(self.neutral)}")
        if self.pelvis >= 0.75 * self.height:
            raise ValueError(
                f"pelvis: {self.pelvis:g} m above the soles of a person of {self.height:g} m; "
                "expected less than three quarters of the height"
            )
        return self

    @classmethod
    def from_capture(cls, capture: Capture, body: Body) -> Performer:
        """The person of a capture; see :func:`avatar_kit.live.calibration.from_capture`."""
        from avatar_kit.live.calibration import from_capture

        return from_capture(capture, body)

    def save(self, path: str | Path) -> None:
        """Write the file; it is there whole or not at all."""
        with atomic_path(path) as partial:
            partial.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Performer:
        """Read a file.

        Raises:
            UserError: It is missing, is no JSON, or a key is missing, unknown or out of range.
        """
        path = Path(path)
        data = read_json(path, what="performer's file", fix="calibrate the performer")
        return validated(cls, data, path, "calibrate the performer again")
