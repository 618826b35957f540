"""``avatar-kit mix``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avatar_kit.errors import UserError, near

HELP = """Put another avatar's clothes, face or hands on an avatar, and write it as a new run.

[dim]avatar-kit mix runs/both --from ada --to ben --region torso,legs --out runs/ben-as-ada[/dim]

[dim]avatar-kit mix runs/cleo --from runs/both/people/ada --region torso,legs --out runs/x[/dim]

Both must have the same networks (see docs/methods/anr.md).
"""


def mix(
    run: Annotated[
        Path,
        typer.Argument(
            help="Run of the person to dress; with --to, a run of several people.",
            show_default=False,
        ),
    ],
    donor: Annotated[
        str,
        typer.Option(
            "--from",
            help="Run that provides the regions; with --to, the name of a person in RUN.",
            show_default=False,
        ),
    ],
    region: Annotated[
        str,
        typer.Option(
            "--region",
            help="Regions of the body, separated by commas: face, torso, legs, arms, hands, "
            "feet, or names of body parts.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write.")],
    dressed: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Name of the person to dress, in a run of several people.",
            show_default=False,
        ),
    ] = None,
    feather: Annotated[
        float,
        typer.Option("--feather", help="Width of the soft seam, as a share of the texture."),
    ] = 0.02,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Mix the textures of two avatars."""
    from rich.console import Console

    from avatar_kit.engine import mixing
    from avatar_kit.engine.loaded import load_avatar
    from avatar_kit.engine.run import RunFolder

    if not 0 <= feather <= 0.5:
        raise UserError(f"--feather {feather:g}: expected a share between 0 and 0.5")
    regions = [name.strip() for name in region.split(",") if name.strip()]
    if not regions:
        raise UserError("--region: name at least one region, e.g. torso,legs")
    pair = (run, Path(donor)) if dressed is None else (person_of(run, n) for n in (dressed, donor))
    folders = [RunFolder.open_person(root) for root in pair]
    base, given = (load_avatar(folder, device=device) for folder in folders)
    mixing.mix(base, given, regions, feather)
    mixing.write_mixed(base, regions, given, out)
    Console().print(
        f"{out}: {', '.join(regions)} of {given.subject.capture} on "
        f"{base.subject.capture}; see it with  avatar-kit render {out} --orbit 360",
        highlight=False,
        soft_wrap=True,
    )


def person_of(run: Path, name: str) -> Path:
    """The run folder of a person by the name in a run of several.

    Raises:
        UserError: It is of one person, or knows nobody of that name.
    """
    from avatar_kit.engine.run import RunFolder

    folder = RunFolder.open(run)
    people = folder.people()
    if not people:
        raise UserError(f"{run}: a run of one person; --to is for runs of several: drop it")
    if name not in people:
        raise UserError(
            f"{run}: nobody here is named '{name}'{near(name, people)}; there is "
            f"{', '.join(people)}"
        )
    return folder.person(name)
