"""The vault's tables: own ones by numbered migrations, shared projections by fingerprint.

The shared projection tables (`sentra.projection.tables`) can be rebuilt from the journal at any
time, so they need no migrations: when their definition changed, they are dropped, made anew and
filled again. What is not a projection only ever moves forward, one migration at a time.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from sentra.projection.tables import SHARED
from sentra.vault import journal, state
from sentra.vault.driver import Connection

Migration = str
"""SQL statements separated by semicolons; its place in the list (from 1) is its number."""

_COMMON: Final[Migration] = """
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    body BLOB NOT NULL
);
CREATE TABLE state (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
"""

_TERMINAL: Final[Migration] = """
CREATE TABLE journal_epoch (
    epoch INTEGER PRIMARY KEY,
    base_hash BLOB NOT NULL,
    opened_at_ms INTEGER NOT NULL
);
CREATE TABLE journal_entry (
    epoch INTEGER NOT NULL REFERENCES journal_epoch (epoch),
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    schema INTEGER NOT NULL,
    recorded_at_ms INTEGER NOT NULL,
    business_date TEXT NOT NULL,
    body BLOB NOT NULL,
    hash BLOB NOT NULL,
    stored_at_ms INTEGER NOT NULL,
    PRIMARY KEY (epoch, seq)
) WITHOUT ROWID;
CREATE TABLE sealed_segment (
    epoch INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (epoch, first_seq)
);
CREATE TABLE watermark (
    name TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    signature TEXT
) WITHOUT ROWID;
CREATE TABLE feed_cursor (
    scope TEXT PRIMARY KEY,
    revision INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE decision (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    scope TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE product (
    number INTEGER PRIMARY KEY,
    product_id TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    category_id TEXT,
    favourite INTEGER NOT NULL,
    active INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX ix_product_code ON product (code COLLATE NOCASE);
CREATE INDEX ix_product_name ON product (name COLLATE NOCASE);
CREATE INDEX ix_product_category ON product (category_id, name COLLATE NOCASE);
CREATE INDEX ix_product_favourite ON product (name COLLATE NOCASE) WHERE favourite = 1;
CREATE TABLE barcode (
    barcode TEXT NOT NULL,
    number INTEGER NOT NULL REFERENCES product (number) ON DELETE CASCADE,
    PRIMARY KEY (barcode, number)
) WITHOUT ROWID;
CREATE INDEX ix_barcode_number ON barcode (number);
CREATE VIRTUAL TABLE product_words USING fts5(
    words, content='', contentless_delete=1, detail='none',
    tokenize="unicode61 remove_diacritics 2", prefix='2 3'
);
CREATE TABLE word (
    word TEXT PRIMARY KEY,
    length INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX ix_word_length ON word (length);
"""

_SNAPSHOTS: Final[Migration] = """
CREATE TABLE feed_snapshot (
    scope TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    note TEXT NOT NULL,
    whole INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, sha256)
) WITHOUT ROWID;
CREATE TABLE feed_snapshot_part (
    scope TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    start INTEGER NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (scope, sha256, start)
);
"""
"""Snapshots of the feed on their way here, part by part; `whole`: checked, and served on."""

_TERMINAL_SNAPSHOTS: Final[Migration] = """
ALTER TABLE product ADD COLUMN scope TEXT NOT NULL DEFAULT 'company';
ALTER TABLE product ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;
ALTER TABLE decision ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;
CREATE INDEX ix_product_stale ON product (scope) WHERE stale = 1;
CREATE INDEX ix_decision_stale ON decision (scope) WHERE stale = 1;
"""
"""`stale`: said before the feed was restarted, and not yet said anew."""

_EPOCHS: Final[Migration] = """
ALTER TABLE journal_epoch ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0;
CREATE TABLE abandoned_entry (
    hash BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    schema INTEGER NOT NULL,
    recorded_at_ms INTEGER NOT NULL,
    business_date TEXT NOT NULL,
    body BLOB NOT NULL,
    abandoned_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX ix_abandoned_epoch ON abandoned_entry (epoch);
"""
"""Entries of a line that a restored journal left: each of their facts stands in a later epoch."""

_ARCHIVED: Final[Migration] = """
CREATE TABLE archived_mark (
    terminal TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    noted_at_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch, seq)
) WITHOUT ROWID;
"""
"""What the cloud signed as archived: by its clock, and when it was heard by ours."""

_PRUNED: Final[Migration] = """
CREATE TABLE journal_base (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    entry_count INTEGER NOT NULL,
    pruned_at_ms INTEGER NOT NULL,
    mark TEXT NOT NULL
);
"""
"""The last entry that was dropped: the chain is verified from its hash on. `mark`: the cloud's word
that it is archived."""

_STAGED: Final[Migration] = """
CREATE TABLE catalogue (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_number INTEGER NOT NULL,
    in_force INTEGER NOT NULL,
    turn INTEGER NOT NULL
);
INSERT INTO catalogue SELECT 1, coalesce(max(number), 0), 0, 0 FROM product;
CREATE TABLE feed_restart (
    scope TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    open INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO feed_restart
    SELECT scope, 1, max(stale) FROM (
        SELECT scope, stale FROM product UNION ALL SELECT scope, stale FROM decision
    ) GROUP BY scope;
CREATE TABLE product_row (
    number INTEGER PRIMARY KEY,
    product_id TEXT NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    category_id TEXT,
    favourite INTEGER NOT NULL,
    active INTEGER NOT NULL,
    body BLOB NOT NULL,
    scope TEXT NOT NULL,
    said INTEGER NOT NULL
);
INSERT INTO product_row
    SELECT number, product_id, code, name, category_id, favourite, active, body, scope, 1 - stale
    FROM product;
CREATE TABLE barcode_row (
    barcode TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (barcode, number)
) WITHOUT ROWID;
INSERT INTO barcode_row SELECT barcode, number FROM barcode;
CREATE TABLE decision_row (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    scope TEXT NOT NULL,
    body BLOB NOT NULL,
    said INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
INSERT INTO decision_row SELECT kind, key, scope, body, 1 - stale FROM decision;
DROP TABLE barcode;
DROP TABLE product;
DROP TABLE decision;
ALTER TABLE barcode_row RENAME TO barcode;
CREATE INDEX ix_barcode_number ON barcode (number);
CREATE INDEX ix_product_id ON product_row (product_id);
CREATE INDEX ix_product_code ON product_row (code COLLATE NOCASE);
CREATE INDEX ix_product_name ON product_row (name COLLATE NOCASE);
CREATE INDEX ix_product_category ON product_row (category_id, name COLLATE NOCASE);
CREATE INDEX ix_product_favourite ON product_row (name COLLATE NOCASE) WHERE favourite = 1;
CREATE TABLE staged_product (
    number INTEGER PRIMARY KEY,
    body BLOB
);
CREATE TABLE staged_decision (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    scope TEXT NOT NULL,
    body BLOB,
    said INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE VIEW product AS
    SELECT p.number, p.product_id, p.code, p.name, p.category_id, p.favourite, p.active, p.scope,
        p.said,
        coalesce((
            SELECT s.body FROM staged_product s
            WHERE s.number = p.number AND (SELECT in_force FROM catalogue)
        ), p.body) AS body
    FROM product_row p
    WHERE +p.number <= (SELECT last_number FROM catalogue)
        AND NOT EXISTS (
            SELECT 1 FROM staged_product s
            WHERE s.number = p.number AND s.body IS NULL AND (SELECT in_force FROM catalogue)
        );
CREATE VIEW decision AS
    SELECT d.kind, d.key, d.scope, d.body, d.said FROM decision_row d
    WHERE NOT EXISTS (
        SELECT 1 FROM staged_decision s
        WHERE s.kind = d.kind AND s.key = d.key AND (SELECT in_force FROM catalogue)
    )
    UNION ALL
    SELECT s.kind, s.key, s.scope, s.body, s.said FROM staged_decision s
    WHERE s.body IS NOT NULL AND (SELECT in_force FROM catalogue);
"""
"""The catalogue as it is in force is two views: see `sentra.vault.staging`. `said`: in which
restart of its feed a row was said last."""

_SHARING: Final[Migration] = """
CREATE TABLE branch_question (
    question_id TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    body BLOB NOT NULL,
    asked_at_ms INTEGER NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    answer BLOB
) WITHOUT ROWID;
"""
"""What the till asks the router, and its answer: the daemon carries both."""

_DIGESTS: Final[Migration] = """
ALTER TABLE sealed_segment ADD COLUMN sha256 BLOB;
"""
"""Of the sealed bytes as they are; NULL beside what was sealed before there was this column."""

_WORDS: Final[Migration] = """
ALTER TABLE catalogue ADD COLUMN words_gone INTEGER NOT NULL DEFAULT 0;
UPDATE catalogue SET words_gone = last_number;
"""
"""How many rows went and left their words: see `sentra.vault.words`. An index from before it was
counted is built anew."""

ROOM: Final = "vault"
"""The kernel's own migrations; a program may keep tables of its own in a room of its own name."""

MIGRATIONS: Final[dict[str, tuple[Migration, ...]]] = {
    "terminal": (
        _COMMON + _TERMINAL,
        _SNAPSHOTS + _TERMINAL_SNAPSHOTS,
        _EPOCHS,
        _ARCHIVED + _PRUNED,
        _STAGED,
        _SHARING,
        _DIGESTS,
        _WORDS,
    ),
    "router": (_COMMON, _SNAPSHOTS, _ARCHIVED),
}

_BOOK: Final = """
CREATE TABLE IF NOT EXISTS schema_version (room TEXT PRIMARY KEY, version INTEGER NOT NULL)
"""


def versions(db: Connection) -> dict[str, int]:
    """The number of the last migration of each room; empty in a file that has none yet."""
    found = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    return dict(db.execute("SELECT room, version FROM schema_version")) if found else {}


def migrate(db: Connection, rooms: dict[str, Sequence[Migration]], role: str) -> None:
    """Brings every room up to date. Call inside a write transaction: all or nothing.

    A room that is newer than its list is left alone: the caller has refused it before.
    """
    db.execute(_BOOK)
    present = versions(db)
    for room, steps in rooms.items():
        for number, step in enumerate(steps[present.get(room, 0) :], present.get(room, 0) + 1):
            for statement in _statements(step):
                db.execute(statement)
            db.execute("INSERT OR REPLACE INTO schema_version VALUES (?, ?)", (room, number))
    if role == "terminal":
        _renew_projection(db)


def _statements(script: str) -> list[str]:
    return [statement for statement in (part.strip() for part in script.split(";")) if statement]


def table_ddl(table: Table) -> list[str]:
    """CREATE TABLE and CREATE INDEX statements of a shared table, for SQLite."""
    dialect = sqlite.dialect()
    return [
        str(CreateTable(table).compile(dialect=dialect)),
        *(
            str(CreateIndex(index).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ),
    ]


@functools.cache
def fingerprint() -> str:
    """Changes with any definition in the shared tables; each opening of a vault asks for it."""
    text = "\n".join(statement for table in SHARED for statement in table_ddl(table))
    return hashlib.sha256(text.encode()).hexdigest()


def _renew_projection(db: Connection) -> None:
    present = fingerprint()
    if state.get(db, "projection_fingerprint") == present:
        return
    for table in SHARED:
        db.execute(f'DROP TABLE IF EXISTS "{table.name}"')
        for statement in table_ddl(table):
            db.execute(statement)
    journal.project_all(db)
    state.put(db, "projection_fingerprint", present)
