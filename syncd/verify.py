"""What tills and the cloud hold, proved: `sentra verify --data DIR` and `sentra verify --cloud`.

`sentra.verification` finds this command; `router_agent` has the one for routers. A till's vault and
the cloud's database are never opened by the same part of a program, so each is imported only when
it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sentra.failures import Failure
from sentra.finding import Finding
from sentra.ids import is_id
from sentra.projection.tally import Tally
from sentra.verification import DeviceProof, Proof, Scope, progress, scoped, tell, told

if TYPE_CHECKING:
    from sqlalchemy import Connection

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
@scoped
@click.option(
    "--data",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A till's folder; give it again for another.",
)
@click.option("--cloud", is_flag=True, help="The database of SENTRA_DATABASE_URL.")
def verify(*, folders: tuple[Path, ...], cloud: bool, scope: Scope, as_json: bool) -> None:
    """Prove what tills or the cloud hold: chains, signatures, gaps, sums, every row."""
    if cloud == bool(folders):
        raise NothingToVerify
    tell(_prove_cloud(scope) if cloud else _prove_tills(folders, scope), as_json=as_json)


def _prove_tills(folders: Sequence[Path], scope: Scope) -> Proof:
    with progress() as count:
        tallies = [proved for each in folders if (proved := _prove_till(each, scope, count))]
    scope.require(bool(tallies))
    total = Tally()
    for _, tally in tallies:
        total.merge(tally)
    return Proof(devices=[device for device, _ in tallies], more=_more(total))


def _prove_till(
    folder: Path, scope: Scope, count: Callable[[int], None]
) -> tuple[DeviceProof, Tally] | None:
    """None where the till is not asked for."""
    from sentra.vault.database import Vault
    from sentra.vault.identity import read_identity
    from sentra.vault.verify import head_file, prove

    vault = Vault.open(folder)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
            if identity is None:
                raise NotEnrolled(folder=folder)
            if not scope.has(identity.device_id, identity.branch_name, identity.branch_code):
                return None
            proof = prove(db, identity, tell=lambda _entries: count(1))
            proof.note(head_file(db, folder))
    finally:
        vault.close()
    findings = tuple(proof.findings)
    device = DeviceProof(
        name=identity.name,
        branch=identity.branch_name,
        terminal=identity.device_id,
        tickets=proof.tally.tickets,
        entries=proof.entries,
        gross=proof.tally.gross,
        problems=tuple(map(told, findings)),
        findings=findings,
    )
    return device, proof.tally


def _prove_cloud(scope: Scope) -> Proof:
    from sentra.cloud.database import make_engine, wait_for_database
    from sentra.cloud.schema import require_newest
    from sentra.config import Environment
    from syncd.service.config import POSTGRES_SCHEMES

    url = Environment(os.environ).url("SENTRA_DATABASE_URL", schemes=POSTGRES_SCHEMES)
    engine = make_engine(url, application="sentra verify")
    wait_for_database(engine)
    try:
        with engine.connect() as connection:
            require_newest(connection)
        # One snapshot for the whole proof: tills go on selling meanwhile.
        snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
        with snapshot.connect() as connection:
            return _as_proof(_verify(connection, scope))
    finally:
        engine.dispose()


def _verify(connection: Connection, scope: Scope) -> CloudReport:
    from syncd.service.outbound import stored
    from syncd.service.verify import verify_cloud

    home = None
    if scope.terminal:
        home = stored.branch_of(connection, scope.terminal) if is_id(scope.terminal) else None
        scope.require(home is not None)
    wanted = [
        branch_id
        for branch_id, name, code in stored.branches(connection)
        if scope.branch in ("", name, code) and home in (None, branch_id)
    ]
    scope.require(bool(wanted))
    terminal = scope.terminal or None
    with progress(stored.entry_count(connection, wanted) if terminal is None else None) as count:
        return verify_cloud(connection, branch_ids=wanted, terminal_id=terminal, tell=count)


def _as_proof(report: CloudReport) -> Proof:
    said: dict[str | None, list[Finding]] = {}
    for one in report.differences:
        said.setdefault(one.terminal_id, []).append(one)
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
            problems=tuple(map(told, said.get(journal.terminal_id, ()))),
            findings=tuple(said.get(journal.terminal_id, ())),
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
    problems = [told(one) for one in said.get(None, ())]
    return Proof(devices=devices, problems=problems, more={**_more(total), **more})


def _more(total: Tally) -> dict[str, object]:
    """The sums that no `DeviceProof` has."""
    return {
        "lines": total.lines,
        "refunds": total.refunds,
        "refunded": total.refunded,
        "tenders": dict(sorted(total.tenders.items())),
    }
