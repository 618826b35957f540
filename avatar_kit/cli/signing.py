"""Options of who signs what a command writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from avatar_kit.io.signing import Signer

Sign = Annotated[
    bool,
    typer.Option(
        "--sign",
        help="Sign pictures and videos as synthetic (C2PA, Content Credentials). If you omit "
        "--certificate, a self-signed certificate is used. Needs the extra provenance.",
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option(
        "--certificate",
        help="Sign with this certificate (.pem, with its certificate chain).",
        show_default=False,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", help="Private key of --certificate (.pem).", show_default=False),
]


def chosen_signer(
    sign: bool,
    certificate: Path | None,
    key: Path | None,
    say: Callable[[str], None],
    out: Path | None = None,
) -> Signer | None:
    """Who signs, and a line on it; None where nobody was asked to.

    Args:
        sign: Whether a signature was asked for.
        certificate: Of the person; asks for one, too.
        key: Of the certificate.
        say: Takes a line for a person.
        out: What is to be written, if that is known: refused where it cannot be signed.

    Raises:
        UserError: The file or the certificate will not do, or the extra is missing.
    """
    if not sign and certificate is None and key is None:
        return None
    from avatar_kit.io.signing import Signer, check_signable

    if out is not None:
        check_signable(out)
    signer = Signer.load(certificate, key)
    say(signer.note)
    return signer
