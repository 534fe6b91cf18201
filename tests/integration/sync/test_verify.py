"""`sentra verify --cloud`: whatever is altered in the database is found, and named."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, Table, text, update

from sentra.cloud.keys import CompanyKeys
from sentra.cloud.tables import daily_product, hourly_sales, hourly_tender
from sentra.protocol.entry import Head, head_of, make_entry
from sentra.protocol.envelope import Parcel, pack
from sentra.verification import ScopeUnknown
from syncd.verify import verify
from tests.integration.sync.appending import Prove, a_clone_of, prove
from tests.integration.sync.conftest import TestDevice
from tests.present import NOW_MS
from tests.support.chain import Chain, make_chain
from tests.support.journals import DAY, Journal

__all__ = ["prove"]


@pytest.fixture
def chain(engine: Engine, company_keys: CompanyKeys) -> Chain:
    """A company that has traded: shifts, sales, refunds, voids, cash and stock."""
    with engine.begin() as connection:
        made = make_chain(connection, company_keys, NOW_MS)
        # They are for the page that shows them: no fact of theirs was set aside.
        connection.execute(text("DELETE FROM exception"))
    return made


def test_a_company_that_has_traded_is_proved(chain: Chain, prove: Prove) -> None:
    report = prove()
    assert report.differences == []
    assert report.verified
    assert sum(one.tickets for one in report.branches.values()) > 50
    assert {one.terminal_id for one in report.journals} == {
        till.id for till in chain.tills.values()
    }


def test_what_the_service_has_taken_is_proved(terminal: TestDevice, prove: Prove) -> None:
    journal = Journal()
    journal.terminal, journal.key = terminal.id, terminal.key
    journal.sell(30)
    for first in range(1, 30, 7):
        parcels = [Parcel(journal.sealed(first, min(first + 6, 30)))]
        assert terminal.post("/v1/journal", pack(parcels)).status_code == 200
    report = prove()
    assert report.differences == []
    (about,) = report.journals
    assert (about.entries, about.tally.tickets, about.tally.gross) == (30, 30, 135_000)
    assert about.head == journal.head


ALTERATIONS = {
    "a body": (
        "UPDATE journal_entry SET body = overlay(body placing '\\x30' from 20 for 1)"
        " WHERE terminal_id = :terminal AND seq = 5",
        "chain",
    ),
    "a hash": (
        "UPDATE journal_entry SET hash = decode(repeat('ab', 32), 'hex')"
        " WHERE terminal_id = :terminal AND seq = 5",
        "chain",
    ),
    "a kind": (
        "UPDATE journal_entry SET kind = 'sale.voided' WHERE terminal_id = :terminal AND seq = 5",
        "chain",
    ),
    "a time": (
        "UPDATE journal_entry SET recorded_at_ms = recorded_at_ms + 1"
        " WHERE terminal_id = :terminal AND seq = 5",
        "chain",
    ),
    "a day": (
        "UPDATE journal_entry SET business_date = '2026-99-99'"
        " WHERE terminal_id = :terminal AND seq = 5",
        "chain",
    ),
    "an entry that is gone": (
        "DELETE FROM journal_entry WHERE terminal_id = :terminal AND seq = 5",
        "chain",
    ),
    "a sealed segment": (
        "UPDATE segment SET sealed = overlay(sealed placing '\\x00ff00' from 150 for 3)"
        " WHERE terminal_id = :terminal AND first_seq <= 5 AND last_seq >= 5",
        "segment",
    ),
    "a segment that is gone": (
        "DELETE FROM segment WHERE terminal_id = :terminal AND first_seq <= 5 AND last_seq >= 5",
        "segment",
    ),
    "a sum of a sale": (
        "UPDATE sale SET total = total + 1 WHERE terminal_id = :terminal AND seq = 5",
        "projection",
    ),
    "a line that is gone": (
        "DELETE FROM sale_line WHERE sale_id = (SELECT sale_id FROM sale"
        " WHERE terminal_id = :terminal AND seq = 5)",
        "projection",
    ),
    "a tender that nobody gave": (
        "INSERT INTO tender SELECT branch_id, sale_id, 99, shift_id, 'cash', 1, 1, 0, NULL"
        " FROM sale WHERE terminal_id = :terminal AND seq = 5",
        "projection",
    ),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_an_alteration_is_found_and_its_entry_is_named(
    terminal: TestDevice, engine: Engine, prove: Prove, what: str
) -> None:
    journal = Journal()
    journal.terminal, journal.key = terminal.id, terminal.key
    journal.sell(12)
    for first in (1, 5, 9):
        terminal.post("/v1/journal", pack([Parcel(journal.sealed(first, first + 3))]))
    statement, kind = ALTERATIONS[what]
    with engine.begin() as connection:
        done = connection.execute(text(statement), {"terminal": terminal.id})
        assert done.rowcount == 1
    report = prove()
    assert not report.verified
    found = report.differences[0]
    assert (found.kind, found.terminal_id) == (kind, terminal.id)
    # Where an entry is gone, the one behind it is the first that does not fit.
    assert found.seq in ((6,) if "entry that is gone" in what else (5,))


@pytest.mark.parametrize(
    ("table", "column"),
    [(hourly_sales, "total"), (hourly_tender, "amount"), (daily_product, "amount")],
    ids=lambda one: getattr(one, "name", one),
)
def test_a_wrong_sum_is_found(
    chain: Chain, engine: Engine, prove: Prove, table: Table, column: str
) -> None:
    own = table.c.branch_id == chain.branches["SGT"]
    with engine.begin() as connection:
        change = update(table).where(own).values({column: table.c[column] + 1})
        connection.execute(change)
    kinds = [one.kind for one in prove().differences]
    assert kinds == ["sums"]


def test_a_row_that_no_fact_gives_is_found(chain: Chain, engine: Engine, prove: Prove) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO sale SELECT branch_id, gen_random_uuid(), kind, terminal_id, epoch,"
                " seq, receipt_number, shift_id, cashier_id, cashier_name, business_date, hour,"
                " opened_at_ms, completed_at_ms, currency, line_count, goods_total,"
                " discount_total, tax_total, total, rounding, original_sale_id, note, ticket"
                " FROM sale LIMIT 1"
            )
        )
    one, *sums = prove().differences
    assert (one.kind, one.detail[:9]) == ("projection", "sale has ")
    # The sums are those of the facts, so they are not those of the rows.
    assert {each.kind for each in sums} == {"sums"}


@pytest.fixture
def forked(terminal: TestDevice) -> Journal:
    """Two machines sold behind entry 5; the second one's last sale was recorded again."""
    journal = Journal()
    journal.terminal, journal.key = terminal.id, terminal.key
    journal.sell(5)
    clone = a_clone_of(journal)
    journal.sell(1)
    clone.sell(3, amount=9_900)
    for sealed in (journal.sealed(1, 6), clone.sealed(6, 8)):
        assert terminal.post("/v1/journal", pack([Parcel(sealed)])).status_code == 200
    journal.head = Head(2, 0, journal.head.hash)
    last = clone.entries[-1]
    again = make_entry(
        journal.terminal, journal.head, last.kind, last.schema, NOW_MS, DAY, last.body
    )
    journal.entries.append(again)
    journal.head = head_of(again)
    answer = terminal.post("/v1/journal", pack([Parcel(journal.sealed(7, 7))]))
    assert answer.status_code == 200
    return journal


