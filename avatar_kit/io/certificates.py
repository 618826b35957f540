"""What files are signed with: a certificate and its key, given or made here."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import temporary_sibling
from avatar_kit.io.documents import read_bytes

#: Name of the file that keeps a self-made certificate and its key.
SELF_MADE = "signing.pem"
#: Bytes that a chain of certificates may have.
_LARGEST = 1 << 20
#: Days that it is valid.
_DAYS = 3650
#: Curve of a key -> algorithm of C2PA.
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


def config_dir() -> Path:
    """The folder of what a person wants kept: ``$XDG_CONFIG_HOME/avatar-kit``.

    ``AVATAR_KIT_CONFIG`` moves it; by default it is ``~/.config/avatar-kit``.
    """
    if root := os.environ.get("AVATAR_KIT_CONFIG"):
        return Path(root).expanduser()
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "avatar-kit"


def read_pair(certificate: Path, key: Path) -> tuple[str, str, str]:
    """The chain, the key, and the algorithm that the key signs with.

    Args:
        certificate: PEM: the certificate to sign with, then those that vouch for it.
        key: PEM, not encrypted.

    Returns:
        Certificates and key as PEM, and a name of C2PA: es256, es384, es512, ps256 or ed25519.

    Raises:
        UserError: A file cannot be read, the key is another certificate's or of another kind, or
            the certificate is not valid today.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        chain = x509.load_pem_x509_certificates(_read(certificate))
        public = chain[0].public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise UserError(f"{certificate}: not a certificate in PEM ({_short(error)})") from None
    try:
        private = serialization.load_pem_private_key(_read(key), None)
    except TypeError:
        raise UserError(
            f"{key}: the key is encrypted; write it without a password: openssl pkey -in {key}"
        ) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UserError(f"{key}: not a private key in PEM ({_short(error)})") from None
    if private.public_key() != public:
        raise UserError(f"{key}: is not the key of the first certificate in {certificate}")
    now = datetime.now(UTC)
    if not chain[0].not_valid_before_utc <= now <= chain[0].not_valid_after_utc:
        raise UserError(
            f"{certificate}: valid from {chain[0].not_valid_before_utc:%Y-%m-%d} to "
            f"{chain[0].not_valid_after_utc:%Y-%m-%d}, not today; renew it"
        )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    text = b"".join(one.public_bytes(encoding) for one in chain)
    held = private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    return text.decode(), held.decode(), _algorithm(private, key)


def self_made() -> tuple[Path, bool]:
    """A certificate and its key in one file, made at the first use.

    Returns:
        The file, which nobody else may read, and whether it was made now.

    Raises:
        UserError: Others may read it.
    """
    path = config_dir() / SELF_MADE
    if not path.exists():
        _write_privately(path, _made())
        return path, True
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UserError(f"{path}: others may read the key; run  chmod 600 {path}")
    return path, False


def _algorithm(private: Any, key: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    raise UserError(
        f"{key}: C2PA does not sign with such a key; take an elliptic curve (P-256, P-384, P-521), "
        "RSA or Ed25519"
    )


def _read(path: Path) -> bytes:
    return read_bytes(path, what="PEM file", limit=_LARGEST)


def _short(error: Exception) -> str:
    """What cryptography says, without its address for more details."""
    return str(error).rpartition("more details. ")[2].partition(". Details:")[0][:100]


def _write_privately(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = temporary_sibling(path)
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _made() -> bytes:
    """PEM of a key, its certificate, and that of the root that vouches for it.

    C2PA takes no certificate that vouches for itself; the key of the root is not kept.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    vouching, signing = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _unsigned("avatar-kit, self-made root", "avatar-kit, self-made root", vouching)
    root = root.add_extension(x509.BasicConstraints(True, None), True)
    root = root.add_extension(_usage(key_cert_sign=True, crl_sign=True), True)
    known = x509.SubjectKeyIdentifier.from_public_key(vouching.public_key())
    root = root.add_extension(known, False)
    leaf = _unsigned("avatar-kit, self-made", "avatar-kit, self-made root", signing)
    leaf = leaf.add_extension(x509.BasicConstraints(False, None), True)
    leaf = leaf.add_extension(_usage(digital_signature=True), True)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    leaf = leaf.add_extension(purpose, False)
    own = x509.SubjectKeyIdentifier.from_public_key(signing.public_key())
    leaf = leaf.add_extension(own, False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)
    leaf = leaf.add_extension(issuer, False)
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return b"".join(
        (
            signing.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain),
            leaf.sign(vouching, hashes.SHA256()).public_bytes(encoding),
            root.sign(vouching, hashes.SHA256()).public_bytes(encoding),
        )
    )


def _unsigned(subject: str, issuer: str, key: Any) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        parts = (NameOID.ORGANIZATION_NAME, "self-made"), (NameOID.COMMON_NAME, text)
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _usage(**allowed: bool) -> Any:
    from cryptography import x509

    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})
