"""Everything derived is made anew, from the journal or from the archive alone, and is the same."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine, insert, select, text

from sentra.cloud.archive.write import Archivist
from sentra.cloud.database import make_engine
from sentra.cloud.identity import new_id
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.objects import LocalObjects
from sentra.cloud.schema import migrate
from sentra.cloud.tables import exception, fork_segment, journal_head, sale, segment
from sentra.projection.aside import FACT_DUPLICATE, FACT_UNKNOWN
from sentra.protocol.envelope import Parcel, pack
from syncd.service.rebuild.compare import PROJECTED, compare
from syncd.service.rebuild.scratch import TEMPORARY, Scratch
from tests.integration.sync.conftest import TestDevice
from tests.integration.sync.rebuilding import Command, archive, owner_of
from tests.present import NOW_MS
from tests.support.books import Books, Till
from tests.support.chain import Chain
from tests.support.journals import DAY, Journal, a_sale


@pytest.fixture(autouse=True)
def without_shown_exceptions(as_owner: Engine) -> None:
    """The chain's are for a page that shows them: no fact of theirs was set aside."""
    with as_owner.begin() as connection:
        connection.execute(text("DELETE FROM exception"))


def told(result: Result) -> dict[str, object]:
    found: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_from_the_journal_every_row_comes_out_the_same_and_nothing_is_left_behind(
    command: Command, chain_engine: Engine
) -> None:
    done = command("rebuild")
    assert done.exit_code == 0, done.output
    assert "rows are the same" in done.output
    said = told(command("rebuild", "--json"))
    with chain_engine.connect() as connection:
        entries = connection.execute(text("SELECT sum(entry_count) FROM journal_head")).scalar_one()
        rows = sum(
            connection.execute(text(f"SELECT count(*) FROM {table.name}")).scalar_one()  # noqa: S608
            for table in PROJECTED
        )
    assert (said["entries"], said["rows"], said["differing"]) == (entries, rows, 0)


def spoil(as_owner: Engine) -> dict[str, str]:
    """One row otherwise, one missing, one too many, one sum wrong; their keys by table."""
    with as_owner.begin() as connection:
        changed, gone = connection.execute(
            text("SELECT sale_id::text FROM sale WHERE kind = 'sale' ORDER BY sale_id LIMIT 2")
        ).scalars()
        connection.execute(
            text("UPDATE sale SET total = total + 1 WHERE sale_id = :id"), {"id": changed}
        )
        connection.execute(text("DELETE FROM tender WHERE sale_id = :id"), {"id": gone})
        line = connection.execute(
            text(
                "INSERT INTO sale_line SELECT (jsonb_populate_record(l, "
                """'{"position": 999}')).* FROM sale_line l WHERE sale_id = :id LIMIT 1 """
                "RETURNING sale_id::text"
            ),
            {"id": changed},
        ).scalar_one()
        connection.execute(
            text(
                "UPDATE hourly_sales SET total = total - 5 WHERE ctid = "
                "(SELECT ctid FROM hourly_sales LIMIT 1)"
            )
        )
    return {"sale": changed, "tender": gone, "sale_line": line}


def test_what_differs_is_named_by_table_and_key_and_the_exit_status_says_so(
    command: Command, as_owner: Engine
) -> None:
    keys = spoil(as_owner)
    done = command("rebuild")
    assert done.exit_code == 1
    lines = {line.split()[1]: line for line in done.output.splitlines() if line.startswith("✗")}
    assert f"{keys['sale']}: differs in total" in lines["sale"]
    assert keys["tender"] in lines["tender"]
    assert lines["tender"].endswith("extra")
    assert f"{keys['sale_line']} 999: missing" in lines["sale_line"]
    assert lines["hourly_sales"].endswith("differs in total")
    assert "not the same" in done.output


