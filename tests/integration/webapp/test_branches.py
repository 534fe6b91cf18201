"""Branches and devices: decided here, known to the tills, and only by those whose they are."""

from __future__ import annotations

import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from sentra.cloud import devices, feed
from sentra.cloud.identity import new_id
from sentra.cloud.keys import CompanyKeys
from sentra.events import Branch, Device
from sentra.protocol import enrolment
from sentra.protocol.bodies import decode_decision
from tests.present import NOW_MS
from tests.support.backoffice import Clients, post
from tests.support.chain import Chain

SHOWN = re.compile(r'class="copyable-text">([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})<')

SETTINGS = {
    "code": "BPN",
    "name": "Balikpapan",
    "zone": "Asia/Makassar",
    "address": "Jl. Jenderal Sudirman 1",
    "cash_step": "500",
    "cash_direction": "down",
    "receipt_header": "Toko Sentosa Balikpapan",
    "receipt_footer": "",
    "void_limit": "100.000",
}


def decided(engine: Engine, scope: str, kind: str) -> dict[str, object]:
    """What the tills of a scope know, by key."""
    with engine.connect() as connection:
        items = feed.state(connection, scope)
    return {i.key: decode_decision(i.kind, i.body) for i in items if i.kind == kind and i.body}


def test_a_new_branch_is_published_to_its_own_tills_with_its_settings(
    signed_in: Clients, chain_engine: Engine
) -> None:
    answer = post(signed_in(), "/branches", **SETTINGS)
    assert answer.status_code == 303
    branch_id = answer.location.rpartition("/")[2]
    told = decided(chain_engine, branch_id, "branch")[branch_id]
    assert told == Branch(
        branch_id,
        "BPN",
        "Balikpapan",
        "Asia/Makassar",
        "Jl. Jenderal Sudirman 1",
        500,
        "down",
        "Toko Sentosa Balikpapan",
        "",
        100_000,
    )


def test_a_branch_that_cannot_be_is_explained_and_what_was_typed_stays(
    signed_in: Clients,
) -> None:
    client = signed_in()
    for field, value, sentence in (
        ("code", "JKT", "There is a branch with the code JKT already"),
        ("code", "jakarta tebet", "cannot be a branch&#39;s code"),
        ("name", "", "Give the branch a name"),
        ("zone", "Atlantis", "The time zone “Atlantis” is not known"),
        ("cash_step", "-5", "cannot be negative"),
        ("void_limit", "a lot", "is not a number"),
    ):
        answer = post(client, "/branches", **{**SETTINGS, field: value})
        assert answer.status_code == 422, field
        assert sentence in answer.text, field
        assert "Jl. Jenderal Sudirman 1" in answer.text


