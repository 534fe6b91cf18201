"""What tills and the cloud hold, proved: `sentra verify --data DIR` and `sentra verify --cloud`.

`sentra.verification` finds this command; `router_agent` has the one for routers. A till's vault and
the cloud's database are never opened by the same part of a program, so each is imported only when
it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sentra.failures import Failure
from sentra.projection.tally import Tally
from sentra.verification import DeviceProof, Proof, tell

if TYPE_CHECKING:
    from syncd.service.verify import CloudReport


class NotEnrolled(Failure):
    """A vault without an identity."""

    code = "verify-not-enrolled"
    sentence = "The vault in %(folder)s belongs to no till yet. Enrol it first: `sentra enrol`."


class NothingToVerify(Failure):
    """Neither a till nor the cloud was asked for."""

    code = "verify-nothing"
    sentence = "Say what to verify: --data FOLDER of a till, or --cloud."


@click.command()
@click.option(
    "--data",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A till's folder; give it again for another.",
)
@click.option("--cloud", is_flag=True, help="The database of SENTRA_DATABASE_URL.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, amounts in minor units.")
def verify(folders: tuple[Path, ...], cloud: bool, as_json: bool) -> None:
    """Prove what tills or the cloud hold: chains, signatures, gaps, sums, every row."""
    if cloud == bool(folders):
        raise NothingToVerify
    tell(_prove_cloud() if cloud else _prove_tills(folders), as_json=as_json)


def _prove_tills(folders: Sequence[Path]) -> Proof:
    tallies = [_prove_till(folder) for folder in folders]
    total = Tally()
    for _, tally in tallies:
        total.merge(tally)
    return Proof(devices=[device for device, _ in tallies], more=_more(total))


def _prove_till(folder: Path) -> tuple[DeviceProof, Tally]:
    from sentra.vault import entries
    from sentra.vault.database import Vault
    from sentra.vault.identity import read_identity
    from sentra.vault.verify import verify as verify_vault

    vault = Vault.open(folder)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
            if identity is None:
                raise NotEnrolled(folder=folder)
            tally, count = Tally(), 0
            for _, fact in entries.facts(db, identity.device_id):
                count += 1
                if fact is not None:
                    tally.add(fact)
            problems = verify_vault(db, identity)
    finally:
        vault.close()
    proof = DeviceProof(
        name=identity.name,
        branch=identity.branch_name,
        terminal=identity.device_id,
        tickets=tally.tickets,
        entries=count,
        gross=tally.gross,
        problems=tuple(f"{one.kind} at {one.epoch}/{one.seq}: {one.detail}" for one in problems),
    )
    return proof, tally


def _prove_cloud() -> Proof:
    from sentra.cloud.database import make_engine, wait_for_database
    from sentra.cloud.schema import require_newest
    from sentra.config import Environment
    from syncd.service.config import POSTGRES_SCHEMES
    from syncd.service.verify import verify_cloud

    url = Environment(os.environ).url("SENTRA_DATABASE_URL", schemes=POSTGRES_SCHEMES)
    engine = make_engine(url, application="sentra verify")
    wait_for_database(engine)
    try:
        with engine.connect() as connection:
            require_newest(connection)
        # One snapshot for the whole proof: tills go on selling meanwhile.
        snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
        with snapshot.connect() as connection:
            return _as_proof(verify_cloud(connection))
    finally:
        engine.dispose()


def _as_proof(report: CloudReport) -> Proof:
    said: dict[str | None, list[str]] = {}
    for one in report.differences:
        place = f" at {one.epoch}/{one.seq}" if one.seq else ""
        said.setdefault(one.terminal_id, []).append(f"{one.kind}{place}: {one.detail}")
    total = Tally()
    for journal in report.journals:
        total.merge(journal.tally)
    devices = [
        DeviceProof(
            name=journal.name,
            branch=journal.branch,
            terminal=journal.terminal_id,
            tickets=journal.tally.tickets,
            entries=journal.entries,
            gross=journal.tally.gross,
            problems=tuple(said.get(journal.terminal_id, ())),
        )
        for journal in report.journals
    ]
    more = {
        "currency": report.currency,
        "by_branch": {
            name: {"tickets": tally.tickets, "gross": tally.gross}
            for name, tally in report.branches.items()
        },
        "exceptions": report.exceptions,
        "set_aside": report.set_aside,
        "heads": {
            one.terminal_id: [one.head.epoch, one.head.seq, one.head.hash.hex()]
            for one in report.journals
        },
    }
    return Proof(devices=devices, problems=said.get(None, []), more={**_more(total), **more})


def _more(total: Tally) -> dict[str, object]:
    """The sums that no `DeviceProof` has."""
    return {
        "lines": total.lines,
        "refunds": total.refunds,
        "refunded": total.refunded,
        "tenders": dict(sorted(total.tenders.items())),
    }
