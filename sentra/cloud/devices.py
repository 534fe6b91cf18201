"""Devices: one-time codes that enrol them, and what the branch is told about each.

A code's secret half is never stored: only a key stretched from it, which checks the device's
proof and makes the cloud's.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, Row, delete, func, select, update

from sentra.cloud import feed
from sentra.cloud.company import the_company
from sentra.cloud.identity import new_id
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.tables import branch, device, enrolment_code
from sentra.events import Device
from sentra.failures import Failure
from sentra.protocol import enrolment
from sentra.protocol.enrolment import EnrolAnswer, EnrolRequest
from sentra.protocol.errors import CodeRefused, ProtocolError
from sentra.protocol.feed import FeedItem

TERMINAL: Final = "terminal"
ROUTER: Final = "router"
WRONG_PROOFS_MAX: Final = 5
"""Guesses at one code's secret before it is burnt: 40 bits stay far out of reach."""
_PUBLIC_KEY_HEX: Final = 64


class EnrolRequestMalformed(ProtocolError):
    """A request that no program of ours sends."""

    slug = "enrol-request-malformed"


class DeviceMissing(Failure):
    """No device has this id."""

    code = "device-missing"
    sentence = "That device is not there any more."


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to be shown once: `XXXX-XXXX-XXXX`."""

    id: str
    code: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The proved answer to send, and the revision of the branch's scope that names the device."""

    answer: EnrolAnswer
    revision: int


def create_code(
    connection: Connection,
    *,
    branch_id: str,
    role: str,
    now_ms: int,
    name: str | None = None,
    created_by: str | None = None,
) -> NewCode:
    """A one-time code for a terminal or router of the branch, good for 15 minutes."""
    open_codes = enrolment_code.c.used_at_ms.is_(None)
    expired = enrolment_code.c.expires_at_ms <= now_ms
    taken = select(enrolment_code.c.lookup).where(open_codes, ~expired)
    lookups = set(connection.execute(taken).scalars())
    code = enrolment.code_from(secrets.token_bytes(enrolment.CODE_CHARACTERS))
    while enrolment.lookup_of(code) in lookups:
        code = enrolment.code_from(secrets.token_bytes(enrolment.CODE_CHARACTERS))
    lookup = enrolment.lookup_of(code)
    connection.execute(
        delete(enrolment_code).where(open_codes, expired, enrolment_code.c.lookup == lookup)
    )
    made = NewCode(new_id(now_ms), enrolment.display(code), now_ms + enrolment.CODE_LIFETIME_MS)
    connection.execute(
        enrolment_code.insert().values(
            id=made.id,
            lookup=lookup,
            proof_key=enrolment.proof_key(code),
            branch_id=branch_id,
            role=role,
            name=name,
            created_by=created_by,
            created_at_ms=now_ms,
            expires_at_ms=made.expires_at_ms,
        )
    )
    return made


def redeem(
    engine: Engine, request: EnrolRequest, *, keys: CompanyKeys, cloud_url: str, now_ms: int
) -> Enrolment:
    """Enrol the device of a request, once, in a transaction of its own.

    The very device that used a code may ask again while the code lives, and gets its answer
    again: the first may have been lost on the way. Raises `CodeRefused` with the reason `wrong`,
    `expired` or `used`, `EnrolRequestMalformed`, or `certificates.RequestRefused`.
    """
    _check_form(request)
    with engine.begin() as connection:
        outcome = _redeem(connection, request, keys, cloud_url, now_ms)
    # Raised after the commit: a wrong guess has been counted.
    if isinstance(outcome, CodeRefused):
        raise outcome
    return outcome


def revoke(
    connection: Connection, device_id: str, *, now_ms: int, signing_key: Ed25519PrivateKey
) -> int:
    """Revoke a device and tell its branch; the branch scope's head. Its facts stay welcome."""
    one = update(device).where(device.c.id == device_id)
    connection.execute(one.values(status="revoked", revoked_at_ms=now_ms))
    return publish_device(connection, device_id, now_ms=now_ms, signing_key=signing_key)


def publish_device(
    connection: Connection, device_id: str, *, now_ms: int, signing_key: Ed25519PrivateKey
) -> int:
    """Publish a device as its row is now, in its branch's scope; the scope's head afterwards.
    Raises DeviceMissing."""
    branch_id, item = device_item(connection, device_id)
    return feed.publish(connection, branch_id, [item], now_ms=now_ms, signing_key=signing_key)


def device_item(connection: Connection, device_id: str) -> tuple[str, FeedItem]:
    """Its branch, and what the branch's feed says of a device as its row is now.

    Raises DeviceMissing.
    """
    row = connection.execute(select(device).where(device.c.id == device_id)).one_or_none()
    if row is None:
        raise DeviceMissing
    decision = Device(
        id=row.id,
        role=row.role,
        number=row.number,
        name=row.name,
        public_key=row.public_key,
        revoked=row.status == "revoked",
        addresses=tuple(row.addresses),
    )
    return row.branch_id, feed.item("device", row.id, decision)


