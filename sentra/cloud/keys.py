"""The company's keys, in a folder of their own: who the cloud is, and what it vouches for.

`ca.key` and `ca.pem` sign the certificates of the cloud's server and of the routers, `signing.key`
(Ed25519) the feed and the watermarks, `pepper` goes into every PIN's hash, `server.key` and
`server.pem` are the sync service's own. They are made once, by `sentra db init`; losing them means
enrolling every device again, so they belong into the backup of secrets.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sentra.cloud import certificates
from sentra.failures import Failure

PEPPER_BYTES: Final = 32
_SECRET_FILES: Final = ("ca.key", "signing.key", "pepper", "server.key")
_FILES: Final = (*_SECRET_FILES, "ca.pem", "server.pem")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class KeysError(Failure):
    """The family: the company's keys cannot be used."""

    code = "keys"


class KeysMissing(KeysError):
    """The folder, or one of its files, is not there."""

    code = "keys-missing"
    sentence = (
        "The company's keys are not in %(folder)s (%(file)s is missing). Put them back from the "
        "backup of secrets, or, for a new company, run `sentra db init`."
    )


class KeysExist(KeysError):
    """There are keys already, and making new ones would orphan every device."""

    code = "keys-exist"
    sentence = "There are keys in %(folder)s already; they were left as they are."


class KeysTooOpen(KeysError):
    """Another account of this machine may read a secret."""

    code = "keys-too-open"
    sentence = (
        "%(file)s can be read by other accounts (mode %(mode)s). Run `chmod 600 %(file)s`, and "
        "start again."
    )


class KeysDamaged(KeysError):
    """A file that holds no key."""

    code = "keys-damaged"
    sentence = "%(file)s holds no key. Put it back from the backup of secrets, and start again."


@dataclass(frozen=True, slots=True, repr=False)
class CompanyKeys:
    """Everything of the folder, read and checked. `anchors` is the CA certificate as PEM."""

    folder: Path
    ca_key: EllipticCurvePrivateKey
    ca_certificate: x509.Certificate
    signing_key: Ed25519PrivateKey
    pepper: bytes

    @property
    def anchors(self) -> str:
        """What devices trust from enrolment on: the CA certificate, PEM."""
        return self.ca_certificate.public_bytes(Encoding.PEM).decode()

    @property
    def public_key(self) -> str:
        """The cloud's public Ed25519 key, 64 hex digits."""
        return self.signing_key.public_key().public_bytes_raw().hex()

    @property
    def server_key_file(self) -> Path:
        """The private key for the sync service's TLS."""
        return self.folder / "server.key"

    @property
    def server_certificate_file(self) -> Path:
        """The certificate and its CA for the sync service's TLS, one PEM file."""
        return self.folder / "server.pem"

    def sign_router(self, csr_pem: str, router_id: str) -> str:
        """A router's certificate for `<router_id>.router.sentra`, with the CA's behind it, PEM.

        Raises `certificates.RequestRefused` for what is no well-signed request.
        """
        request = certificates.read_request(csr_pem)
        name = certificates.router_name(router_id)
        signed = certificates.issue(self.ca_key, self.ca_certificate, request, (name,))
        return signed.public_bytes(Encoding.PEM).decode() + self.anchors

    def serve_hosts(self, hosts: Sequence[str]) -> None:
        """Make sure that the server's certificate is for these host names and addresses.

        The certificate is replaced only where it lacks one of them; its key stays.
        """
        known = x509.load_pem_x509_certificate(self.server_certificate_file.read_bytes())
        if set(hosts) <= set(certificates.names_of(known)):
            return
        key = _curve_key(self.server_key_file)
        signed = certificates.issue(self.ca_key, self.ca_certificate, key, hosts)
        _write(
            self.server_certificate_file,
            signed.public_bytes(Encoding.PEM) + self.anchors.encode(),
            replace=True,
        )


def create_keys(folder: Path, *, company: str, hosts: Sequence[str]) -> CompanyKeys:
    """Make all keys of a new company; `hosts` are the sync service's names and addresses.

    The folder appears whole or not at all. Raises `KeysExist` where it is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise KeysExist(folder=folder)
    ca_key, ca_certificate = certificates.create_authority(company)
    server_key = certificates.new_key()
    server = certificates.issue(ca_key, ca_certificate, server_key, hosts)
    anchors = ca_certificate.public_bytes(Encoding.PEM)
    contents = {
        "ca.key": _pem(ca_key),
        "ca.pem": anchors,
        "signing.key": _pem(Ed25519PrivateKey.generate()),
        "pepper": secrets.token_hex(PEPPER_BYTES).encode(),
        "server.key": _pem(server_key),
        "server.pem": server.public_bytes(Encoding.PEM) + anchors,
    }
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    draft.mkdir(mode=0o700, parents=True)
    for name, content in contents.items():
        _write(draft / name, content)
    draft.rename(folder)
    return load_keys(folder)


def load_keys(folder: Path) -> CompanyKeys:
    """Read the keys. Raises `KeysMissing`, `KeysTooOpen` or `KeysDamaged`, each naming the file."""
    for name in _FILES:
        if not (folder / name).is_file():
            raise KeysMissing(folder=folder, file=name)
    for name in _SECRET_FILES:
        mode = stat.S_IMODE((folder / name).stat().st_mode)
        if mode & _OTHERS:
            raise KeysTooOpen(file=folder / name, mode=f"{mode:04o}")
    _curve_key(folder / "server.key")
    return CompanyKeys(
        folder,
        _curve_key(folder / "ca.key"),
        _certificate(folder / "ca.pem"),
        _signing_key(folder / "signing.key"),
        _pepper(folder / "pepper"),
    )


def _curve_key(file: Path) -> EllipticCurvePrivateKey:
    key = _private_key(file)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise KeysDamaged(file=file)
    return key


def _signing_key(file: Path) -> Ed25519PrivateKey:
    key = _private_key(file)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysDamaged(file=file)
    return key


def _private_key(file: Path) -> object:
    try:
        return load_pem_private_key(file.read_bytes(), None)
    except ValueError as error:
        raise KeysDamaged(file=file) from error


def _certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise KeysDamaged(file=file) from error


def _pepper(file: Path) -> bytes:
    try:
        pepper = bytes.fromhex(file.read_text(encoding="ascii"))
    except ValueError as error:
        raise KeysDamaged(file=file) from error
    if len(pepper) != PEPPER_BYTES:
        raise KeysDamaged(file=file)
    return pepper


def _pem(key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(file: Path, content: bytes, *, replace: bool = False) -> None:
    """Write with mode 0600 from the first byte on; a replaced file is whole at every moment."""
    target = file.with_name(file.name + ".new") if replace else file
    if replace:
        target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    if replace:
        target.replace(file)