def test_only_the_owner_puts_things_right_and_then_they_are(
    command: Command, as_owner: Engine, chain_url: str
) -> None:
    spoil(as_owner)
    refused = command("rebuild", "--replace")
    assert "Only the database's owner" in str(refused.exception)
    assert command("rebuild").exit_code == 1
    done = command("rebuild", "--replace", url=owner_of(chain_url))
    assert done.exit_code == 0, done.output
    assert "rows were put in place" in done.output
    assert command("rebuild").exit_code == 0


def test_what_is_sold_while_it_is_made_is_taken_along(as_owner: Engine, chain: Chain) -> None:
    till = copy.copy(next(iter(chain.tills.values())))
    with as_owner.connect() as connection:
        scratch = Scratch(connection)
        scratch.make()
        scratch.fill()
        connection.commit()
        with as_owner.begin() as service:
            Books(service).record(till, [(NOW_MS, DAY, a_sale(1))])
        scratch.fill()
        found = compare(
            PROJECTED, connection, connection, old_schema="public", new_schema=TEMPORARY
        )
        assert found.is_equal, found.differences
        heads = connection.execute(text("SELECT sum(entry_count) FROM journal_head")).scalar_one()
        assert scratch.entries == heads


def test_a_fact_that_this_version_can_read_at_last_gets_its_rows(
    command: Command, as_owner: Engine, chain: Chain, chain_url: str
) -> None:
    with as_owner.begin() as connection:
        one = connection.execute(select(sale).where(sale.c.kind == "sale").limit(1)).one()
        for table in ("sale", "sale_line", "sale_tax", "tender"):
            connection.execute(
                text(f"DELETE FROM {table} WHERE sale_id = :id"),  # noqa: S608
                {"id": one.sale_id},
            )
        (till,) = (each for each in chain.tills.values() if each.id == one.terminal_id)
        connection.execute(insert(exception).values(**aside(FACT_UNKNOWN, till, one)))
    assert command("rebuild").exit_code == 1
    assert command("rebuild", "--replace", url=owner_of(chain_url)).exit_code == 0
    with as_owner.connect() as connection:
        noted = connection.execute(select(exception.c.projected_at_ms)).scalar_one()
    assert noted is not None
    assert command("rebuild").exit_code == 0


def aside(kind: str, till: Till, place: Any) -> dict[str, object]:
    """An exception's row: the fact at this place has no rows."""
    return {
        "branch_id": till.branch_id,
        "id": new_id(NOW_MS),
        "kind": kind,
        "severity": "error",
        "terminal_id": till.id,
        "epoch": place.epoch,
        "seq": place.seq,
        "dedup_key": "aside",
        "opened_at_ms": NOW_MS,
    }


def record_twice_and_fork(engine: Engine, chain: Chain) -> None:
    """The same sale in two journals, the second one set aside; and a segment in the fork lane."""
    first, second = sorted(
        (
            copy.copy(till)
            for till in chain.tills.values()
            if till.branch_id == chain.branches["JKT"]
        ),
        key=lambda till: till.id,
        reverse=True,
    )[:2]
    fact = a_sale(1)
    with engine.begin() as connection:
        books = Books(connection)
        books.record(first, [(NOW_MS, DAY, fact)])
        before = second.head
        entry, _ = books._chained(second, NOW_MS + 60_000, DAY, fact)
        books._log(second, [entry], before, 40, 180)
        connection.execute(insert(exception).values(**aside(FACT_DUPLICATE, second, entry)))
        one = connection.execute(
            segment.select().where(segment.c.terminal_id == first.id).limit(1)
        ).one()
        row = {c.name: getattr(one, c.name) for c in fork_segment.columns if c.name in one._fields}
        connection.execute(insert(fork_segment).values(**row))


