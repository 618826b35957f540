"""What an avatar shows of the sides that its training never saw.

python benchmarks/front_only.py --method ram --subject ada --out front.json -- steps=300

Of studio's training frames those in which the person faces the camera within 70 degrees are left;
`large_rotation` shows the person from the side and from behind. Words after -- go to the training.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import roma
import torch

from avatar_kit.capture import Capture, open_capture
from avatar_kit.engine.assemble import load_class
from avatar_kit.registry import catalog

#: Degrees that the person may be turned away from the camera in a training frame.
WITHIN = 70.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", action="append", required=True)
    parser.add_argument("--subject", action="append", default=None)
    parser.add_argument("--runs", type=Path, help="folder for the runs; a temporary one if omitted")
    parser.add_argument("--out", type=Path, help="JSON file")
    parser.add_argument("words", nargs="*", help="key=value for the training")
    arguments = parser.parse_args()
    found: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for subject in arguments.subject or ["ada", "ben", "cleo"]:
            capture = front_only(subject, folder / subject)
            for method in arguments.method:
                run = (arguments.runs or folder) / f"{method}-{subject}"
                command = ["avatar-kit", "train", "--method", method, "--out", str(run)]
                data = ["data.type=capture", f"data.path={capture}", "size=256"]
                subprocess.run([*command, *data, *arguments.words], check=True)
                scores = json.loads((run / "eval" / "test.json").read_text())["splits"]
                found[f"{method} {subject}"] = scores
                print(method, subject, json.dumps(scores["large_rotation"]), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1))


def front_only(subject: str, folder: Path) -> Path:
    """Copy a film of the studio; its training frames are those that show the person's front."""
    chosen = catalog().get("dataset", "studio").config(subject=subject)
    film = load_class("dataset", chosen)(chosen).open(256)
    shutil.copytree(film.root, folder)
    record = json.loads((folder / "capture.json").read_text())
    turned = headings(film)
    kept = [f for f in record["splits"]["train"] if abs(float(turned[f])) <= WITHIN]
    record["splits"]["train"] = kept
    (folder / "capture.json").write_text(json.dumps(record))
    print(
        f"{subject}: {len(kept)} of {len(film.splits['train'].frames)} training frames", flush=True
    )
    return open_capture(folder).root


def headings(film: Capture) -> torch.Tensor:
    """[T] degrees that the pelvis is turned about the vertical, 0: towards the camera."""
    ahead = roma.rotvec_to_rotmat(film.motion.global_orient)[:, :, 2]
    return torch.rad2deg(torch.atan2(ahead[:, 0], ahead[:, 2]))


if __name__ == "__main__":
    main()
