"""The certificate that signs: the user's own, or one generated once for this user."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from masktalk.errors import InputError, OptionError, OutputError

if TYPE_CHECKING:
    from cryptography.x509 import KeyUsage

CERTIFICATE_VARIABLE = "MASKTALK_C2PA_CERTIFICATE"
KEY_VARIABLE = "MASKTALK_C2PA_KEY"
_LIFE_DAYS = 3650
_NAME = "c2pa.pem"


@dataclass(frozen=True)
class Credential:
    """A certificate chain with the private key of its first certificate.

    Attributes:
        chain: PEM, the signing certificate first.
        key: PEM.
        algorithm: C2PA's name of the signature algorithm.
    """

    chain: bytes
    key: bytes
    algorithm: str


def load_credential() -> Credential:
    """Return the user's credential, or the generated one, which is made when missing.

    The user's is named by MASKTALK_C2PA_CERTIFICATE and MASKTALK_C2PA_KEY; the generated one
    lies in the user's configuration folder.

    Raises:
        InputError: A file cannot be read, or holds no such thing.
        OutputError: The generated one cannot be written.
        OptionError: Only one of the variables is set.
    """
    certificate, key = os.environ.get(CERTIFICATE_VARIABLE), os.environ.get(KEY_VARIABLE)
    if bool(certificate) != bool(key):
        raise OptionError(
            CERTIFICATE_VARIABLE if key else KEY_VARIABLE, "is not set", "set both or neither"
        )
    if certificate and key:
        return _credential(_read(Path(certificate)), _read(Path(key)), Path(key))
    path = _generated_path()
    if not path.exists():
        try:
            _generate(path)
        except OSError as error:
            raise OutputError(
                path, f"cannot be written ({error.strerror})",
                f"set XDG_CONFIG_HOME, or {CERTIFICATE_VARIABLE} and {KEY_VARIABLE}",
            ) from error  # fmt: skip
    pem = _read(path)
    mark = b"-----BEGIN PRIVATE KEY-----"
    chain, begin, rest = pem.partition(mark)
    return _credential(chain, begin + rest, path)


def _generated_path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "masktalk" / _NAME


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check the name") from error


def _credential(chain: bytes, key: bytes, path: Path) -> Credential:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise InputError(
            path, "is no private key in PEM without a password", "convert it"
        ) from error
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in curves:
        return Credential(chain, key, curves[private.curve.name])
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return Credential(chain, key, "ed25519")
    if isinstance(private, rsa.RSAPrivateKey):
        return Credential(chain, key, "ps256")
    raise InputError(path, "is a key that C2PA does not sign with", "use ECDSA P-256")


def _generate(path: Path) -> None:
    """Write a certificate chain and key that only this user can read; another's write wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{_NAME}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_generated_pem())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        os.unlink(name)


def _generated_pem() -> bytes:
    """Return a signing certificate, the root that issued it, and the key, as PEM.

    C2PA takes no self-signed certificate, so that a root is made and forgotten.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.now(timezone.utc)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = (
        x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "masktalk"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ])
        for common in ("masktalk generated root", "masktalk generated certificate")
    )  # fmt: skip

    def build(subject: x509.Name, of: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        built = x509.CertificateBuilder().subject_name(subject).issuer_name(root_name)
        built = built.public_key(of.public_key()).serial_number(x509.random_serial_number())
        built = built.not_valid_before(now - timedelta(days=1))
        built = built.not_valid_after(now + timedelta(days=_LIFE_DAYS))
        identifier = x509.SubjectKeyIdentifier.from_public_key(of.public_key())
        is_root = of is root_key
        built = built.add_extension(identifier, critical=False)
        built = built.add_extension(x509.BasicConstraints(is_root, None), critical=True)
        return built.add_extension(_key_usage(signs_certificates=is_root), critical=True)

    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    leaf = build(name, key).add_extension(purpose, critical=False)
    leaf = leaf.add_extension(issuer, critical=False)
    pem = serialization.Encoding.PEM
    certificates = [
        built.sign(root_key, hashes.SHA256()).public_bytes(pem)
        for built in (leaf, build(root_name, root_key))
    ]
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return b"".join([*certificates, private])


def _key_usage(*, signs_certificates: bool) -> KeyUsage:
    from cryptography.x509 import KeyUsage

    return KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
