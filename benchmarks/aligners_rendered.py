"""Aligners in pictures: how well an avatar shows a split of its studio, as it is and aligned.

python benchmarks/aligners_rendered.py RUN --out rendered.json --strip aligners.jpg \\
    mda.prior=prior.safetensors

RUN is an avatar of the embedded studio. Every aligner is fitted to its training poses and changes
the split, clip by clip. The studio films the changed motion too, so that every rendered picture is
held against what a camera would have seen in that very pose: an aligner is not blamed for the pose
it changed, and what it does to the motion stands beside. How near pictures come to anything the
avatar was trained on is measured with the nearest recorded training frame.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.dataset import Studio
from avatar_kit_studio.performance import perform
from avatar_kit_studio.session import Session
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table
from torch import Tensor

from avatar_kit.aligners import measure
from avatar_kit.capture import CaptureView, Sample
from avatar_kit.capture.crop import crop_resize
from avatar_kit.config import parse_overrides
from avatar_kit.engine.aligning import align_motion, choose_aligner
from avatar_kit.engine.driving import render_motion
from avatar_kit.engine.held_out import person_boxes
from avatar_kit.engine.loaded import LoadedAvatar, load_avatar
from avatar_kit.engine.preview import to_uint8
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view
from avatar_kit.errors import UserError
from avatar_kit.metrics.perceptual import shared_distance
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion

#: Frames that the first pose is held before a clip, so that cloth and hair hang.
_LEAD_IN = 20

#: Margin around the person, as in the evaluation.
_MARGIN = 0.05

Pictures = list[np.ndarray]


@dataclass(frozen=True)
class Shown:
    """One aligner's pictures of the split.

    Attributes:
        clips: What it made of every clip.
        rendered: [n] pictures [H, W, 3] of the avatar, uint8.
        filmed: [n] pictures of the studio in the same poses.
        masks: [n] where the person is in these, [H, W] uint8.
    """

    clips: list[Motion]
    rendered: Pictures
    filmed: Pictures
    masks: list[np.ndarray]


def film(
    session: Session, view: CaptureView, clip: Motion
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What the studio's camera sees of a clip: pictures [H, W, 3] and masks [H, W], uint8."""
    held = clip[[0] * _LEAD_IN + list(range(len(clip)))]
    for look in perform(session.cast, held, _LEAD_IN):
        seen = (eight_bits(values) for values in session.photographers["main"](look))
        crop = view.crops[view.main]  # the avatar paints what training saw of the pictures
        picture, mask = (crop_resize(values, crop, view.width, view.height) for values in seen)
        yield picture, mask


def show(loaded: LoadedAvatar, session: Session, view: CaptureView, clips: list[Motion]) -> Shown:
    """Render and film clips."""
    rendered = [to_uint8(p) for clip in clips for p in render_motion(loaded, clip)]
    filmed, masks = zip(
        *(pair for clip in clips for pair in film(session, view, clip)), strict=True
    )
    return Shown(clips, rendered, list(filmed), list(masks))


