"""What the default tracker finds: hands and limbs against known poses, hands of real clips, faces.

    python benchmarks/landmarks.py [me.mp4 ...] --films ada ben --without heavy retry_hands

Everything is tracked twice, with the named switches of the tracker's config off and on. Errors are
means in % of the person's height; `other hand` is the share of found hands whose fingers bend as
those of the other hand do; smile and frown are the highest of the clip, of the left side.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from live_solver import component
from rich.console import Console
from rich.table import Table

from avatar_kit.config.slots import resolve_component
from avatar_kit.io.video import read_video
from avatar_kit.registry import catalog
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_KEYPOINTS
from avatar_kit.tracking.heading import handedness

JOINTS = {"arms": ("shoulder", "elbow", "wrist"), "legs": ("hip", "knee", "ankle")}
COLUMNS = ("ms", "hands %", "other hand %", "hand error", "arms", "legs", "smile", "frown")


def tracked(clips, values):
    """The tracks of clips of frames, their expressions, and milliseconds of the processor."""
    kind = catalog().default("tracker")
    config = resolve_component("tracker", {"type": kind, **values})
    tracker = catalog().get("tracker", kind).load()(config)
    began = time.process_time()
    tracks = [track for frames in clips for track in tracker.track(iter(frames))]
    return tracks, tracker.expressions(tracks), 1000 * (time.process_time() - began) / len(tracks)


def figures(tracks, expressions, milliseconds):
    sure = np.stack([t.hands_confidence for t in tracks]) > 0
    made = handedness(np.stack([t.hands_world for t in tracks])) * [-1, 1]
    found = {"ms": milliseconds, "hands %": 100 * sure.mean()}
    if sure.any():
        found["other hand %"] = 100 * (made[sure] < 0).mean()
    for name, channel in (("smile", "mouthSmileLeft"), ("frown", "mouthFrownLeft")):
        found[name] = expressions[:, ARKIT_CHANNELS.index(channel)].max()
    return found


def errors(tracks, points):
    """Errors in % of the height against key points [F, 65, 2] in pixels."""
    count = len(BODY_KEYPOINTS)
    tall = np.ptp(points[:, :count, 1], axis=1)[:, None] / 100
    off = np.linalg.norm(np.stack([t.body for t in tracks]) - points[:, :count], axis=-1) / tall
    found = {}
    for part, joints in JOINTS.items():
        at = [BODY_KEYPOINTS.index(f"{s}_{j}") for s in ("left", "right") for j in joints]
        found[part] = off[:, at].mean()
    sure = np.stack([t.hands_confidence for t in tracks]) > 0
    hands = np.stack([t.hands for t in tracks]) - points[:, count:].reshape(-1, 2, 21, 2)
    return found | {"hand error": (np.linalg.norm(hands, axis=-1).mean(-1) / tall)[sure].mean()}


def film_of(subject):
    """Clips of frames of a film of the default dataset, and its key points in pixels."""
    values = {"type": catalog().default("dataset"), "subject": subject}
    config = resolve_component("dataset", values | {"frames": 72, "test_frames": 48})
    film = catalog().get("dataset", values["type"]).load()(config).open(512)
    body = component("body").eval()
    with torch.no_grad():
        points = body.keypoints(body.from_motion(film.motion, body.shape_vector(film.shape)))
    clips = [list(film.images(range(a, b))) for a, b in film.record.clips]
    return clips, film.camera.project(points)[0].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--films", nargs="*", default=[], help="subjects of the default dataset")
    parser.add_argument("--without", nargs="+", default=["retry_hands"], help="switches to compare")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sources = {video.name: ([list(read_video(video))], None) for video in arguments.videos}
    sources |= {f"film of {name}": film_of(name) for name in arguments.films}
    table = Table("", "", *COLUMNS)
    for name, (clips, points) in sources.items():
        for label, values in (("without", dict.fromkeys(arguments.without, False)), ("with", {})):
            found = tracked(clips, values)
            row = figures(*found) | ({} if points is None else errors(found[0], points))
            table.add_row(name, label, *(f"{row[c]:.3g}" if c in row else "" for c in COLUMNS))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
