"""Who performs: what a solver must know of a person before the first frame. One small JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from avatar_kit.errors import UserError, near
from avatar_kit.io.atomic import atomic_path
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
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file; calibrate the performer") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not a performer's file ({error}); calibrate again") from None
        if not isinstance(data, dict):
            raise UserError(
                f"{path}: expected a JSON object, found {type(data).__name__}; calibrate again"
            )
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise UserError(f"{path}: {_explain(error)}; calibrate the performer again") from None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'{near(key, list(Performer.model_fields))}"
    if first["type"] == "missing":
        return f"key '{key}' is missing"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    return f"{key}: {first['msg']}, got {first['input']!r}"
