"""Writes down the bytes of protocol 1, for the tests of old programs against new ones.

    python -m ops.record_protocol tests/skew/protocol-1.json

What a till and a router say, and what a store answers, made by the code at hand from fixed keys,
ids and instants. The file is the promise that is kept: it is made anew only while protocol 1 has
not been released, and never to make a test pass afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.events import Device, Fact, SaleCompleted, SaleLine, ShiftOpened, TaxTotal, Tender
from sentra.ids import RANDOM_BYTES, uuid7
from sentra.protocol import enrolment, signing
from sentra.protocol.answer import pack_answer
from sentra.protocol.bodies import encode_decision, encode_fact
from sentra.protocol.enrolment import EnrolAnswer, EnrolRequest
from sentra.protocol.entry import EMPTY, Entry, head_of, make_entry
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, Custody, Parcel, pack
from sentra.protocol.feed import FeedItem, pack_page, seal_revision
from sentra.protocol.messages import (
    Hello,
    HelloAnswer,
    JournalAnswer,
    JournalOutcome,
    note_of,
    sign_watermark,
)
from sentra.protocol.segment import SEGMENT_BYTES_MAX, seal

AT_MS: Final = 1_795_320_000_000
DAY: Final = "2026-11-22"
CODE: Final = "7K3M9PQ2XW4T"
CLOUD: Final = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
TILL: Final = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
ROUTER: Final = Ed25519PrivateKey.from_private_bytes(b"r" * 32)


def _id(number: int) -> str:
    return uuid7(AT_MS, number.to_bytes(RANDOM_BYTES, "big"))


BRANCH, COMPANY_ID, TERMINAL, ROUTER_ID, TIMELINE, SHIFT, CASHIER = map(_id, range(1, 8))


def _sale(number: int) -> SaleCompleted:
    line = SaleLine(
        1, None, "BRS-5", "Beras Raja Lele 5 kg", "Zak", 1000, 72_000, 0, 72_000, "PPN",
        64_865, 7_135,
    )  # fmt: skip
    return SaleCompleted(
        sale_id=_id(100 + number),
        receipt_number=f"SGT-1-261122-{number:04}",
        shift_id=SHIFT,
        cashier_id=CASHIER,
        cashier_name="Dewi",
        currency="IDR",
        opened_at_ms=AT_MS + number * 1000,
        completed_at_ms=AT_MS + number * 1000 + 400,
        business_date=DAY,
        zone="Asia/Makassar",
        lines=(line,),
        taxes=(TaxTotal("PPN", "PPN 12% × 11/12", True, 64_865, 7_135),),
        tenders=(Tender("cash", 72_000, 100_000, 28_000),),
        goods_total=72_000,
        discount_total=0,
        tax_total=7_135,
        total=72_000,
        rounding=0,
    )


def journal() -> list[Entry]:
    """A shift that opens and three sales."""
    opened = ShiftOpened(SHIFT, 1, CASHIER, "Dewi", "IDR", AT_MS, DAY, "Asia/Makassar", 200_000)
    entries: list[Entry] = []
    head = EMPTY
    facts: tuple[Fact, ...] = (opened, _sale(1), _sale(2), _sale(3))
    for number, fact in enumerate(facts):
        kind, schema, body = encode_fact(fact)
        entries.append(make_entry(TERMINAL, head, kind, schema, AT_MS + number, DAY, body))
        head = head_of(entries[-1])
    return entries


def _signed(key: Ed25519PrivateKey, device: str, method: str, target: str, body: bytes) -> str:
    nonce = hashlib.sha256(f"{device} {method} {target}".encode() + body).digest()
    return signing.sign(key, device, method, target, body, AT_MS, nonce[: signing.NONCE_BYTES])


def _requests() -> dict[str, dict[str, str]]:
    entries = journal()
    sealed = [seal(entries[:2], TILL), seal(entries[2:], TILL)]
    hello = Hello(
        software="0.1.0",
        protocols=(1,),
        clock_ms=AT_MS,
        heads={TERMINAL: note_of(head_of(entries[-1]))},
        timeline="",
        feed={"company": 0, BRANCH: 0},
        backlog=4,
        oldest_waiting_ms=900,
    )
    stamped = [Parcel(one, Custody(ROUTER_ID, AT_MS + 40)) for one in sealed]
    made = {
        "hello": (TILL, TERMINAL, "POST", "/v1/hello", msgspec.json.encode(hello)),
        "journal": (TILL, TERMINAL, "POST", "/v1/journal", pack([Parcel(one) for one in sealed])),
        "journal of a router": (ROUTER, ROUTER_ID, "POST", "/v1/journal", pack(stamped)),
        "feed": (TILL, TERMINAL, "GET", f"/v1/feed?scope={BRANCH}&after=0", b""),
    }
    return {
        name: {
            "method": method,
            "target": target,
            "signature": _signed(key, device, method, target, body),
            "body": _text(body),
        }
        for name, (key, device, method, target, body) in made.items()
    }


def _enrolment() -> dict[str, str]:
    key = enrolment.proof_key(CODE)
    public = TILL.public_key().public_bytes_raw().hex()
    asked = EnrolRequest(
        lookup=enrolment.lookup_of(CODE),
        public_key=public,
        proof=enrolment.client_proof(key, public),
        software="0.1.0",
        host="kasir-1",
    )
    answer = EnrolAnswer(
        device_id=TERMINAL,
        role="terminal",
        number=1,
        name="Kasir 1",
        branch_id=BRANCH,
        branch_code="SGT",
        branch_name="Sangatta",
        zone="Asia/Makassar",
        company_id=COMPANY_ID,
        company_name="Toko Maju",
        currency="IDR",
        cloud_url="https://cloud.test",
        anchors="-----BEGIN CERTIFICATE-----\n",
        cloud_public_key=CLOUD.public_key().public_bytes_raw().hex(),
        pepper="00" * 32,
        timeline=TIMELINE,
        server_time_ms=AT_MS,
    )
    return {
        "code": CODE,
        "request": _text(msgspec.json.encode(asked)),
        "answer": _text(msgspec.json.encode(enrolment.prove_answer(key, answer, public))),
    }


def _answers() -> dict[str, str]:
    entries = journal()
    sealed = [Parcel(seal(entries[:2], TILL)), Parcel(seal(entries[2:], TILL))]
    head = head_of(entries[-1])
    mark = sign_watermark(CLOUD, "cloud", TERMINAL, head, AT_MS)
    hello = HelloAnswer(
        protocol=1,
        software="0.1.0",
        clock_ms=AT_MS,
        timeline=TIMELINE,
        here={TERMINAL: note_of(head)},
        cloud={TERMINAL: mark},
        feed={"company": 3, BRANCH: 1},
        segment_bytes_max=SEGMENT_BYTES_MAX,
        envelope_bytes_max=ENVELOPE_BYTES_MAX,
        notices=("clock-off",),
    )
    outcome = JournalOutcome(
        terminal=TERMINAL, outcome="appended", here=note_of(head), appended=4, cloud=mark
    )
    device = Device(TERMINAL, "terminal", 1, "Kasir 1", TILL.public_key().public_bytes_raw().hex())
    items = [FeedItem("device", TERMINAL, encode_decision(device)), FeedItem("tax", "OLD", None)]
    return {
        "hello": _text(msgspec.json.encode(hello)),
        "journal": _text(pack_answer(JournalAnswer(outcomes=(outcome,), credit_bytes=1), sealed)),
        "feed": _text(pack_page(1, [seal_revision(BRANCH, 1, items, CLOUD)])),
        "problem": _text(
            b'{"type":"urn:sentra:problem:too-busy","title":"Busy","status":503,'
            b'"detail":"later","retry":true,"retry_after_s":2}'
        ),
    }


def _text(body: bytes) -> str:
    return base64.b64encode(body).decode()


def recording() -> Mapping[str, object]:
    """Everything, as JSON takes it."""
    entries = journal()
    return {
        "protocol": 1,
        "at_ms": AT_MS,
        "branch": BRANCH,
        "terminal": {"id": TERMINAL, "key": TILL.private_bytes_raw().hex()},
        "router": {"id": ROUTER_ID, "key": ROUTER.private_bytes_raw().hex()},
        "cloud_key": CLOUD.private_bytes_raw().hex(),
        "timeline": TIMELINE,
        "hashes": [entry.hash.hex() for entry in entries],
        "bodies": [_text(entry.body) for entry in entries],
        "requests": _requests(),
        "answers": _answers(),
        "enrolment": _enrolment(),
    }


if __name__ == "__main__":
    text = json.dumps(recording(), indent=1, ensure_ascii=False) + "\n"
    Path(sys.argv[1]).write_text(text, encoding="utf-8")
