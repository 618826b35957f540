"""What a trained avatar's attention does: does it choose where to look, and do pictures need it?

python benchmarks/attention_use.py RUN --every 6 --out use.json

For each held-out split of a RAM run with `attentive_texture`, over every n-th frame:

perplexity  cells that a position's row effectively looks at, as a share of all (1: no choice)
cosine      between what the two branches add to the features (1: they do the same)
share       of a branch's addition that changes when its attention is left out (alpha = 0); the
            rest is its convolution
psnr        of the picture: as trained, with alpha = 0, and without the branches
"""

import argparse
import json
import math
import statistics
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from avatar_kit_ram.attention import CrissCrossBranch, distance_weights
from avatar_kit_ram.attentive import AttentiveTexture, shrink
from torch import Tensor

from avatar_kit.engine.frames import PosedFrames, load_picture
from avatar_kit.engine.held_out import held_out_splits
from avatar_kit.engine.loaded import LoadedAvatar, load_avatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view
from avatar_kit.interfaces import Avatar
from avatar_kit.scene import FrameContext


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--every", type=int, default=6, help="take every n-th frame")
    parser.add_argument("--out", type=Path, help="JSON file")
    arguments = parser.parse_args()
    found = measure(load_avatar(RunFolder.open(arguments.run)), arguments.every)
    print(json.dumps(found, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1))


@torch.no_grad()
def measure(loaded: LoadedAvatar, every: int) -> dict[str, dict[str, float]]:
    """Split -> figure -> mean over the frames."""
    avatar, config = loaded.avatar, loaded.config
    view = open_view(config)
    posed = PosedFrames(avatar.body, view.capture.motion, avatar.shape)
    encoder = next(e for e in avatar.encoders.values() if isinstance(e, AttentiveTexture))
    found = {}
    for split in held_out_splits(view, config.evaluation):
        rows = []
        for k in range(0, len(split.samples), every):
            sample = split.samples[k]
            before = sample.frame if split.new_clip[k] else split.samples[k - 1].frame
            camera = view.camera(sample).to(posed.device)
            context = posed.context([sample.frame], [before], camera, [-1])
            truth = load_picture(view, sample, posed.device)
            rows.append({**looks(encoder, context), **needs(avatar, encoder, context, truth)})
        found[split.name] = {key: statistics.fmean(row[key] for row in rows) for key in rows[0]}
    return found


def looks(encoder: AttentiveTexture, context: FrameContext) -> dict[str, float]:
    """What the branches look at, and what they add."""
    encoder.attend = False
    features = encoder(context).values[:, : encoder.config.channels]
    encoder.attend = True
    small = shrink(features, encoder.config.stride)
    person = small.abs().sum(1)[0] > 0
    found, added = {}, []
    for name, branch in encoder.branches.items():
        query = encoder.query(name, context)
        added.append(branch(query, small))
        with without_attention([branch]):
            plain = branch(query, small)
        found[f"share {name}"] = float((added[-1] - plain).norm() / added[-1].norm())
        found[f"perplexity {name}"] = perplexity(branch, query, small, person)
    if len(added) == 2:
        found["cosine"] = float(F.cosine_similarity(*added)[0][person].mean())
    return found


def perplexity(branch: CrissCrossBranch, query: Tensor, keys: Tensor, person: Tensor) -> float:
    """Mean perplexity of the first pass along rows, for positions on the person, over its cells."""
    q, k = (x.permute(0, 2, 3, 1)[0] for x in (query, keys))
    energies = branch.query(q) @ branch.key(k).mT
    if branch.distance != "none":
        weights = distance_weights(q.shape[1]).to(energies)
        energies = energies * weights if branch.distance == "multiply" else energies + weights.log()
    shares = energies[person].softmax(-1)
    return float((-(shares * shares.log()).sum(-1)).exp().mean()) / shares.shape[-1]


def needs(
    avatar: Avatar, encoder: AttentiveTexture, context: FrameContext, truth: Tensor
) -> dict[str, float]:
    """PSNR in dB of one picture as trained, without attention, without the branches."""

    def psnr() -> float:
        return -10 * math.log10(float((avatar(context).rgb.clamp(0, 1) - truth).square().mean()))

    found = {"psnr": psnr()}
    with without_attention(encoder.branches.values()):
        found["psnr, alpha = 0"] = psnr()
    encoder.attend = False
    found["psnr, no branches"] = psnr()
    encoder.attend = True
    return found


@contextmanager
def without_attention(branches: Iterable[CrissCrossBranch]) -> Iterator[None]:
    """Within it the branches are their convolutions alone."""
    alphas = [(branch.alpha, branch.alpha.detach().clone()) for branch in branches]
    for alpha, _ in alphas:
        alpha.data.zero_()
    yield
    for alpha, learned in alphas:
        alpha.data.copy_(learned)


if __name__ == "__main__":
    main()
