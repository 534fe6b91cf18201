"""Who this device is. Its private keys live here, inside the vault, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.protocol.enrolment import EnrolAnswer
from sentra.vault.driver import Connection


@dataclass(frozen=True, slots=True)
class Identity:
    """`anchors`, `certificate` and `tls_key` are PEM; the last two are a router's.

    `epoch` is the journal's incarnation that this terminal writes now.
    """

    device_id: str
    role: str
    number: int
    name: str
    branch_id: str
    branch_code: str
    branch_name: str
    zone: str
    company_id: str
    company_name: str
    currency: str
    cloud_url: str
    anchors: str
    cloud_public_key: Ed25519PublicKey
    private_key: Ed25519PrivateKey = field(repr=False)
    pepper: bytes = field(repr=False)
    timeline: str
    epoch: int = 1
    certificate: str | None = None
    tls_key: str | None = field(default=None, repr=False)


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    device_id: str
    role: str
    number: int
    name: str
    branch_id: str
    branch_code: str
    branch_name: str
    zone: str
    company_id: str
    company_name: str
    currency: str
    cloud_url: str
    anchors: str
    cloud_public_key: str
    private_key: str
    pepper: str
    timeline: str
    epoch: int = 1
    certificate: str | None = None
    tls_key: str | None = None


def read_identity(db: Connection) -> Identity | None:
    """This device's identity, or None where it was not enrolled yet."""
    row = db.execute("SELECT body FROM identity WHERE id = 1").fetchone()
    if row is None:
        return None
    stored = msgspec.structs.asdict(msgspec.json.decode(row[0], type=_Stored))
    public = bytes.fromhex(stored.pop("cloud_public_key"))
    private = bytes.fromhex(stored.pop("private_key"))
    pepper = bytes.fromhex(stored.pop("pepper"))
    return Identity(
        cloud_public_key=Ed25519PublicKey.from_public_bytes(public),
        private_key=Ed25519PrivateKey.from_private_bytes(private),
        pepper=pepper,
        **stored,
    )


def write_identity(db: Connection, identity: Identity) -> None:
    """Keeps the identity, replacing what was there. Inside `writer()`."""
    fields = {name: getattr(identity, name) for name in _Stored.__struct_fields__}
    fields["cloud_public_key"] = identity.cloud_public_key.public_bytes_raw().hex()
    fields["private_key"] = identity.private_key.private_bytes_raw().hex()
    fields["pepper"] = identity.pepper.hex()
    body = msgspec.json.encode(_Stored(**fields))
    db.execute("INSERT OR REPLACE INTO identity (id, body) VALUES (1, ?)", (body,))


def identity_from(
    answer: EnrolAnswer, private_key: Ed25519PrivateKey, tls_key: str | None = None
) -> Identity:
    """The identity that a proved enrolment answer gives. ValueError: its keys are none."""
    fields = msgspec.structs.asdict(answer)
    for name in ("proof", "server_time_ms", "cloud_public_key", "pepper"):
        del fields[name]
    return Identity(
        cloud_public_key=Ed25519PublicKey.from_public_bytes(bytes.fromhex(answer.cloud_public_key)),
        private_key=private_key,
        pepper=bytes.fromhex(answer.pepper),
        tls_key=tls_key,
        **fields,
    )
