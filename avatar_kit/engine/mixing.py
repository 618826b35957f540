"""Clothes and faces from one avatar on another: regions of their textures, exchanged."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.run import whole_run
from avatar_kit.errors import UserError, near
from avatar_kit.graphics import visibility
from avatar_kit.scene import Topology

#: Regions that are several parts; a part is also found without its side ("hand" is both hands).
GROUPS: dict[str, tuple[str, ...]] = {
    "legs": ("hips", "thigh", "shin"),
    "arms": ("upper_arm", "forearm"),
    "hands": ("hand",),
    "feet": ("foot",),
}

#: Files that a run needs to be rendered.
_KEPT = ("config.yaml", "subject.json", "environment.json", "training_motion.npz")


def region_faces(topology: Topology, names: Sequence[str]) -> Tensor:
    """[F] bool: the triangles of some regions.

    Args:
        topology: The body's.
        names: Parts ("torso", "left_hand"), parts without their side ("hand"), ``GROUPS``, or
            "face", the face without scalp and neck.

    Raises:
        UserError: A region the body does not have.
    """
    chosen = torch.zeros(len(topology.faces), dtype=torch.bool, device=topology.faces.device)
    # the part that two of a triangle's corners agree on, or its middle one
    part = topology.parts[topology.faces].median(1).values
    for name in names:
        if name == "face":
            chosen |= topology.face_region
            continue
        found = [
            i
            for i, part_name in enumerate(topology.part_names)
            for wanted in GROUPS.get(name, (name,))
            if part_name == wanted or part_name.split("_", 1)[-1] == wanted
        ]
        if not found:
            known = sorted({"face", *GROUPS, *topology.part_names})
            raise UserError(
                f"--region: this body has no region '{name}'{near(name, known)}; it has "
                f"{', '.join(known)}"
            )
        chosen |= torch.isin(part, torch.tensor(found, device=part.device))
    return chosen


def region_mask(topology: Topology, faces: Tensor, side: int, feather: float) -> Tensor:
    """[1, 1, side, side] in [0, 1]: which texels belong to some triangles, with a soft seam.

    The seam is soft only where both sides of it are surface: at the rim of a chart the mask stays
    as it is inside, and reaches beyond the rim, where lookups between texels need it.

    Args:
        topology: The body's.
        faces: [F] bool.
        side: Texels along the chart.
        feather: Width of the seam as a share of the chart.
    """
    inside = _drawn(topology, faces, side)
    surface = _drawn(topology, torch.ones_like(faces), side)
    reach = max(1, round(feather * side / 2))
    for _ in range(2):  # a box twice is a tent: a seam without kinks
        inside, surface = (
            F.avg_pool2d(F.pad(x, [reach] * 4), 2 * reach + 1, 1) for x in (inside, surface)
        )
    return torch.where(surface > 0, inside / surface.clamp(min=1e-9), torch.zeros_like(inside))


def _drawn(topology: Topology, faces: Tensor, side: int) -> Tensor:
    """[1, 1, side, side] 1 where the chart shows one of some triangles."""
    pixels = topology.uvs[None] * side
    depth = torch.ones_like(pixels[..., 0])
    shown = topology.uv_faces[faces]
    if not len(shown):
        return pixels.new_zeros(1, 1, side, side)
    triangle, _, _ = visibility(pixels, depth, shown, side, side, perspective=False)
    return (triangle >= 0)[:, None].to(pixels.dtype)


@torch.no_grad()
def mix(base: LoadedAvatar, donor: LoadedAvatar, regions: Sequence[str], feather: float) -> None:
    """Put regions of the donor's textures into the base's, in place.

    Raises:
        UserError: The two do not share method, body and networks, have no textures, or lack a
            region.
    """
    check_related(base, donor)
    own, given = base.avatar.charts(), donor.avatar.charts()
    topology = base.avatar.body.topology
    faces = region_faces(topology, regions)
    for name, chart in own.items():
        mask = region_mask(topology, faces, chart.shape[-1], feather).to(chart)
        chart.lerp_(given[name], mask)


def check_related(base: LoadedAvatar, donor: LoadedAvatar) -> None:
    """Two avatars whose textures mean the same.

    Raises:
        UserError: They do not: says which of method, body, textures or networks differs.
    """
    here, there = base.run.root, donor.run.root
    for loaded in (base, donor):
        if not loaded.avatar.charts():
            raise UserError(
                f"{loaded.run.root}: method '{loaded.config.type}' keeps no textures that can be "
                "mixed; train with a method that does, such as one with an encoder uv_texture"
            )
    if base.config.type != donor.config.type:
        raise UserError(
            f"{there}: a run of method '{donor.config.type}', but {here} is of "
            f"'{base.config.type}'; textures mix within one method"
        )
    if base.subject.body_asset != donor.subject.body_asset:
        raise UserError(
            f"{there}: trained with the body {donor.subject.body_asset['name']}, but {here} with "
            f"{base.subject.body_asset['name']}; textures mix on one body"
        )
    first, second = base.avatar.networks(), donor.avatar.networks()
    own, given = base.avatar.charts(), donor.avatar.charts()
    fit = {n: t.shape for n, t in own.items()} == {n: t.shape for n, t in given.items()}
    if not fit or first.keys() != second.keys():
        raise UserError(
            f"{there}: has other encoders or textures than {here}; train both with the same ones"
        )
    if any(not torch.equal(first[name], second[name]) for name in first):
        raise UserError(
            f"{there}: its networks are not those of {here}, which cannot read its textures; "
            "train one of the two with the networks of the other, unchanged"
        )


def write_mixed(base: LoadedAvatar, regions: Sequence[str], donor: LoadedAvatar, out: Path) -> None:
    """Write the base, as it is now, into a run folder of its own; whole or not at all.

    Raises:
        UserError: The folder is in use.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: the output folder is not empty; choose another --out")
    with whole_run(out) as run:
        for name in _KEPT:
            if (base.run.root / name).exists():
                shutil.copyfile(base.run.root / name, run.root / name)
        origin = {"base": base.run.root, "from": donor.run.root}
        run.write_json(
            "mix.json", {**{k: str(v) for k, v in origin.items()}, "regions": list(regions)}
        )
        ckpt.save_avatar(run.checkpoints, base.step, base.avatar, base.config.type)
