"""Deliberate bugs of what is carried: courier files by hand, and snapshots of the feed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import msgspec
from pytest import MonkeyPatch
from sqlalchemy import text

from router_agent.courier import RouterDepot
from sentra.cloud import snapshots as made
from sentra.cloud.company import the_company
from sentra.courier import unpacking
from sentra.vault import snapshots, staging
from simulation.cloud import Cloud
from syncd.daemon.outbound.courier import TillDepot
from syncd.service.courier import CloudTaker

_COVERED: Final = "least(covered, head - greatest(keep, 0), young - 1)"
_UNCOVERED: Final = "least(head - greatest(keep, 0), young - 1)"


def signature_is_not_checked(patch: MonkeyPatch) -> None:
    """Whoever can write a courier file may say whose it is."""
    patch.setattr(unpacking, "check_signature", lambda *_: None)


def another_companys_file(patch: MonkeyPatch) -> None:
    """The cloud takes a courier file without asking for which company it was packed."""
    admit = CloudTaker.admit

    def any_company(self: CloudTaker, file: str, header: Any, *, revoked_too: bool) -> Any:
        with self._engine.connect() as connection:
            own = the_company(connection).id
        header = msgspec.structs.replace(header, company_id=own)
        return admit(self, file, header, revoked_too=revoked_too)

    patch.setattr(CloudTaker, "admit", any_company)


def another_branchs_file(patch: MonkeyPatch) -> None:
    """A router takes a courier file without asking for which branch it was packed."""
    admit = RouterDepot.admit

    def any_branch(self: RouterDepot, file: str, header: Any, *, revoked_too: bool) -> Any:
        header = msgspec.structs.replace(header, branch_id=self._identity.branch_id)
        return admit(self, file, header, revoked_too=revoked_too)

    patch.setattr(RouterDepot, "admit", any_branch)


def another_tills_journal(patch: MonkeyPatch) -> None:
    """A router takes whatever journal is in a till's courier file."""
    take = RouterDepot.take

    def anybodys(self: RouterDepot, header: Any, parcels: Any) -> Any:
        return take(self, msgspec.structs.replace(header, role="router"), parcels)

    patch.setattr(RouterDepot, "take", anybodys)


def packing_counts_as_sent(patch: MonkeyPatch) -> None:
    """What is on a stick is taken for what the cloud has."""
    parcels = TillDepot.parcels

    def noted(self: TillDepot, pieces: Any) -> Any:
        found = parcels(self, pieces)
        self._shelf.set_watermark("cloud", self._shelf.head(), 0, None)
        return found

    patch.setattr(TillDepot, "parcels", noted)


def half_a_snapshot(patch: MonkeyPatch) -> None:
    """Of each block of a snapshot, the first half is applied."""
    whole = snapshots._blocks

    def half(*args: Any) -> Iterator[Any]:
        for block in whole(*args):
            yield block[: (len(block) + 1) // 2]

    patch.setattr(snapshots, "_blocks", half)


def what_is_gone_stays(patch: MonkeyPatch) -> None:
    """A till keeps what the snapshot does not say any more."""
    patch.setattr(staging, "deletions", lambda *_: iter(()))


def revisions_go_uncovered(patch: MonkeyPatch) -> None:
    """The housekeeping makes no snapshot, and drops revisions that none covers."""
    migration = import_module("sentra.cloud.migrations.versions.0009_feed_snapshot")
    guarded: str = migration.DROP.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    assert _COVERED in guarded
    unguarded = guarded.replace(_COVERED, _UNCOVERED).replace("covered IS NULL OR", "")
    keep = Cloud.keep_feeds

    def keep_unguarded(self: Cloud, *args: Any) -> str:
        _run(self, unguarded)
        try:
            return keep(self, *args)
        finally:
            _run(self, guarded)

    patch.setattr(Cloud, "keep_feeds", keep_unguarded)
    patch.setattr(made, "is_due", lambda *_: False)


def _run(cloud: Cloud, statement: str) -> None:
    with cloud.engine.begin() as connection:
        connection.execute(text(statement))