def eight_bits(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as uint8."""
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def crops(pictures: Sequence[np.ndarray], boxes: np.ndarray) -> Tensor:
    """[n, 3, h, w] in [0, 1]: boxes of one size cut from pictures [H, W, 3]."""
    cut = [p[t:b, x:r] for p, (x, t, r, b) in zip(pictures, boxes.astype(int), strict=True)]
    return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).float() / 255


@torch.inference_mode()
def nearest(pictures: Tensor, known: Tensor) -> float:
    """Mean ``st_lpips_alex`` of pictures [n, 3, h, w] to the nearest of known ones [m, 3, h, w]."""
    network = shared_distance()
    features = network.features(known)
    found = []
    for picture in pictures:
        one = [f.expand(len(known), -1, -1, -1) for f in network.features(picture[None])]
        found.append(float(network.distance(one, features).min()))
    return float(np.mean(found))


@torch.inference_mode()
def fidelity(rendered: Tensor, filmed: Tensor) -> dict[str, float]:
    """How far rendered pictures are from filmed ones, both [n, 3, h, w]."""
    pairs = zip(rendered.split(1), filmed.split(1), strict=True)
    perceived = np.mean([float(shared_distance()(a, b)) for a, b in pairs])
    error = (rendered - filmed).square().mean((1, 2, 3))
    return {"psnr": float((-10 * error.log10()).mean()), "st_lpips_alex": float(perceived)}


def motion_figures(shown: Shown, source: list[Motion], known: Tensor) -> dict[str, float]:
    """What became of the motion: distance to the training poses, and to what was asked for."""
    poses, asked = (torch.cat([m.body_pose for m in clips]) for clips in (shown.clips, source))
    pairs = list(zip(shown.clips, source, strict=True))
    follows = [measure.velocity_correlation(*map(measure.joint_points, pair)) for pair in pairs]
    return {
        "knn_degrees": float(measure.knn_distance(poses, known).mean().rad2deg()),
        "changed_degrees": float(measure.geodesic_error(poses, asked).mean().rad2deg()),
        "velocity_correlation": float(np.average(follows, weights=[len(m) for m in source])),
    }


def strip(rows: Mapping[str, Pictures], count: int = 6) -> Image.Image:
    """Pictures of every row beside each other, spread over the frames, with the row's name."""
    margin, gap = 96, 4
    height, width = next(iter(rows.values()))[0].shape[:2]
    left, top = round(0.11 * width), round(0.08 * height)
    size = (width - 2 * left, height - top)
    sheet = Image.new("RGB", (margin + count * size[0], len(rows) * (size[1] + gap)), "white")
    draw = ImageDraw.Draw(sheet)
    for r, (name, pictures) in enumerate(rows.items()):
        y = r * (size[1] + gap)
        draw.text((margin - 8, y + size[1] // 2), name, (60, 60, 60), anchor="rm")
        for k in range(count):
            picture = pictures[round((k + 0.5) * len(pictures) / count)]
            cut = picture[top:, left : left + size[0]]
            sheet.paste(Image.fromarray(cut), (margin + k * size[0], y))
    return sheet


def main() -> None:
    """Align, film, render, measure."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    console = Console(width=140)
    run = RunFolder.open(arguments.run)
    loaded = load_avatar(run)
    config = loaded.config
    if not isinstance(config.data, StudioConfig):
        raise UserError(f"{arguments.run}: not an avatar of the studio, which alone can be filmed")
    capture = Studio(config.data).open(config.size)
    if arguments.split not in capture.splits:
        raise UserError(f"--split {arguments.split}: there are {', '.join(capture.splits)}")
    session, view = Session(config.data, config.size), open_view(config)
    source = [capture.motion[slice(*run)] for run in capture.clips_of(arguments.split)]
    values = parse_overrides(arguments.values)
    found: dict[str, Shown] = {}
    for name in arguments.only or catalog().names("aligner"):
        aligner = choose_aligner(loaded, name, values.get(name, {}))
        clips = [align_motion(loaded, aligner, clip).motion for clip in source]
        found[name] = show(loaded, session, view, clips)
        console.print(f"{name}: rendered and filmed", highlight=False)
    if arguments.strip:
        strip({name: shown.rendered for name, shown in found.items()}).save(
            arguments.strip, quality=88
        )
    result = {
        "split": arguments.split,
        "capture": capture.name,
        "frames": sum(map(len, source)),
        "steps": loaded.step,
        **figures(found, source, view, arguments),
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1))
    console.print(table(result))


def figures(
    found: Mapping[str, Shown],
    source: list[Motion],
    view: CaptureView,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Figures of every aligner, and how near recorded frames come to training frames."""
    splits = view.capture.splits
    train = list(splits["train"].frames)
    known = view.capture.motion[train].body_pose
    recorded = {
        "training": train[:: arguments.every],
        "in_distribution": list(splits["in_distribution"].frames),
        arguments.split: list(splits[arguments.split].frames),
    }
    # boxes of one size over everything that is compared
    masks = [[view.mask(Sample(f, view.main)) for f in frames] for frames in recorded.values()]
    masks += [shown.masks for shown in found.values()]
    together = person_boxes([mask for group in masks for mask in group], _MARGIN)
    boxes = iter(np.split(together, np.cumsum([len(group) for group in masks])))
    cut = {
        name: crops(
            [view.image(Sample(f, view.main)).transpose(1, 2, 0) for f in frames], next(boxes)
        )
        for name, frames in recorded.items()
    }
    training = cut.pop("training")
    near = {name: {"nearest": nearest(pictures, training)} for name, pictures in cut.items()}
    result: dict[str, Any] = {"recorded": near, "aligners": {}}
    for name, shown in found.items():
        box = next(boxes)
        rendered, filmed = crops(shown.rendered, box), crops(shown.filmed, box)
        result["aligners"][name] = {
            **motion_figures(shown, source, known),
            **fidelity(rendered, filmed),
            "nearest": nearest(rendered, training),
            "nearest_filmed": nearest(filmed, training),
        }
    return result


def table(result: Mapping[str, Any]) -> Table:
    """A row for each aligner."""
    columns = {
        "kNN degrees": "knn_degrees",
        "changed degrees": "changed_degrees",
        "velocity": "velocity_correlation",
        "psnr": "psnr",
        "st_lpips_alex": "st_lpips_alex",
        "to nearest training frame": "nearest",
        "the same, filmed": "nearest_filmed",
    }
    grid = Table(show_edge=False, pad_edge=False, header_style="bold")
    grid.add_column("aligner", no_wrap=True)
    for column in columns:
        grid.add_column(column, justify="right")
    for name, of in result["aligners"].items():
        grid.add_row(name, *(f"{of[key]:.4g}" for key in columns.values()))
    for name, of in result["recorded"].items():
        grid.add_row(f"recorded {name}", *[""] * 5, f"{of['nearest']:.4g}")
    return grid


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="run folder of an avatar of the studio")
    parser.add_argument("values", nargs="*", help="NAME.key=value of an aligner")
    parser.add_argument("--split", default="out_of_distribution", help="what is shown")
    parser.add_argument(
        "--only", action="append", help="aligner to show (may be repeated); left out: all"
    )
    parser.add_argument("--every", type=int, default=2, help="compare with every n-th frame")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--strip", type=Path, help="picture to write")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    main()