def test_an_edit_reaches_the_tills_and_leaves_the_code_as_it_is(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    branch_id = chain.branches["SGT"]
    answer = post(
        signed_in(), f"/branches/{branch_id}/edit", **{**SETTINGS, "name": "Sangatta Utara"}
    )
    assert answer.status_code == 303
    told = decided(chain_engine, branch_id, "branch")[branch_id]
    assert isinstance(told, Branch)
    assert (told.name, told.code, told.cash_step) == ("Sangatta Utara", "SGT", 500)


def test_only_who_sees_all_branches_makes_or_changes_them(signed_in: Clients, chain: Chain) -> None:
    manager = signed_in("budi")
    assert manager.get("/branches/new").status_code == 403
    assert post(manager, "/branches", **SETTINGS).status_code == 403
    assert manager.get(f"/branches/{chain.branches['SGT']}/edit").status_code == 403


def test_a_manager_finds_his_own_branch_and_no_other(signed_in: Clients, chain: Chain) -> None:
    manager = signed_in("budi")
    assert "Jakarta" not in manager.get("/branches").text
    assert manager.get(f"/branches/{chain.branches['SGT']}").status_code == 200
    assert manager.get(f"/branches/{chain.branches['JKT']}").status_code == 404
    for action in ("codes", f"devices/{chain.tills['JKT-1'].id}/revoke"):
        answer = post(manager, f"/branches/{chain.branches['JKT']}/{action}", role="terminal")
        assert answer.status_code == 404
    mixed = f"/branches/{chain.branches['SGT']}/devices/{chain.tills['JKT-1'].id}/revoke"
    assert post(manager, mixed).status_code == 404


def test_a_code_is_shown_once_and_enrols_a_device(
    signed_in: Clients, chain_engine: Engine, chain: Chain, company_keys: CompanyKeys
) -> None:
    client = signed_in("budi")
    branch_id = chain.branches["SGT"]
    page = post(client, f"/branches/{branch_id}/codes", role="terminal", name="Kasir 3").text
    found = SHOWN.search(page)
    assert found
    [state_address] = set(re.findall(r'hx-get="(/branches/[^"]*/codes/[^"]*)"', page))
    again = client.get(f"/branches/{branch_id}/codes", follow_redirects=True)
    assert "A code is shown only once" in again.text
    assert found[1] not in again.text
    asking = {"HX-Request": "true"}
    assert "Waiting for the machine" in client.get(state_address, headers=asking).text
    assert found[1] not in client.get(f"/branches/{branch_id}").text
    code = enrolment.normalise(found[1])
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    request = enrolment.EnrolRequest(
        lookup=enrolment.lookup_of(code),
        public_key=key,
        proof=enrolment.client_proof(enrolment.proof_key(code), key),
        software="test",
        host="test",
    )
    devices.redeem(
        chain_engine, request, keys=company_keys, cloud_url="https://x", now_ms=NOW_MS + 1
    )
    assert "Kasir 3 is enrolled" in client.get(state_address, headers=asking).text


def test_a_code_can_be_withdrawn(signed_in: Clients, chain_engine: Engine, chain: Chain) -> None:
    client = signed_in("budi")
    branch_id = chain.branches["SGT"]
    post(client, f"/branches/{branch_id}/codes", role="router")
    page = client.get(f"/branches/{branch_id}").text
    [address] = re.findall(r'action="(/branches/[^"]*/withdraw)"', page)
    assert post(client, address).status_code == 303
    assert "/withdraw" not in client.get(f"/branches/{branch_id}").text
    with chain_engine.connect() as connection:
        expires = connection.execute(text("SELECT expires_at_ms FROM enrolment_code")).scalar_one()
    assert expires <= NOW_MS


def test_revoking_a_till_tells_its_branch_and_keeps_what_it_recorded(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    till = chain.tills["SGT-2"]
    address = f"/branches/{till.branch_id}/devices/{till.id}/revoke"
    assert post(signed_in("teguh"), address).status_code == 303
    told = decided(chain_engine, till.branch_id, "device")[till.id]
    assert isinstance(told, Device) and told.revoked
    with chain_engine.connect() as connection:
        entries = connection.execute(
            text("SELECT count(*) FROM journal_entry WHERE terminal_id = :till"),
            {"till": till.id},
        ).scalar_one()
    assert entries == till.entry_count


def test_the_page_of_a_branch_names_what_is_wrong_with_its_devices(
    signed_in: Clients, chain: Chain
) -> None:
    page = signed_in().get(f"/branches/{chain.branches['JYP']}").text
    assert page.count("· silent") == 3
    assert "37" in page
    assert "oldest 12" in page
    healthy = signed_in().get(f"/branches/{chain.branches['SGT']}").text
    assert "· silent" not in healthy
    assert re.search(r"−3\s*min", healthy), "a clock that is off is shown"


def test_the_fleet_shows_a_restored_journal_and_a_second_machine(
    signed_in: Clients, as_owner: Engine, chain: Chain
) -> None:
    till = chain.tills["SGT-1"]
    page = signed_in().get(f"/branches/{till.branch_id}").text
    assert "journal restored" not in page
    assert "two machines" not in page
    with as_owner.begin() as connection:
        connection.execute(
            text("UPDATE journal_head SET epoch = 2 WHERE terminal_id = :till"), {"till": till.id}
        )
        connection.execute(
            text(
                "INSERT INTO exception (branch_id, id, kind, severity, terminal_id, epoch, seq,"
                " params, dedup_key, opened_at_ms) VALUES (:branch, :id, 'journal-fork', 'error',"
                " :till, 1, 5, '{\"first_seq\": 5, \"last_seq\": 6}', 'fork', :at)"
            ),
            {"branch": till.branch_id, "id": new_id(NOW_MS), "till": till.id, "at": NOW_MS},
        )
    page = signed_in().get(f"/branches/{till.branch_id}").text
    assert "journal restored, epoch 2" in page
    assert "two machines with one name" in page
    told = signed_in().get("/exceptions").text
    assert "Two machines with one identity" in told
