"""Sticks at a router: it takes its tills' files in, packs them on, and believes nobody else's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from router_agent.courier import open_router
from router_agent.outbound import store
from sentra.cloud.keys import CompanyKeys
from sentra.courier import packing, unpacking
from sentra.courier.failures import (
    FileNotForUs,
    OtherBranch,
    PackedByRevoked,
    PackedByUnknown,
)
from sentra.protocol.messages import (
    sign_timeline,
    sign_watermark,
)
from sentra.vault import journal
from sentra.vault.database import Vault
from syncd.daemon.outbound.courier import TillDepot
from syncd.service.courier import CloudTaker
from tests.integration.sync.sticks import (
    Till,
    enrol,
    forged,
    in_cloud,
    in_vault,
    quiet,
    run,
    stick,
    taker,
    till,
    told,
)
from tests.present import NOW_MS
from tests.support.courier import tell_router, tell_till
from tests.support.journals import a_sale, an_id
from tests.support.tills import sell

__all__ = ["enrol", "quiet", "stick", "taker", "till"]


def test_a_router_takes_its_tills_file_in_and_packs_it_on_with_its_custody(
    till: Till, enrol: Callable[..., Till], stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    router, router_identity = enrol("router", "router")
    with open_router(router.folder):
        pass  # Makes its tables.
    tell_router(router.folder, till[1], router_identity)
    tell_till(till[0], router_identity)
    sell(*till, 4)
    run("pack", "--data", till[0].folder, "--to", stick / "from-till")

    first = run("unpack", stick / "from-till.courier", "--data", router.folder, "--json")
    assert (first.exit_code, told(first)["appended"]) == (0, 4)
    again = told(run("unpack", stick / "from-till.courier", "--data", router.folder, "--json"))
    assert again["files"][0]["journals"][0]["outcome"] == "already"

    onward = told(run("pack", "--data", router.folder, "--to", stick / "from-router", "--json"))
    assert onward["entries"] == 4
    assert told(run("unpack", *onward["files"], "--json"))["appended"] == 4
    assert in_cloud(engine) == in_vault(till)
    with engine.connect() as connection:
        custody = connection.execute(text("SELECT custody_router::text FROM segment")).scalars()
        assert set(custody) == {router_identity.device_id}

    receipt = stick / f"{router_identity.device_id}.receipt"
    assert "the cloud has" in run("receipt", receipt, "--data", router.folder).output
    nothing = told(run("pack", "--data", router.folder, "--to", stick / "x", "--json"))
    assert nothing["entries"] == 0


def test_a_router_believes_no_receipt_of_a_timeline_that_was_left(
    till: Till,
    enrol: Callable[..., Till],
    stick: Path,
    taker: CloudTaker,
    company_keys: CompanyKeys,
) -> None:
    router, router_identity = enrol("router", "router")
    sell(*till, 2)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    words = unpacking.unpack(part, taker).receipt()
    assert words is not None
    with open_router(router.folder) as depot:
        tell_router(router.folder, till[1], router_identity)
        key = company_keys.signing_key
        restored_at_ms = words.marks[0].at_ms + 1
        with router.writer() as db:
            store.set_since(db, sign_timeline(key, an_id(4), restored_at_ms))
        tell_till(till[0], router_identity)
        again = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS, again=True).written[0]
        unpacking.unpack(again, depot)
        assert depot.take_receipt(words.marks) == 0
        head = words.marks[0].head.to_head()
        later = sign_watermark(key, "cloud", words.marks[0].terminal, head, restored_at_ms)
        assert depot.take_receipt([later]) == 1


def test_a_second_line_that_a_router_keeps_travels_too(
    till: Till, enrol: Callable[..., Till], stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    """Two machines with one identity: both sell, neither has a network, no sale is lost."""
    vault, identity = till
    sell(vault, identity, 2)
    vault.close()
    shutil.copytree(vault.folder, stick.with_name("clone"))
    router, router_identity = enrol("router", "router")
    with open_router(router.folder) as depot:
        tell_router(router.folder, identity, router_identity)
        for folder, sold in ((vault.folder, 1), (stick.with_name("clone"), 2)):
            machine = Vault.open(folder)
            tell_till(machine, router_identity)
            for _ in range(sold):
                with machine.writer() as db:
                    fact = a_sale(sold * 50 + journal.head(db).seq)
                    journal.append(db, identity, fact, NOW_MS)
            place = stick / folder.name
            place.mkdir()
            packed = packing.pack(TillDepot(machine, identity), place, now_ms=NOW_MS)
            unpacking.unpack(packed.written[0], depot)
            machine.close()
        onward = packing.pack(depot, stick, now_ms=NOW_MS).written
    outcomes = [
        one.outcome for path in onward for one in unpacking.unpack(path, taker).outcomes.values()
    ]
    assert outcomes == ["fork"]
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT sum(last_seq) FROM fork_segment")).scalar_one()
    assert (len(in_cloud(engine)), kept) == (3, 4)


def test_a_router_refuses_what_is_not_its_branchs(
    till: Till, enrol: Callable[..., Till], stick: Path
) -> None:
    router, router_identity = enrol("router", "router")
    sell(*till, 2)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    with open_router(router.folder) as depot:
        with pytest.raises(PackedByUnknown):
            unpacking.unpack(part, depot)
        tell_router(router.folder, till[1], router_identity, revoked=True)
        with pytest.raises(PackedByRevoked):
            unpacking.unpack(part, depot)
        tell_router(router.folder, till[1], router_identity)
        with pytest.raises(FileNotForUs):
            unpacking.unpack(part, depot)
        elsewhere = replace(till[1], branch_id=an_id(9))
        part = packing.pack(
            TillDepot(till[0], elsewhere), stick, now_ms=NOW_MS, again=True
        ).written[0]
        with pytest.raises(OtherBranch):
            unpacking.unpack(part, depot)
        assert depot.starts() == {}


def test_a_till_that_says_it_is_a_router_is_nobody_that_a_router_knows(
    till: Till, enrol: Callable[..., Till], stick: Path, company_keys: CompanyKeys
) -> None:
    router, router_identity = enrol("router", "router")
    sell(*till, 2)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    tell_router(router.folder, till[1], router_identity)
    forged(part, till[1], company_keys, role="router")
    with open_router(router.folder) as depot, pytest.raises(PackedByUnknown):
        unpacking.unpack(part, depot)
