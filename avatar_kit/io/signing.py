"""Files that say, signed, how they were made: manifests of C2PA (Content Credentials)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avatar_kit import __version__
from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.io.atomic import atomic_path, temporary_sibling
from avatar_kit.io.certificates import read_pair, self_made

if TYPE_CHECKING:
    from avatar_kit.io.synthetic import Synthetic

#: Suffixes of pictures and videos that we write.
_OURS = (".png", ".jpg", ".gif", ".webp", ".mp4", ".mov", ".mkv", ".webm")
#: Label of our own assertion, under a name that is ours.
_ABOUT = "org.avatar-kit.avatar"


@dataclass(frozen=True)
class Signer:
    """A certificate and its key.

    Attributes:
        chain: Certificates as PEM, the one to sign with first.
        key: Its private key as PEM.
        algorithm: Name in C2PA: es256, es384, es512, ps256 or ed25519.
        note: For a person: where they are from.
    """

    chain: str
    key: str = field(repr=False)
    algorithm: str
    note: str = ""

    @classmethod
    def load(cls, certificate: Path | None = None, key: Path | None = None) -> Signer:
        """The certificate that a person has, or one that is made here.

        Args:
            certificate: PEM file with the chain; None: the self-made one of the config folder.
            key: PEM file with the key of the first certificate.

        Raises:
            UserError: One without the other, or they make no pair.
            MissingExtra: The extra ``provenance`` is not installed.
        """
        _c2pa()
        if (certificate is None) != (key is None):
            raise UserError("a certificate comes with its key: give --certificate and --key")
        if certificate is not None and key is not None:
            return cls(*read_pair(certificate, key), note=f"signed with {certificate}")
        path, new = self_made()
        made = ", made now" if new else ""
        note = (
            f"signed with a self-made certificate ({path}{made}): programs of other people check "
            "that nothing was changed, and call the signer untrusted"
        )
        return cls(*read_pair(path, path), note=note)

    def sign(self, path: Path, synthetic: Synthetic, title: str) -> None:
        """Put a signed manifest into a file.

        Args:
            path: A picture or a video, written whole.
            synthetic: What it says of itself.
            title: Name of the file for a person.

        Raises:
            UserError: C2PA cannot sign it.
        """
        c2pa = _c2pa()
        signed = temporary_sibling(path)
        info = c2pa.C2paSignerInfo(
            self.algorithm.encode(), self.chain.encode(), self.key.encode(), None
        )
        quiet = {"builder": {"thumbnail": {"enabled": False}}}
        try:
            with (
                c2pa.Signer.from_info(info) as signer,
                c2pa.Context.from_dict(quiet) as context,
                c2pa.Builder(manifest(synthetic, title), context) as builder,
            ):
                builder.sign_file(path, signed, signer)
            os.replace(signed, path)
        except c2pa.C2paError as error:
            raise UserError(f"{title}: cannot be signed ({error})") from None
        finally:
            signed.unlink(missing_ok=True)


def manifest(synthetic: Synthetic, title: str) -> dict[str, Any]:
    """What is signed: how the file was made, by what, and whom it shows.

    Args:
        synthetic: What the file says of itself.
        title: Its name.
    """
    agent = {"name": "avatar-kit", "version": __version__}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": synthetic.source,
        "softwareAgent": agent,
        "description": synthetic.line(),
    }
    about = {"capture": synthetic.capture, "run": synthetic.run, "method": synthetic.method}
    if synthetic.consent:
        about["consent"] = synthetic.consent
    return {
        "claim_generator_info": [agent],
        "title": title,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": _ABOUT, "data": about},
        ],
    }


def check_signable(path: Path) -> None:
    """Refuse a file that cannot hold a manifest, before anything is made.

    Raises:
        UserError: Names the formats that can.
    """
    known = set(_c2pa().Builder.get_supported_mime_types())
    can = [suffix for suffix in _OURS if suffix[1:] in known]
    if path.suffix and not path.is_dir() and path.suffix.lower() not in (*can, ".jpeg"):
        raise UserError(
            f"{path}: C2PA has no place for a signature in '{path.suffix}'; with --sign take "
            f"{', '.join(can)} or a folder of pictures"
        )


@contextmanager
def finished_path(path: str | Path, synthetic: Synthetic | None) -> Iterator[Path]:
    """As :func:`~avatar_kit.io.atomic.atomic_path`; what is to be signed is, before it appears.

    Args:
        path: Where the finished file shall be.
        synthetic: What it says of itself, and who signs it; None: it is recorded.

    Yields:
        Where to write.
    """
    with atomic_path(path) as partial:
        yield partial
        if synthetic is not None and synthetic.signer is not None:
            synthetic.signer.sign(partial, synthetic, Path(path).name)


def _c2pa() -> Any:
    try:
        import c2pa
        import cryptography  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("signing", "provenance", error.name or "c2pa-python") from None
    return c2pa
