"""``avatar-kit prepare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from avatar_kit.cli.grouped import grouped
from avatar_kit.cli.motion_options import MotionReading

T = TypeVar("T")

HELP = """Turn a video of one person into a capture to train on (needs the extra  track).

[dim]avatar-kit prepare me.mp4 --out captures/me[/dim]

[dim]avatar-kit prepare front.mp4 back.mp4 --out captures/me[/dim]   several of the same person

Film yourself from head to toe with a camera that stands still, in even light, in front of a plain
wall. Turn around once and move your arms. 10 to 60 seconds are enough. Each stage is cached: if you
run the command again, it continues after the last completed stage.
"""


@grouped
def prepare(
    videos: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEO...",
            help="Video of one person, a folder of pictures, or a pattern such as "
            "frames/%05d.png. Several videos of the same person become one capture.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Capture folder to write.", show_default=False)
    ],
    fov: Annotated[
        float | None,
        typer.Option(
            "--fov",
            help="Vertical field of view of the whole picture in degrees. Default: that of the "
            "lens named in the file, else 40.",
            show_default=False,
        ),
    ] = None,
    focal: Annotated[
        float | None,
        typer.Option("--focal", help="Focal length in pixels, if you know it.", show_default=False),
    ] = None,
    camera: Annotated[
        list[Path] | None,
        typer.Option(
            "--camera",
            help="File with the intrinsics of the camera: JSON with fx, fy, cx, cy, width, "
            "height; OpenCV's JSON or YAML; COLMAP's cameras.txt. Give one file for all "
            "videos, or one per video, in order.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start", help="Start of the part to read, in seconds or as 1:05.", show_default=False
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", help="End of the part to read.", show_default=False)
    ] = None,
    every: Annotated[int, typer.Option("--every", help="Read every Nth frame.")] = 1,
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps",
            help="Frames per second to read; for a folder of pictures, their frame rate "
            "(default: 30).",
            show_default=False,
        ),
    ] = None,
    rotate: Annotated[
        int,
        typer.Option("--rotate", help="Rotate the pictures clockwise by 90, 180 or 270 degrees."),
    ] = 0,
    crop: Annotated[
        str | None,
        typer.Option(
            "--crop",
            metavar="X,Y,W,H",
            help="Crop the rotated pictures to this rectangle, in pixels.",
            show_default=False,
        ),
    ] = None,
    masks: Annotated[
        list[Path] | None,
        typer.Option(
            "--masks",
            help="Folder with one mask for each frame of the video, in which the person is "
            "white. May be repeated: one per video, in order.",
            show_default=False,
        ),
    ] = None,
    matting: Annotated[
        str | None,
        typer.Option(
            "--matting",
            help="Matting that finds the masks, e.g. rembg. Default: the tracker's masks, refined "
            "against the empty scene.",
            show_default=False,
        ),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            "--shape",
            help="A known shape value of the body, e.g. --shape gender=0.9 (may be repeated).",
            show_default=False,
        ),
    ] = None,
    held_out: Annotated[
        float,
        typer.Option(
            "--held-out", help="Share of each clip that is held out for the test, 0 to 0.5."
        ),
    ] = 0.15,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="Name in tables. Default: the name of the folder.", show_default=False
        ),
    ] = None,
    body: Annotated[
        str | None,
        typer.Option("--body", help="Body model. Default: the default body.", show_default=False),
    ] = None,
    tracker: Annotated[
        str | None,
        typer.Option(
            "--tracker", help="Tracker. Default: the default tracker.", show_default=False
        ),
    ] = None,
    allow_cut: Annotated[
        bool,
        typer.Option("--allow-cut", help="Accept a person who is cut by the edge of the frame."),
    ] = False,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            help="Number of the person to use, if the video shows several people one after "
            "another: 1, 2, ... or all if they are the same person.",
            show_default=False,
        ),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            "--box",
            metavar="X,Y,W,H[@SECONDS]",
            help="Box around the person to use, in pixels of the upright file, in the first "
            "picture that is read. With @SECONDS, it refers to the picture at that time, "
            "and reading starts there. May be repeated: one per video.",
            show_default=False,
        ),
    ] = None,
    motion: Annotated[
        list[Path] | None,
        typer.Option(
            "--motion",
            help="Motion file of this person in this video (SMPL, SMPL-X, ...), which is "
            "refined. May be repeated: one per video, in order.",
            show_default=False,
        ),
    ] = None,
    reading: MotionReading = MotionReading(),
    fresh: Annotated[bool, typer.Option("--fresh", help="Run all stages again.")] = False,
) -> None:
    """Prepare a video, or several."""
    from dataclasses import replace

    from rich.console import Console

    from avatar_kit.engine.stopping import interrupted_by_sigterm
    from avatar_kit.io.read_options import ReadOptions, parse_box, parse_rectangle, parse_time
    from avatar_kit.tracking import Options, prepare_video
    from avatar_kit.tracking.terminal import StageProgress, show

    console, count = Console(), len(videos)
    common = ReadOptions(
        start=parse_time(start, "--start") if start else 0.0,
        end=parse_time(end, "--end") if end else None,
        every=every,
        fps=fps,
        crop=parse_rectangle(crop) if crop else None,
        rotate=rotate,
    )
    own = zip(
        one_each("--masks", masks, count),
        one_each("--camera", camera, count, shared=True),
        strict=True,
    )
    options = Options(
        fov=fov,
        focal=focal,
        shape=shape_values(shape or []),
        held_out=held_out,
        name=name,
        body=body,
        tracker=tracker,
        matting=matting,
        allow_cut=allow_cut,
        person=person,
        boxes=[parse_box(b) if b else None for b in one_each("--box", box, count)],
        motion=one_each("--motion", motion, count),
        motion_options=reading.checked(),
        fresh=fresh,
        read=[replace(common, masks=m, camera=c) for m, c in own],
    )
    try:
        with interrupted_by_sigterm(), StageProgress(console, once=count == 1) as progress:
            prepared = prepare_video(videos, out, options, progress)
    except KeyboardInterrupt:
        console.print(
            "stopped; run the same command again to continue after the last completed stage"
        )
        raise typer.Exit(130) from None
    show(prepared, console)


def one_each(
    option: str, given: Sequence[T] | None, videos: int, *, shared: bool = False
) -> list[T | None]:
    """What an option that may be repeated says of each video.

    Args:
        option: Its name.
        given: Its values.
        videos: How many there are.
        shared: Whether one value holds for all of them.

    Raises:
        UserError: It is given for some of the videos.
    """
    from avatar_kit.errors import UserError

    if not given:
        return [None] * videos
    if shared and len(given) == 1:
        return [given[0]] * videos
    if len(given) != videos:
        raise UserError(
            f"{option}: given {len(given)} times for {videos} videos; give it once per video, in "
            "order"
        )
    return list(given)


def shape_values(given: list[str]) -> dict[str, float]:
    """``["gender=0.9"]`` as a mapping.

    Raises:
        UserError: No ``name=value``, or the value is no number. Whether the body knows the name and
            takes the value is told when the body is there.
    """
    from avatar_kit.errors import UserError

    values = {}
    for item in given:
        key, _, text = item.partition("=")
        try:
            values[key] = float(text)
        except ValueError:
            raise UserError(f"--shape {item}: write name=value, e.g. --shape gender=0.9") from None
    return values
