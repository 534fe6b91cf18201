"""A courier file that is not what was packed, or not for us, changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from sentra.cloud.keys import CompanyKeys
from sentra.courier import packing, unpacking
from sentra.courier.failures import (
    CourierFailure,
    FileAltered,
    FileCutOff,
    FileDamaged,
    FileNotForUs,
    NotUnpackedHere,
    OtherCompany,
    PackedByRevoked,
    PackedByUnknown,
)
from syncd.daemon.outbound.courier import TillDepot
from syncd.service.courier import CloudTaker
from tests.integration.sync.sticks import (
    Till,
    enrol,
    forged,
    in_cloud,
    quiet,
    run,
    stick,
    taker,
    till,
    told,
)
from tests.present import NOW_MS
from tests.support.journals import an_id
from tests.support.tills import sell

__all__ = ["enrol", "quiet", "stick", "taker", "till"]


HARM: dict[str, tuple[Callable[[bytes], bytes], type[CourierFailure]]] = {
    "altered": (lambda data: data[:-200] + bytes([data[-200] ^ 1]) + data[-199:], FileAltered),
    "cut off": (lambda data: data[:-100], FileCutOff),
    "of another kind": (lambda data: b"PK" + data[2:], FileDamaged),
    "too long": (lambda data: data + b"x", FileDamaged),
    "empty": (lambda _: b"", FileCutOff),
}


def test_a_file_that_is_not_what_was_packed_changes_nothing(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    sell(*till, 3)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    whole = part.read_bytes()
    for name, (harm, failure) in HARM.items():
        part.write_bytes(harm(whole))
        before = unpacking.REFUSED.labels(failure.code)._value.get()
        with pytest.raises(failure, match=part.name):
            unpacking.unpack(part, taker)
        assert in_cloud(engine) == [], name
        assert unpacking.REFUSED.labels(failure.code)._value.get() == before + 1, name
    part.write_bytes(whole)
    assert unpacking.unpack(part, taker).appended == 3


def test_a_signed_file_whose_second_envelope_is_none_changes_nothing(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine, company_keys: CompanyKeys
) -> None:
    sell(*till, 3)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    forged(part, till[1], company_keys, more=b"no envelope")
    with pytest.raises(FileDamaged):
        unpacking.unpack(part, taker)
    assert in_cloud(engine) == []


def test_a_file_of_others_changes_nothing(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine, company_keys: CompanyKeys
) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    part = packing.pack(TillDepot(vault, identity), stick, now_ms=NOW_MS).written[0]
    cases: tuple[tuple[dict[str, Any], type[CourierFailure]], ...] = (
        ({"company_id": an_id(5)}, OtherCompany),
        ({"device_id": an_id(6)}, PackedByUnknown),
        ({"device_id": "../../etc"}, PackedByUnknown),
        ({"branch_id": an_id(7)}, PackedByUnknown),
        ({"role": "router"}, PackedByUnknown),
    )
    whole: dict[str, Any] = {"company_id": identity.company_id, "device_id": identity.device_id}
    whole |= {"branch_id": identity.branch_id, "role": "terminal"}
    for changes, failure in cases:
        forged(part, identity, company_keys, **changes)
        with pytest.raises(failure):
            unpacking.unpack(part, taker)
        forged(part, identity, company_keys, **whole)
    secret = replace(identity, cloud_public_key=identity.private_key.public_key())
    part = packing.pack(TillDepot(vault, secret), stick, now_ms=NOW_MS, again=True).written[0]
    with pytest.raises(FileNotForUs):
        unpacking.unpack(part, taker)
    assert in_cloud(engine) == []


def test_a_file_signed_by_another_till_in_this_ones_name_is_refused(
    till: Till, enrol: Callable[..., Till], stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    vault, identity = till
    sell(vault, identity, 2)
    thief = replace(identity, private_key=enrol("other", number=2)[1].private_key)
    part = packing.pack(TillDepot(vault, thief), stick, now_ms=NOW_MS).written[0]
    with pytest.raises(FileAltered):
        unpacking.unpack(part, taker)
    assert in_cloud(engine) == []


def test_a_revoked_devices_file_is_taken_only_when_a_person_says_so(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    sell(*till, 3)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    with engine.begin() as connection:
        connection.execute(text("UPDATE device SET status = 'revoked'"))
    with pytest.raises(PackedByRevoked):
        unpacking.unpack(part, taker)
    assert in_cloud(engine) == []
    assert unpacking.unpack(part, taker, revoked_too=True).appended == 3
    with engine.connect() as connection:
        kinds = connection.execute(text("SELECT DISTINCT kind FROM exception")).scalars().all()
    assert list(kinds) == ["device-revoked"]


def test_one_bad_file_on_a_stick_keeps_no_good_one_back(
    till: Till, stick: Path, engine: Engine
) -> None:
    sell(*till, 3)
    run("pack", "--data", till[0].folder, "--to", stick)
    (stick / "a.courier").write_bytes(b"not one of ours")
    result = run("unpack", stick, "--json")
    assert result.exit_code == 1
    assert [one["code"] for one in told(result)["refused"]] == ["courier-damaged"]
    assert len(in_cloud(engine)) == 3


def test_a_till_takes_no_file_in(till: Till, stick: Path) -> None:
    result = run("unpack", stick, "--data", till[0].folder)
    assert isinstance(result.exception, NotUnpackedHere)