def _check_form(request: EnrolRequest) -> None:
    try:
        length = len(bytes.fromhex(request.public_key)) * 2
    except ValueError:
        length = 0
    if length != _PUBLIC_KEY_HEX or request.public_key != request.public_key.lower():
        raise EnrolRequestMalformed("the public key is not 64 lower-case hex digits")


def _redeem(
    connection: Connection, request: EnrolRequest, keys: CompanyKeys, cloud_url: str, now_ms: int
) -> Enrolment | CodeRefused:
    code = _lock_code(connection, request.lookup)
    if code is None:
        return CodeRefused("wrong")
    proof_key = bytes(code.proof_key)
    expected = enrolment.client_proof(proof_key, request.public_key)
    if not hmac.compare_digest(expected.encode(), request.proof.encode()):
        _count_wrong_proof(connection, code, now_ms)
        return CodeRefused("wrong")
    if code.expires_at_ms <= now_ms:
        return CodeRefused("expired")
    if code.used_at_ms is None:
        if _known_key(connection, request.public_key):
            raise EnrolRequestMalformed("this key belongs to an enrolled device; make a new one")
        device_id = _enrol(connection, code, request, keys, now_ms)
    elif _key_of(connection, code.device_id) == request.public_key:
        device_id = code.device_id
    else:
        return CodeRefused("used")
    revision = publish_device(connection, device_id, now_ms=now_ms, signing_key=keys.signing_key)
    answer = _answer(connection, device_id, keys, cloud_url, now_ms)
    return Enrolment(enrolment.prove_answer(proof_key, answer, request.public_key), revision)


def _lock_code(connection: Connection, lookup: str) -> Row[Any] | None:
    newest = (
        select(enrolment_code)
        .where(enrolment_code.c.lookup == lookup)
        .order_by(enrolment_code.c.created_at_ms.desc())
        .limit(1)
        .with_for_update()
    )
    return connection.execute(newest).one_or_none()


def _count_wrong_proof(connection: Connection, code: Row[Any], now_ms: int) -> None:
    wrong = code.wrong_proofs + 1
    expires = now_ms if wrong >= WRONG_PROOFS_MAX else code.expires_at_ms
    connection.execute(
        update(enrolment_code)
        .where(enrolment_code.c.id == code.id)
        .values(wrong_proofs=wrong, expires_at_ms=min(expires, code.expires_at_ms))
    )


def _known_key(connection: Connection, public_key: str) -> bool:
    known = select(device.c.id).where(device.c.public_key == public_key)
    return connection.execute(known).first() is not None


def _key_of(connection: Connection, device_id: str) -> str | None:
    return connection.execute(
        select(device.c.public_key).where(device.c.id == device_id)
    ).scalar_one_or_none()


def _enrol(
    connection: Connection,
    code: Row[Any],
    request: EnrolRequest,
    keys: CompanyKeys,
    now_ms: int,
) -> str:
    home = connection.execute(
        select(branch.c.code).where(branch.c.id == code.branch_id).with_for_update()
    ).one()
    peers = select(func.coalesce(func.max(device.c.number), 0)).where(
        device.c.branch_id == code.branch_id, device.c.role == code.role
    )
    number = connection.execute(peers).scalar_one() + 1
    device_id = new_id(now_ms)
    certificate = None
    if code.role == ROUTER:
        certificate = keys.sign_router(request.csr or "", device_id)
    letter = "R" if code.role == ROUTER else ""
    connection.execute(
        device.insert().values(
            id=device_id,
            role=code.role,
            branch_id=code.branch_id,
            number=number,
            name=code.name or f"{home.code}-{letter}{number}",
            public_key=request.public_key,
            certificate=certificate,
            enrolled_at_ms=now_ms,
            software=request.software,
            host=request.host,
            addresses=list(request.addresses),
        )
    )
    connection.execute(
        update(enrolment_code)
        .where(enrolment_code.c.id == code.id)
        .values(used_at_ms=now_ms, device_id=device_id)
    )
    return device_id


def _answer(
    connection: Connection, device_id: str, keys: CompanyKeys, cloud_url: str, now_ms: int
) -> EnrolAnswer:
    company = the_company(connection)
    row = connection.execute(
        select(device, branch.c.code, branch.c.name.label("branch_name"), branch.c.zone)
        .join(branch, branch.c.id == device.c.branch_id)
        .where(device.c.id == device_id)
    ).one()
    return EnrolAnswer(
        device_id=device_id,
        role=row.role,
        number=row.number,
        name=row.name,
        branch_id=row.branch_id,
        branch_code=row.code,
        branch_name=row.branch_name,
        zone=row.zone,
        company_id=company.id,
        company_name=company.name,
        currency=company.currency,
        cloud_url=cloud_url,
        anchors=keys.anchors,
        cloud_public_key=keys.public_key,
        pepper=keys.pepper.hex(),
        timeline=company.timeline,
        server_time_ms=now_ms,
        certificate=row.certificate,
    )
