"""Pictures of the close framing of the embedded capture, for the documentation.

python tools/studio_faces.py --out docs/images

`studio-upper.jpg`: four moments from the hips up. `studio-faces.jpg`: the three faces, above with
the detail of the other framing, below with that of the close one.
"""

import argparse
from pathlib import Path

import numpy as np
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.detail import CLOSE, FINE, Detail
from avatar_kit_studio.performance import perform
from avatar_kit_studio.picture import Photographer
from avatar_kit_studio.session import Session, dress, studio_cameras
from avatar_kit_studio.stage import make_stage
from PIL import Image

#: Number of the clip and of the frame in it.
MOMENTS = [(0, 20), (1, 24), (4, 8), (9, 11)]
FACES = [("ada", 25), ("ben", 60), ("cleo", 25)]


def shoot(
    subject: str, size: int, moments: list[tuple[int, int]], detail: Detail
) -> list[np.ndarray]:
    """The pictures [size, size, 3] of a subject at some moments."""
    session = Session(StudioConfig(subject=subject, frames=240, test_frames=48), 64)
    cast = dress(subject, detail, 0)
    height = cast.person.head.top - cast.person.marks.floor
    camera = studio_cameras(1, size, height, "upper")["main"]
    stage = make_stage(camera, cast.person.subject.backdrop)
    photographer = Photographer(cast.person, camera, stage, 2)
    pictures = []
    for number, frame in moments:
        clip = session.clips[number]
        looks = perform(cast, clip.motion, clip.lead_in)
        look = next(look for k, look in enumerate(looks) if k == frame)
        pictures.append(np.round(255 * np.clip(photographer(look)[0], 0, 1)).astype(np.uint8))
    return pictures


def main() -> None:
    """Read the command line, write the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    out = parser.parse_args().out
    upper = np.concatenate(shoot("ada", 512, MOMENTS, CLOSE), 1)
    Image.fromarray(upper).resize((1600, 400), Image.Resampling.LANCZOS).save(
        out / "studio-upper.jpg", quality=90
    )
    rows = []
    for detail in (FINE, CLOSE):
        heads = [shoot(name, 1536, [(0, frame)], detail)[0] for name, frame in FACES]
        rows.append(np.concatenate([head[230:730, 518:1018] for head in heads], 1))
    Image.fromarray(np.concatenate(rows)).save(out / "studio-faces.jpg", quality=88)


if __name__ == "__main__":
    main()
