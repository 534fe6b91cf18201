"""The tables of a router's vault, by numbered migration. Instants are UTC milliseconds."""

from __future__ import annotations

from typing import Final

MIGRATIONS: Final = (
    """
    CREATE TABLE held_segment (
        terminal TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        received_at_ms INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (terminal, epoch, last_seq)
    );
    CREATE TABLE held_head (
        terminal TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL,
        cloud_epoch INTEGER NOT NULL DEFAULT 1,
        cloud_seq INTEGER NOT NULL DEFAULT 0,
        cloud_hash BLOB NOT NULL DEFAULT (zeroblob(32)),
        watermark TEXT
    ) WITHOUT ROWID;
    CREATE TABLE cached_revision (
        scope TEXT NOT NULL,
        revision INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (scope, revision)
    );
    CREATE TABLE branch_item (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        scope TEXT NOT NULL,
        stale INTEGER NOT NULL DEFAULT 0,
        body BLOB NOT NULL,
        PRIMARY KEY (kind, key)
    ) WITHOUT ROWID;
    CREATE TABLE heard (
        terminal TEXT PRIMARY KEY,
        last_heard_at_ms INTEGER NOT NULL,
        software TEXT NOT NULL,
        skew_ms INTEGER NOT NULL,
        rtt_ms INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE outage (
        started_at_ms INTEGER PRIMARY KEY,
        ended_at_ms INTEGER,
        reason TEXT NOT NULL,
        sales_kept INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE watch (
        started_at_ms INTEGER PRIMARY KEY,
        last_at_ms INTEGER NOT NULL
    );
    """,
    """
    ALTER TABLE held_head ADD COLUMN archived TEXT;
    CREATE TABLE cloud_word (name TEXT PRIMARY KEY, mark TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE held_fork (
        terminal TEXT NOT NULL,
        digest BLOB NOT NULL,
        epoch INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        last_hash BLOB NOT NULL,
        received_at_ms INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        in_cloud INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (terminal, digest)
    );
    CREATE INDEX ix_held_fork_place ON held_fork (terminal, epoch, last_seq);
    CREATE INDEX ix_held_fork_waiting ON held_fork (terminal) WHERE in_cloud = 0;
    ALTER TABLE held_head ADD COLUMN sent_epoch INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE held_head ADD COLUMN sent_seq INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE held_head ADD COLUMN contradicts INTEGER NOT NULL DEFAULT 0;
    UPDATE held_head SET sent_epoch = cloud_epoch, sent_seq = cloud_seq;
    """,
    """
    CREATE TABLE held_base (
        terminal TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE parked_order (
        number INTEGER PRIMARY KEY,
        parking_id TEXT NOT NULL UNIQUE,
        terminal TEXT NOT NULL,
        summary BLOB NOT NULL,
        offer BLOB,
        claimed_by TEXT,
        taken_by TEXT
    );
    CREATE INDEX ix_parked_order_terminal ON parked_order (terminal);
    """,
    """
    ALTER TABLE held_fork ADD COLUMN confirmed_at_ms INTEGER;
    ALTER TABLE held_fork ADD COLUMN noted_at_ms INTEGER;
    """,
    """
    CREATE TABLE ledger_cursor (
        terminal TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE ledger_sale (
        sale_id TEXT PRIMARY KEY,
        receipt_number TEXT NOT NULL,
        terminal TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX ix_ledger_sale_number ON ledger_sale (receipt_number);
    CREATE INDEX ix_ledger_sale_place ON ledger_sale (terminal, epoch, seq);
    CREATE TABLE ledger_refund (
        sale_id TEXT NOT NULL,
        refund_id TEXT NOT NULL,
        terminal TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (sale_id, refund_id)
    ) WITHOUT ROWID;
    CREATE INDEX ix_ledger_refund_place ON ledger_refund (terminal, epoch, seq);
    CREATE TABLE refund_claim (
        claim_id TEXT PRIMARY KEY,
        sale_id TEXT NOT NULL,
        terminal TEXT NOT NULL,
        lines BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX ix_refund_claim_sale ON refund_claim (sale_id);
    """,
    """
    ALTER TABLE held_segment ADD COLUMN sha256 BLOB;
    """,
    """
    DROP TABLE ledger_cursor;
    DELETE FROM ledger_sale;
    DELETE FROM ledger_refund;
    CREATE TABLE ledger_cursor (
        terminal TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        hash BLOB,
        part_of TEXT,
        unread INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE ledger_day (
        terminal TEXT NOT NULL,
        business_date TEXT NOT NULL,
        sums BLOB NOT NULL,
        PRIMARY KEY (terminal, business_date)
    ) WITHOUT ROWID;
    CREATE TABLE ledger_twice (
        counted_at TEXT NOT NULL,
        terminal TEXT NOT NULL,
        PRIMARY KEY (counted_at, terminal)
    ) WITHOUT ROWID;
    """,
    """
    DELETE FROM ledger_sale;
    DELETE FROM ledger_refund;
    DELETE FROM ledger_day;
    DELETE FROM ledger_twice;
    DELETE FROM ledger_cursor;
    ALTER TABLE ledger_cursor ADD COLUMN begun_epoch INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE ledger_cursor ADD COLUMN begun_seq INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE ledger_product (
        product_id TEXT NOT NULL,
        terminal TEXT NOT NULL,
        business_date TEXT NOT NULL,
        sold_milli INTEGER NOT NULL,
        moved_milli INTEGER NOT NULL,
        counts INTEGER NOT NULL,
        PRIMARY KEY (product_id, terminal, business_date)
    ) WITHOUT ROWID;
    """,
)
"""`watch`: from when to when the router ran without a break; outside of it nobody knows of the
line. `branch_item.stale`: said on a timeline that the cloud has left, and not yet said anew.
`held_fork`: lines that contradict the journal held, that it left, or that lie before its base;
`confirmed_at_ms` and `noted_at_ms`: when the cloud was known to have it, by the cloud's clock and
by this one. `held_head.sent_*`: up to
where the cloud has confirmed this very line, whatever its own head is; `contradicts`: it said that
it has another one. `held_head.archived`, `cloud_word`: what the cloud signed, for the tills.
`held_segment.sha256`: of the sealed bytes as they came.
`held_base`: the last entry before what is held of a journal that is not held from its beginning.
`parked_order`: what a till offers to the others; without `offer` it is gone, `taken_by` says who
has it. `ledger_*`: where in the segments held a sale and its refunds stand, and what each day sold,
read up to the cursor; it can be read anew at will. `ledger_cursor.hash`: of the entry there, None
where it could not be read; `part_of`: of this date and those before it a part alone was read, ''
for none, None where nothing was; `begun_*`: behind which entry reading began. `ledger_product`:
by day, and under '' for all days before those. `ledger_twice`: `terminal` has a sale that counts
at `counted_at`. `refund_claim`: thousandths by the position of the sale's line."""

ROOMS: Final = {"router": MIGRATIONS}
"""The router's own tables in its vault, for `Vault.open`."""
