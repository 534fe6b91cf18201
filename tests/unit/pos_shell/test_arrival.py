"""What the waiting screen shows of the first feed while it comes."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from pos_shell.enrolment.queries import arrival
from pos_shell.till import Till
from sentra.events import Category
from sentra.protocol.bodies import encode_decision
from sentra.protocol.feed import FeedItem
from sentra.vault import catalogue, snapshots
from syncd.daemon.outbound.shelf import VaultShelf
from tests.fakes.snapshots import a_snapshot
from tests.support.journals import START_MS
from tests.support.tills import BRANCH, a_revision, a_till


def test_revisions_and_the_part_of_a_snapshot_that_came_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault, identity = a_till(tmp_path)
    till = Till(tmp_path, lambda: START_MS, secrets.token_bytes)
    assert arrival(till).revisions_total is None
    shelf = VaultShelf(vault, identity)
    shelf.note_feed_heads({"company": 98, BRANCH: 2})
    revision, items = a_revision(BRANCH, 1, [("category", "c", Category("c", "C"))])
    with vault.writer() as db:
        catalogue.apply_revision(db, revision, items)
    shown = arrival(till)
    assert (shown.revisions, shown.revisions_total, shown.percent) == (1, 100, 1)
    made = a_snapshot(
        "company",
        98,
        [FeedItem("category", f"c{n}", encode_decision(Category("c", "C"))) for n in range(400)],
    )
    half = made.note.size // 2
    with vault.writer() as db:
        snapshots.begin(db, made.note)
        snapshots.add_part(db, made.note, 0, made.packed[:half])
    assert 45 <= arrival(till).percent <= 50
    shelf.add_part(made.note, half, made.packed[half:])
    shelf.apply_snapshot(made.note)
    shown = arrival(till)
    assert (shown.revisions, shown.percent) == (99, 99)
    till.close()
    vault.close()
