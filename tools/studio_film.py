"""Write a video of a person of the embedded capture, as a camera would have filmed it.

python tools/studio_film.py ben --out ben.mp4

`avatar-kit prepare` and `avatar-kit live --camera` read it in place of a recording of a real
person. The pictures of the documentation are made with such videos.
"""

import argparse
from pathlib import Path

from avatar_kit.capture import Capture
from avatar_kit.io import VideoWriter
from avatar_kit.registry import catalog

SIZE = 512
#: How many pictures are read at a time.
BATCH = 16


def capture_of(subject: str, size: int = SIZE) -> Capture:
    """A person of the default dataset, in pictures of ``size`` pixels."""
    component = catalog().get("dataset", catalog().default("dataset"))
    return component.load()(component.config(subject=subject)).open(size)


def write_film(
    subject: str, out: Path, size: int = SIZE, fps: float | None = None, clip: int | None = None
) -> None:
    """The frames of the train split, in order, as a video.

    Args:
        subject: Who is filmed.
        out: The video.
        size: Side of the pictures in pixels.
        fps: Pictures per second; None: as filmed.
        clip: Number of the only clip; None: all, one after another, with cuts between them.
    """
    capture = capture_of(subject, size)
    clips = capture.clips_of("train")
    frames = [
        f for first, end in (clips if clip is None else [clips[clip]]) for f in range(first, end)
    ]
    with VideoWriter(out, fps or capture.fps, (size, size)) as film:
        for first in range(0, len(frames), BATCH):
            for picture in capture.images(frames[first : first + BATCH]):
                film.write(picture)


def main() -> None:
    """Read the command line, write the video."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subject", help="ada, ben or cleo")
    parser.add_argument("--size", type=int, default=SIZE, help="side of the pictures in pixels")
    parser.add_argument("--clip", type=int, help="number of the only clip, from 0; default: all")
    parser.add_argument("--fps", type=float, help="pictures per second; default: as filmed")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    write_film(arguments.subject, arguments.out, arguments.size, arguments.fps, arguments.clip)
    print(arguments.out)


if __name__ == "__main__":
    main()
