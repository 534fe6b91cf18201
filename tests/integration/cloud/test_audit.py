"""The audit trail shows who did what, and shows when somebody altered it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from sentra.cloud import audit
from tests.present import NOW_MS


def record(engine: Engine, number: int) -> int:
    with engine.begin() as connection:
        return audit.record(
            connection,
            at_ms=NOW_MS + number,
            user_id=None,
            user_name="Sari",
            action="price.set",
            subject_kind="product",
            subject_key=f"{number}",
            detail={"was": 4500, "now": 4800, "note": "kopi é"},
            address="127.0.0.1",
        )


def test_entries_that_come_at_once_form_one_chain(engine: Engine) -> None:
    with ThreadPoolExecutor(5) as pool:
        numbers = sorted(pool.map(lambda n: record(engine, n), range(20)))
    assert numbers == list(range(1, 21))
    with engine.connect() as connection:
        assert audit.first_altered(connection) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE audit_entry SET user_name = 'Dewi' WHERE seq = 2", 2),
        ("UPDATE audit_entry SET detail = '{}' WHERE seq = 3", 3),
        ("DELETE FROM audit_entry WHERE seq = 2", 2),
        ("UPDATE audit_entry SET at_ms = at_ms + 1 WHERE seq = 1", 1),
    ],
)
def test_an_altered_or_missing_entry_is_named(engine: Engine, change: str, named: int) -> None:
    for number in range(3):
        record(engine, number)
    with engine.begin() as connection:
        connection.execute(text(change))
    with engine.connect() as connection:
        assert audit.first_altered(connection) == named