def test_several_epochs_and_a_second_machines_line_are_proved(
    forked: Journal, prove: Prove
) -> None:
    report = prove()
    assert report.differences == []
    (about,) = report.journals
    assert about.head == forked.head
    assert (about.head.epoch, about.tally.tickets) == (2, 9)


@pytest.mark.parametrize(
    ("change", "kind", "epoch"),
    [
        ("UPDATE sale SET total = 1 WHERE epoch = -1 AND seq = 6", "projection", -1),
        ("UPDATE fork_segment SET sealed = sealed || '\\x00'", "fork", 1),
        ("UPDATE fork_segment SET last_seq = 9", "fork", 1),
    ],
)
def test_what_is_altered_in_the_fork_lane_is_found(
    forked: Journal, engine: Engine, prove: Prove, change: str, kind: str, epoch: int
) -> None:
    with engine.begin() as connection:
        assert connection.execute(text(change)).rowcount == 1
    found = [one for one in prove().differences if one.kind == kind]
    assert (found[0].epoch, found[0].seq) == (epoch, 6)


def test_one_terminal_or_one_branch_can_be_proved_alone(
    chain: Chain, engine: Engine, database_url: str
) -> None:
    environment = {"SENTRA_DATABASE_URL": database_url, "SENTRA_LANGUAGE": "en"}

    def run(*words: str) -> Result:
        return CliRunner().invoke(verify, ["--cloud", "--json", *words], env=environment)

    till = next(iter(chain.tills.values()))
    one = json.loads(run("--terminal", till.id).output.splitlines()[-1])
    assert [device["terminal"] for device in one["devices"]] == [till.id]
    branch = json.loads(run("--branch", "SGT").output.splitlines()[-1])
    assert {device["branch"] for device in branch["devices"]} == {"Sangatta"}
    for words in (
        ("--branch", "nowhere"),
        ("--terminal", "x"),
        ("--terminal", chain.branches["SGT"]),
    ):
        assert isinstance(run(*words).exception, ScopeUnknown)
    with engine.begin() as connection:
        wrong = text("UPDATE hourly_sales SET total = total + 1 WHERE terminal_id = :till")
        connection.execute(wrong, {"till": till.id})
    assert run("--terminal", till.id).exit_code == 1


def test_the_command_prints_one_object_and_ends_with_its_verdict(
    chain: Chain, engine: Engine, database_url: str
) -> None:
    environment = {"SENTRA_DATABASE_URL": database_url, "SENTRA_LANGUAGE": "en"}
    good = CliRunner().invoke(verify, ["--cloud", "--json"], env=environment)
    assert good.exit_code == 0, good.output
    told = json.loads(good.output.splitlines()[-1])
    assert told["verified"] is True
    assert told["problems"] == []
    assert told["gross"] == sum(one["gross"] for one in told["by_branch"].values())
    with engine.begin() as connection:
        connection.execute(text("UPDATE journal_head SET seq = seq + 1"))
    bad = CliRunner().invoke(verify, ["--cloud"], env=environment)
    assert bad.exit_code == 1
    assert "the last entry is another" in bad.output
