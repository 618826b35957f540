"""Two trackers on the same pictures: how far apart they are, and what only one of them finds.

    python benchmarks/two_trackers.py mediapipe mediapipe_tasks jumping_jacks.mp4 --start 60

Distances are mean and 95 %, in % of the person's height, of what both are sure of.
"""

import argparse
import time
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from avatar_kit.io.video import read_video
from avatar_kit.registry import catalog
from avatar_kit.tracking.heading import handedness

FIELDS = ("body", "body_confidence", "body_world", "hands", "hands_confidence", "hands_world")


def pictures(video, start, count, every, height):
    """[H, W, 3] pictures of a stretch, scaled to a height."""
    for frame in islice(read_video(video), start, start + count * every, every):
        width = round(frame.shape[1] * height / frame.shape[0])
        yield np.array(Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS))


def tracked(name, frames, values):
    """Arrays of all fields over the frames, and the median CPU time of a frame in ms."""
    component = catalog().get("tracker", name)
    known = {k: v for k, v in values.items() if k in component.config.model_fields}
    tracker = component.load()(component.config(**known))
    tracker.reset()
    tracks, spent = [], []
    for frame in frames:
        started = time.process_time()
        tracks.append(tracker.stream(frame))
        spent.append(1000 * (time.process_time() - started))
    arrays = {field: np.stack([getattr(t, field) for t in tracks]) for field in (*FIELDS, "mask")}
    arrays["face"] = np.stack([t.face for t in tracks])
    arrays["face_confidence"] = np.array([t.face_confidence for t in tracks])
    return arrays, float(np.median(spent))


def compare(a, b):
    """Lines of a table: what is measured, and its value."""
    tall = np.array(
        [np.ptp(p[c > 0.3, 1]) for p, c in zip(a["body"], a["body_confidence"], strict=True)]
    )

    def apart(field, both):
        off = np.linalg.norm(a[field] - b[field], axis=-1)
        off = off if field == "body" else off.mean(-1)
        found = 100 * (off / tall.reshape(-1, *[1] * (off.ndim - 1)))[both]
        return f"{found.mean():.2f} ({np.percentile(found, 95):.1f})" if len(found) else "none"

    sure = (a["body_confidence"] > 0.5) & (b["body_confidence"] > 0.5)
    yield "body", apart("body", sure)
    space = np.linalg.norm(a["body_world"] - b["body_world"], axis=-1)[sure]
    yield "body in space, mm", f"{1000 * space.mean():.0f}"
    one, two = a["mask"] > 127, b["mask"] > 127
    overlap = (one & two).sum((1, 2)) / np.maximum((one | two).sum((1, 2)), 1)
    yield "mask, intersection over union", f"{overlap.mean():.3f}"
    hands = [x["hands_confidence"] > 0 for x in (a, b)]
    yield "hands found", " → ".join(f"{h.mean():.0%}" for h in hands)
    wrong = [handedness(x["hands_world"]) * [-1, 1] < 0 for x in (a, b)]
    shares = [(w & h).sum() / max(h.sum(), 1) for w, h in zip(wrong, hands, strict=True)]
    yield "made like the other hand", " → ".join(f"{s:.0%}" for s in shares)
    yield "hands", apart("hands", hands[0] & hands[1])
    faces = [x["face_confidence"] > 0 for x in (a, b)]
    yield "face found", " → ".join(f"{f.mean():.0%}" for f in faces)
    yield "face mesh", apart("face", faces[0] & faces[1])


def main() -> None:
    """Track, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("video", type=Path)
    parser.add_argument("--start", type=int, default=0, help="first frame")
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--height", type=int, default=720)
    given = parser.parse_args()
    frames = list(pictures(given.video, given.start, given.frames, given.every, given.height))
    (a, first), (b, second) = (
        tracked(name, frames, {"heavy": False}) for name in (given.first, given.second)
    )
    for name, value in (*compare(a, b), ("ms a frame", f"{first:.0f} → {second:.0f}")):
        print(f"{name:32}{value}")


if __name__ == "__main__":
    main()
