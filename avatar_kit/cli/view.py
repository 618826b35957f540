"""Options of what is seen and where it goes, for ``avatar-kit render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from avatar_kit.engine.background import Background
    from avatar_kit.engine.loaded import LoadedAvatar
    from avatar_kit.scene import Camera, Motion

Orbit = Annotated[
    float | None,
    typer.Option(
        "--orbit",
        help="Move the camera around the person by this many degrees over the video. Without "
        "--motion the person stands still.",
        show_default=False,
    ),
]
CameraPath = Annotated[
    Path | None,
    typer.Option(
        "--camera",
        help="Camera path to follow: a JSON file with keys of time, eye and target (see "
        "docs/render.md).",
        show_default=False,
    ),
]

OptionalDrivingFile = Annotated[
    Path | None,
    typer.Option(
        "--motion",
        help="Motion that drives the avatar: .npz, .bvh, .glb, .fbx and others (docs: formats), "
        "or a video. Optional with --orbit or --camera.",
        show_default=False,
    ),
]

Output = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Video to write (.mp4, .mov, .mkv, .webm), animated picture (.gif, .webp), or a "
        "folder of PNG pictures (a name without a suffix). An interrupted folder is "
        "continued.",
    ),
]
Behind = Annotated[
    str,
    typer.Option(
        "--background",
        help="Background: plate (the recorded scene), transparent (.webm, .mov, .webp, .gif or "
        "a folder), a colour (name or #rrggbb), or a picture file.",
    ),
]


def chosen_cameras(
    loaded: LoadedAvatar,
    motion: Motion,
    orbit: float | None,
    path: Path | None,
    background: Background | None,
    console: Console,
) -> Camera | None:
    """The camera of each frame; None where nobody asked for another than the recording's.

    Says what is guessed of the scene behind the person, and what is left out.

    Raises:
        UserError: Both options, a camera path that does not fit, or another lens before an avatar
            that paints its background.
    """
    from avatar_kit.engine.cameras import along_path, orbit_around

    if orbit is not None and path is not None:
        raise UserError(
            "--orbit and --camera: the camera can follow only one of them; omit the other"
        )
    renderer = loaded.avatar.renderer
    found: Camera | None = None
    if path is not None:
        found = along_path(loaded, motion, path)
    elif orbit is not None:
        found = orbit_around(loaded, motion, orbit)
    if background is not None:
        console.print(
            "the recorded scene is removed, including the shadow of the person on it",
            highlight=False,
        )
    elif found is not None:
        console.print(
            "the recorded scene is shown on an estimated floor and wall; beyond it, you see its "
            "mean colour"
            if renderer.camera_moves
            else f"method '{loaded.config.type}' paints the background of one camera: the person "
            "moves instead of the camera, in front of the same background",
            highlight=False,
        )
    return found
