"""The page of a device: up to where till, router and cloud hold the same, or what differs."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from tests.present import NOW_MS
from tests.support.backoffice import Clients
from tests.support.books import Till
from tests.support.chain import Chain
from webapp.proving import compare_due, due

ROW = """
    INSERT INTO proof (branch_id, terminal_id, epoch, seq, hash, entry_count, tenders, places,
        proved_at_ms, difference)
    VALUES (:branch, :till, 1, 41, decode(repeat('ab', 32), 'hex'), 41,
        '{"cash": 1250000, "qris": 75000}', '{till,router,cloud}', :at, CAST(:difference AS jsonb))
"""
DIFFERENT = (
    '{"place": "till", "what": "%s", "said": "12", "counted": "11", "after": "1/41",'
    ' "up_to": "1/53"}'
)


@pytest.fixture
def till(chain: Chain) -> Till:
    return next(one for one in chain.tills.values() if one.branch_id == chain.branches["SGT"])


def page(client: object, till: Till) -> str:
    answer = client.get(f"/branches/{till.branch_id}/devices/{till.id}")  # type: ignore[attr-defined]
    assert answer.status_code == 200
    return str(answer.text)


def write(owner: Engine, till: Till, difference: str | None = None) -> None:
    values = {"branch": till.branch_id, "till": till.id, "at": NOW_MS, "difference": difference}
    with owner.begin() as connection:
        connection.execute(text(ROW), values)


def test_a_till_without_a_proof_says_when_there_will_be_one(signed_in: Clients, till: Till) -> None:
    shown = page(signed_in(), till)
    assert "Nothing is proved yet." in shown
    assert "In the cloud up to" in shown


def test_what_is_proved_names_the_entry_the_places_and_the_sums(
    signed_in: Clients, as_owner: Engine, till: Till
) -> None:
    write(as_owner, till)
    shown = page(signed_in("teguh"), till)
    assert "Proved equal up to entry 41," in shown
    assert "(till, router, cloud)" in shown
    assert "1,250,000" in shown and "QRIS" in shown


@pytest.mark.parametrize(
    ("what", "said"), [("entries", "12"), ("cash", "Rp\xa012"), ("hash", "12")]
)
def test_a_difference_is_named(
    signed_in: Clients, as_owner: Engine, till: Till, what: str, said: str
) -> None:
    write(as_owner, till, DIFFERENT % what)
    shown = page(signed_in(), till)
    assert "Not the same everywhere" in shown
    assert f"the till counted {said}" in shown


def test_a_routers_page_has_no_proof(signed_in: Clients, as_owner: Engine, chain: Chain) -> None:
    with as_owner.connect() as connection:
        row = connection.execute(
            text("SELECT id, branch_id FROM device WHERE role = 'router' LIMIT 1")
        ).one()
    shown = signed_in().get(f"/branches/{row.branch_id}/devices/{row.id}").text
    assert "Last heard" in shown and "Nothing is proved yet" not in shown


def test_a_device_of_a_branch_that_one_does_not_see_is_not_there(
    signed_in: Clients, chain: Chain, till: Till
) -> None:
    other = next(one for one in chain.tills.values() if one.branch_id != till.branch_id)
    client = signed_in("budi")
    assert client.get(f"/branches/{other.branch_id}/devices/{other.id}").status_code == 404
    assert client.get(f"/branches/{till.branch_id}/devices/{other.id}").status_code == 404


def test_the_workers_job_compares_what_is_due_and_one_that_fails_holds_up_no_other(
    chain_engine: Engine, as_owner: Engine, till: Till
) -> None:
    assert compare_due(chain_engine, NOW_MS) == {}
    write(as_owner, till)
    with as_owner.begin() as connection:
        connection.execute(text('UPDATE proof SET till = \'{"no": "note"}\''))
        assert [job for job, _ in due(connection)] == ["proof.company", "facts.company"]
    assert compare_due(chain_engine, NOW_MS) == {"failed": 1}
