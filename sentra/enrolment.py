"""Makes this machine a device: a typed code in, an encrypted vault with an identity out.

Stands over the link and the vault, which know nothing of each other. Keys are made here, on the
device; the private halves go nowhere but into the vault.
"""

from __future__ import annotations

import platform
import shutil
import uuid
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from sentra.link.enrol import DeviceFacts, enrol
from sentra.vault.aside import set_aside, take_place
from sentra.vault.database import DATABASE_FILE, Vault
from sentra.vault.failures import VaultExists
from sentra.vault.identity import Identity, identity_from, write_identity

FRESH: Final = "enrolling-"
"""A vault on its way: an enrolment that fails leaves the present one where it is."""


def enrol_device(
    folder: Path, address: str, code: str, *, addresses: Sequence[str] = ()
) -> Identity:
    """Enrols this machine in `folder` with a one-time code; the code decides terminal or router.

    `address` is the cloud's; `addresses` are host:port where a router's tills will find it. Raises
    VaultExists before the code is used, else what `sentra.link.enrol` and `Vault.create` raise.
    """
    if (folder / DATABASE_FILE).exists():
        raise VaultExists(folder=folder)
    key, tls_key = Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    facts = DeviceFacts(version("sentra"), platform.node(), tuple(addresses))
    answer = enrol(address, code, facts, key, _request_for(tls_key))
    is_router = answer.role == "router"
    identity = identity_from(answer, key, _pem(tls_key) if is_router else None)
    vault = Vault.create(folder, "router" if is_router else "terminal")
    try:
        with vault.writer() as db:
            write_identity(db, identity)
    finally:
        vault.close()
    return identity


def enrol_again(
    folder: Path, address: str, code: str, *, addresses: Sequence[str] = ()
) -> tuple[Identity, Path | None]:
    """Enrols this machine anew: (who it is now, where its old vault was set aside, if it had one).

    For a vault that is damaged, or whose identity another machine uses too. The old one is moved
    only once the new one is there; what it did not send yet, the daemon sends from its new place.
    Close the vault first. Raises as `enrol_device` does; everything is then as it was.
    """
    if not (folder / DATABASE_FILE).exists():
        return enrol_device(folder, address, code, addresses=addresses), None
    fresh = folder / f"{FRESH}{uuid.uuid4().hex[:8]}"
    try:
        identity = enrol_device(fresh, address, code, addresses=addresses)
    except BaseException:
        # Nothing was enrolled, so nothing can be in it.
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    place = set_aside(folder)
    take_place(fresh, folder)
    return identity, place


def _request_for(key: ec.EllipticCurvePrivateKey) -> str:
    """A signing request, PEM; its name is nobody's yet, the cloud writes the router's own."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sentra device")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
