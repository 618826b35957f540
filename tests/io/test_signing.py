"""Signed files, read back by C2PA's own reader; certificates that another library made."""

import io
import json
import stat
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from avatar_kit import __version__
from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.io.animation_writer import AnimationWriter
from avatar_kit.io.certificates import SELF_MADE, config_dir, read_pair
from avatar_kit.io.image import write_image
from avatar_kit.io.picture_folder import PictureFolder
from avatar_kit.io.signing import Signer, check_signable
from avatar_kit.io.synthetic import COMPOSITE, TRAINED, Synthetic
from avatar_kit.io.video import read_video
from avatar_kit.io.video_writer import VideoWriter

c2pa = pytest.importorskip("c2pa", reason="the extra provenance is not installed")
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

UNUSED = (
    *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("encipher_only", "decipher_only", "crl_sign"),
)
SUFFIXES = (".png", ".jpg", ".mp4", ".mov", ".gif", ".webp")
RNG = np.random.default_rng(3)
PICTURES = [RNG.integers(0, 255, (32, 48, 3), dtype=np.uint8) for _ in range(4)]


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("AVATAR_KIT_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def said() -> Synthetic:
    return Synthetic("ada", "splat-ada", "splat", "lectures & talks", signer=Signer.load())


def write(path, said):
    if path.suffix in (".png", ".jpg"):
        write_image(path, PICTURES[0], synthetic=said)
        return path
    writer = AnimationWriter if path.suffix in (".gif", ".webp") else VideoWriter
    with writer(path, 25, (48, 32), synthetic=said) as film:
        for picture in PICTURES:
            film.write(picture)
    return path


def told(path, data=None):
    """The manifest of a file, and the codes of what its reader found wrong."""
    kind = {"jpg": "jpeg"}.get(path.suffix[1:], path.suffix[1:])
    with c2pa.Reader(kind, io.BytesIO(data or path.read_bytes())) as reader:
        found = json.loads(reader.json())
    codes = {status["code"] for status in found.get("validation_status", [])}
    manifest = found["manifests"][found["active_manifest"]]
    said = {assertion["label"]: assertion["data"] for assertion in manifest["assertions"]}
    return {**manifest, "assertions": said}, codes


def created_by(manifest):
    (action,) = manifest["assertions"]["c2pa.actions.v2"]["actions"]
    return action


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_manifest_says_how_it_was_made_and_a_changed_byte_is_found(tmp_path, said, suffix):
    path = write(tmp_path / f"a{suffix}", said.beside_recorded())
    manifest, codes = told(path)
    assert codes == {"signingCredential.untrusted"}, "self-made, and nothing else"
    assert manifest["title"] == path.name
    created, about = created_by(manifest), manifest["assertions"]["org.avatar-kit.avatar"]
    assert created["action"] == "c2pa.created" and created["digitalSourceType"] == COMPOSITE
    assert created["softwareAgent"] == {"name": "avatar-kit", "version": __version__}
    expected = {"capture": "ada", "run": "splat-ada", "method": "splat"}
    assert about == {**expected, "consent": "lectures & talks"}
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    try:
        _, codes = told(path, bytes(data))
    except c2pa.C2paError:
        return
    assert any("mismatch" in code for code in codes), codes


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pixels_are_those_of_a_file_that_is_not_signed(tmp_path, said, suffix):
    plain = write(tmp_path / f"plain{suffix}", Synthetic("ada", "splat-ada", "splat"))
    signed = write(tmp_path / f"signed{suffix}", said)

    def pixels(path):
        if path.suffix in (".mp4", ".mov"):
            return list(read_video(path))
        with Image.open(path) as image:
            frames = range(getattr(image, "n_frames", 1))
            return [np.asarray((image.seek(k), image.convert("RGB"))[1]) for k in frames]

    pairs = list(zip(pixels(plain), pixels(signed), strict=True))
    assert len(pairs) in (1, 4) and all(np.array_equal(a, b) for a, b in pairs)
    assert sorted(tmp_path.glob(".*")) == [], "nothing else is left"


def test_the_case_of_a_suffix_does_not_matter(tmp_path, said):
    path = write(tmp_path / "A.MP4", said)
    with c2pa.Reader("video/mp4", io.BytesIO(path.read_bytes())) as reader:
        assert json.loads(reader.json())["validation_state"] == "Valid"


def test_each_picture_of_a_folder_is_signed(tmp_path, said):
    with PictureFolder(tmp_path / "film", {}, said) as folder:
        for picture in PICTURES[:2]:
            folder.write(picture)
    for name in ("000000.png", "000001.png"):
        manifest, codes = told(tmp_path / "film" / name)
        assert codes == {"signingCredential.untrusted"} and manifest["title"] == name
        assert created_by(manifest)["digitalSourceType"] == TRAINED, "nothing recorded is behind it"


def test_what_is_not_signed_has_no_manifest(tmp_path):
    path = write(tmp_path / "a.png", Synthetic("ada", "splat-ada", "splat"))
    with pytest.raises(c2pa.C2paError, match="ManifestNotFound"):
        told(path)


def test_the_self_made_key_is_kept_and_for_its_owner_alone():
    first, again = Signer.load(), Signer.load()
    assert (first.chain, first.key) == (again.chain, again.key)
    assert "made now" in first.note and "made now" not in again.note
    assert "untrusted" in first.note and first.key not in repr(first)
    path = config_dir() / SELF_MADE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(UserError, match=r"others may read the key; run  chmod 600"):
        Signer.load()


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.WEBM"])
def test_formats_without_a_place_for_it_are_refused_with_those_that_have_one(name, tmp_path):
    with pytest.raises(UserError, match=r"take \.png, \.jpg, \.gif, \.webp, \.mp4, \.mov or a fol"):
        check_signable(tmp_path / name)
    for good in ("a", "a.MP4", "a.jpeg", "a.gif"):
        check_signable(tmp_path / good)


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(MissingExtra, match=r"avatar-kit\[provenance\]"):
        Signer.load()


def test_what_cannot_be_signed_leaves_the_file_that_was_there(tmp_path, said):
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    broken = Signer(said.signer.chain, said.signer.key, "es384")
    with pytest.raises(UserError, match=r"a\.png: cannot be signed"):
        write_image(path, PICTURES[0], synthetic=Synthetic("a", "r", "m", signer=broken))
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["a.png"]


# --- certificates of a person ---


def pair(folder, key, *, days=(-1, 30), encrypted=False, key_of=None):
    """Two PEM files: a certificate with its chain, and a key."""
    root = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)

    def named(text):
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A studio")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def certificate(subject, public, is_root):
        usage = dict.fromkeys(UNUSED, False)
        usage |= {"digital_signature": not is_root, "key_cert_sign": is_root}
        made = (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named("root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(is_root, None), True)
            .add_extension(x509.KeyUsage(**usage), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        )
        made = made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False
        )
        if not is_root:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            made = made.add_extension(purpose, False)
        return made.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    secret = serialization.BestAvailableEncryption(b"x")
    chain, held = folder / "certificate.pem", folder / "key.pem"
    leaf = certificate("signer", key.public_key(), False)
    chain.write_bytes(leaf + certificate("root", root.public_key(), True))
    held.write_bytes(
        (key_of or key).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            secret if encrypted else serialization.NoEncryption(),
        )
    )
    return chain, held


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "Es256"),
        (ec.generate_private_key(ec.SECP384R1()), "Es384"),
        (rsa.generate_private_key(65537, 2048), "Ps256"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
    ],
)
def test_the_certificate_of_a_person_signs(tmp_path, key, algorithm):
    signer = Signer.load(*pair(tmp_path, key))
    assert signer.note == f"signed with {tmp_path / 'certificate.pem'}"
    path = tmp_path / "a.png"
    write_image(path, PICTURES[0], synthetic=Synthetic("ada", "run", "ram", signer=signer))
    manifest, codes = told(path)
    assert codes == {"signingCredential.untrusted"}, "its root is not on a list here"
    assert manifest["signature_info"]["alg"] == algorithm
    assert manifest["signature_info"]["common_name"] == "signer"


def test_certificates_that_will_not_do_are_refused(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    other = ec.generate_private_key(ec.SECP256R1())

    def refused(match, **options):
        given = pair(tmp_path, options.pop("key", key), **options)
        with pytest.raises(UserError, match=match):
            read_pair(*given)

    refused("not today; renew it", days=(-9, -2))
    refused("is not the key of the first certificate", key_of=other)
    refused("the key is encrypted", encrypted=True)
    refused("does not sign with such a key", key=ec.generate_private_key(ec.SECP256K1()))
    chain, held = pair(tmp_path, key)
    with pytest.raises(UserError, match="not a certificate in PEM"):
        read_pair(held, held)
    with pytest.raises(UserError, match="not a private key in PEM"):
        read_pair(chain, chain)
    with pytest.raises(UserError, match=r"none\.pem: no such PEM file"):
        read_pair(tmp_path / "none.pem", held)
    with pytest.raises(UserError, match="give --certificate and --key"):
        Signer.load(chain)