def test_from_the_archive_alone_an_empty_database_gets_every_row_again(
    command: Command,
    as_owner: Engine,
    chain: Chain,
    chain_url: str,
    empty_url: str,
    folder: LocalObjects,
    company_keys: CompanyKeys,
) -> None:
    record_twice_and_fork(as_owner, chain)
    archive(as_owner, folder, company_keys)
    done = command("rebuild", "--from-archive", "--compare-with", chain_url, url=empty_url)
    assert done.exit_code == 0, done.output
    assert "rows are the same" in done.output
    assert command("rebuild", url=empty_url).exit_code == 0
    engine = make_engine(empty_url)
    with engine.connect() as connection:
        kinds = connection.execute(select(exception.c.kind)).scalars().all()
        timeline = connection.execute(text("SELECT timeline::text FROM company")).scalar_one()
    # What is archived is known to be: nothing is archived a second time.
    again = Archivist(engine, folder, company_keys.signing_key, NOW_MS).run(all_of_it=True)
    engine.dispose()
    assert again.segments == 0
    assert sorted(kinds) == [FACT_DUPLICATE, "journal-fork"]
    with as_owner.connect() as connection:
        was = connection.execute(text("SELECT timeline::text FROM company")).scalar_one()
    assert timeline != was
    refused = command("rebuild", "--from-archive", url=empty_url)
    assert "has a company already" in str(refused.exception)


def test_an_object_that_is_damaged_or_gone_is_named_and_holds_up_only_its_own_journal(
    command: Command,
    chain_engine: Engine,
    chain: Chain,
    empty_url: str,
    folder: LocalObjects,
    company_keys: CompanyKeys,
    tmp_path: Path,
) -> None:
    archive(chain_engine, folder, company_keys)
    keys = list(folder.keys("archive/journal/"))
    damaged, gone = (tmp_path / "objects" / key for key in keys[:2])
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    gone.unlink()
    shutil.rmtree(tmp_path / "objects" / "archive" / "feed")
    done = command("rebuild", "--from-archive", url=empty_url)
    assert done.exit_code == 1
    assert keys[0] in done.output
    assert keys[1] in done.output
    assert "does not say what was decided" in done.output
    engine = make_engine(empty_url)
    with engine.connect() as connection:
        heads = set(connection.execute(select(journal_head.c.terminal_id)).scalars())
    engine.dispose()
    assert len(heads) == len(chain.tills) - 2


def test_of_a_fact_recorded_twice_the_same_one_counts_after_a_rebuild(
    command: Command, as_owner: Engine, chain: Chain, chain_url: str
) -> None:
    with as_owner.begin() as connection:
        one = connection.execute(select(sale).where(sale.c.kind == "sale").limit(1)).one()
        (till,) = (each for each in chain.tills.values() if each.id == one.terminal_id)
        connection.execute(insert(exception).values(**aside(FACT_DUPLICATE, till, one)))
    # As it came in, the fact of this entry was the second: its rows are another entry's.
    done = command("rebuild")
    assert f"sale {one.branch_id} {one.sale_id}: missing" in done.output


def test_what_only_a_second_machine_has_sold_is_rebuilt_too(
    command: Command,
    terminal: TestDevice,
    database_url: str,
    empty_database_url: str,
    engine: Engine,
    folder: LocalObjects,
    company_keys: CompanyKeys,
) -> None:
    one = Journal()
    one.terminal, one.key = terminal.id, terminal.key
    one.sell(3)
    clone = Journal(7)
    clone.terminal, clone.key, clone.head = one.terminal, one.key, one.head
    clone.entries = list(one.entries)
    one.sell(2)
    clone.sell(4)
    for sealed in (one.sealed(1, 3), one.sealed(4, 5), clone.sealed(4, 5), clone.sealed(6, 7)):
        assert terminal.post("/v1/journal", pack([Parcel(sealed)])).status_code == 200
        terminal.clock.now_ms += 1_000
    with engine.connect() as connection:
        assert (
            connection.execute(text("SELECT count(*) FROM sale WHERE epoch < 0")).scalar_one() == 4
        )
    assert command("rebuild", url=database_url).exit_code == 0
    archive(engine, folder, company_keys)
    empty = make_engine(empty_database_url)
    migrate(empty)
    empty.dispose()
    words = ("rebuild", "--from-archive", "--compare-with", database_url)
    done = command(*words, url=empty_database_url)
    assert done.exit_code == 0, done.output
    assert command("rebuild", url=empty_database_url).exit_code == 0
