"""The real server: gunicorn with gevent, TLS, devices that come over the wire."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, text

from sentra.cloud.keys import CompanyKeys
from sentra.protocol.envelope import Parcel
from tests.integration.sync.conftest import running_service
from tests.present import NOW_MS
from tests.support.books import Books
from tests.support.journals import Journal


def enrol(engine: Engine, branch: str, journal: Journal) -> None:
    """Make the journal's terminal known, under its own id."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO device (id, role, branch_id, number, name, public_key, enrolled_at_ms)"
                " VALUES (:id, 'terminal', :branch, :number, :name, :key, 0)"
            ),
            {
                "id": journal.terminal,
                "branch": branch,
                "number": journal.number,
                "name": f"SGT-{journal.number}",
                "key": journal.key.public_key().public_bytes_raw().hex(),
            },
        )


def test_a_sale_is_taken_once_over_tls(
    environment: dict[str, str], engine: Engine, branch: str, company_keys: CompanyKeys
) -> None:
    journal = Journal()
    journal.sell(3)
    enrol(engine, branch, journal)
    with running_service(environment, "--tls") as service:
        link = service.link(company_keys, journal.terminal, journal.key)
        parcels = [Parcel(journal.sealed(1, 3))]
        first, second = link.send(parcels), link.send(parcels)
        link.close()
    assert [one.outcome for one in first.outcomes] == ["appended"]
    assert [one.outcome for one in second.outcomes] == ["already"]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*), sum(total) FROM sale")).one() == (3, 13500)
