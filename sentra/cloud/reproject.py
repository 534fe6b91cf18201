"""Facts that were set aside get their rows after all, each exactly once.

A fact is set aside when this version does not know its kind, or PostgreSQL refused its rows. It
stands in the journal and has no rows; an exception says so. `retry` projects it again: under the
lock of its journal's head, as an append would, and marks the exception in the same transaction,
so that a second call, or one at the same time, finds nothing to do. What is odd about the fact is
raised as at an append.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

from psycopg2 import extensions
from psycopg2.errors import ProgramLimitExceeded, UniqueViolation
from sqlalchemy import Connection, Engine, Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from sentra.cloud.findings import (
    Products,
    excess_refunds,
    negative_stock,
    raise_findings,
    wait_for_refunds,
)
from sentra.cloud.identity import new_id
from sentra.cloud.tables import (
    SHARED,
    daily_product,
    exception,
    fork_segment,
    hourly_sales,
    hourly_tender,
    journal_entry,
    journal_head,
    stock_level,
)
from sentra.events import FACTS, Fact, RefundCompleted, SaleCompleted
from sentra.projection import rollups
from sentra.projection.aside import (
    BODY,
    FACT_DUPLICATE,
    FACT_NOT_PROJECTED,
    FACT_UNKNOWN,
    FACT_UNREADABLE,
    SET_ASIDE,
    body_of,
)
from sentra.projection.findings import Mention, mention, of_products, of_refunds
from sentra.projection.rollups import Increments
from sentra.projection.rows import Place, project
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.segment import peek

REASON_LENGTH_MAX: Final = 300

_ROLLUPS: Final = {t.name: t for t in (hourly_sales, hourly_tender, daily_product, stock_level)}


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a retry. `outcome`: projected, already, refused (`reason` says why), or
    not-aside: the exception is about no fact that was set aside."""

    outcome: str
    reason: str = ""

    @property
    def is_projected(self) -> bool:
        """Whether the fact has its rows now."""
        return self.outcome in ("projected", "already")


class _Refused(Exception):
    """The fact still has no rows: its exception's kind, and why."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason.replace("\0", "␀")[:REASON_LENGTH_MAX]


def retry(
    connection: Connection, branch_id: str, exception_id: str, now_ms: int, user_id: str | None
) -> Retried:
    """Project the fact of an exception again; inside a transaction, which the caller commits.

    Where it gets its rows, the exception is marked and closed; else it keeps the newest reason.
    """
    where = (exception.c.branch_id == branch_id, exception.c.id == exception_id)
    row = connection.execute(select(exception).where(*where)).one_or_none()
    if row is None or row.kind not in SET_ASIDE:
        return Retried("not-aside")
    # The head first, as an append does: so that nobody waits in a circle.
    h = journal_head.c
    head = select(h.seq).where(h.branch_id == branch_id, h.terminal_id == row.terminal_id)
    connection.execute(head.with_for_update())
    row = connection.execute(select(exception).where(*where).with_for_update()).one()
    if row.projected_at_ms is not None:
        return Retried("already")
    try:
        with connection.begin_nested():
            place, fact = _project(connection, row)
    except _Refused as refused:
        params = {**row.params, "reason": refused.reason}
        connection.execute(update(exception).where(*where).values(kind=refused.kind, params=params))
        return Retried("refused", refused.reason)
    marks: dict[str, Any] = {"projected_at_ms": now_ms}
    if row.resolved_at_ms is None:
        marks |= {"resolved_at_ms": now_ms, "resolved_by": user_id}
    connection.execute(update(exception).where(*where).values(marks))
    _raise_findings(connection, place, fact, now_ms)
    return Retried("projected")


def retry_what_is_known_now(engine: Engine, now_ms: int) -> int:
    """Project every fact whose kind was new and is not any more; how many got their rows.

    Each in a transaction of its own, so that one that is refused holds up no other. A worker
    calls this when it starts, which is after an upgrade.
    """
    with engine.connect() as connection:
        found = [row for row in connection.execute(_parked(FACT_UNKNOWN)) if _is_known(row.params)]
    count = 0
    for row in found:
        with engine.begin() as connection:
            done = retry(connection, row.branch_id, row.id, now_ms, None)
        count += done.outcome == "projected"
    return count


def parked(connection: Connection) -> list[tuple[str, str]]:
    """(branch, exception) of every fact that may yet get rows, the oldest first: those whose
    exception is open, and kinds that were accepted unknown."""
    e = exception.c
    question = _parked(*SET_ASIDE).where(e.resolved_at_ms.is_(None) | (e.kind == FACT_UNKNOWN))
    return [(row.branch_id, row.id) for row in connection.execute(question)]


def _parked(*kinds: str) -> Any:
    e = exception.c
    return (
        select(e.branch_id, e.id, e.params)
        .where(e.kind.in_(kinds), e.projected_at_ms.is_(None))
        .order_by(e.opened_at_ms, e.id)
    )


def _is_known(params: dict[str, Any]) -> bool:
    return (params.get("fact"), params.get("schema")) in FACTS


def _project(connection: Connection, row: Row[Any]) -> tuple[Place, Fact]:
    """All rows and sums of one entry. Raises _Refused, and has then written nothing that stays."""
    kind, schema, body = _entry_of(connection, row)
    place = Place(row.branch_id, row.terminal_id, row.epoch, row.seq)
    increments = rollups.no_increments()
    try:
        fact = decode_fact(kind, schema, body)
        rows = list(project(place, fact))
        rollups.add(increments, place, fact)
    except UnknownKind as error:
        raise _Refused(FACT_UNKNOWN, str(error)) from error
    except BodyUnreadable as error:
        raise _Refused(FACT_UNREADABLE, str(error)) from error
    except Exception as error:
        # Whatever it is, the journal goes on; the exception says it.
        reason = f"{type(error).__name__}: {error}"
        raise _Refused(FACT_NOT_PROJECTED, reason) from error
    try:
        for table, values in rows:
            names = SHARED[table].columns.keys()
            record = dict(zip(names, values, strict=True))
            connection.execute(SHARED[table].insert().values(record))
        _add_sums(connection, increments)
    except DBAPIError as error:
        raise _why(error) from error
    except (ValueError, OverflowError) as error:
        raise _Refused(FACT_NOT_PROJECTED, str(error)) from error
    return place, fact


def _raise_findings(connection: Connection, place: Place, fact: Fact, now_ms: int) -> None:
    """What is odd about the products, the sale or the refund of a fact that has its rows now."""
    mentions: dict[str, Mention] = {}
    mention(mentions, place, fact)
    sales: dict[str, Place] = {}
    if isinstance(fact, SaleCompleted):
        sales[fact.sale_id] = place
    elif isinstance(fact, RefundCompleted):
        sales[fact.original_sale_id] = place
    if not (mentions or sales):
        return
    product_ids = sorted(mentions)
    with _cursor(connection) as cursor:
        unknown = Products().unknown(cursor, product_ids)
        negative = negative_stock(cursor, place.branch_id, product_ids)
        findings = list(of_products(mentions, unknown, negative))
        if sales:
            wait_for_refunds(cursor, place.branch_id)
            findings += of_refunds(sales, excess_refunds(cursor, place.branch_id, list(sales)))
        if findings:
            raise_findings(cursor, place.branch_id, findings, now_ms, new_id)


def _cursor(connection: Connection) -> extensions.cursor:
    """psycopg2's own, in the same transaction."""
    return cast(extensions.connection, connection.connection.dbapi_connection).cursor()


def _entry_of(connection: Connection, row: Row[Any]) -> tuple[str, int, bytes]:
    """(kind, schema, body) of an exception's entry; a negative epoch is the fork lane's."""
    if row.epoch < 0:
        return _entry_of_lane(connection, row)
    e = journal_entry.c
    entry = connection.execute(
        select(e.kind, e.schema, e.body).where(
            e.branch_id == row.branch_id,
            e.terminal_id == row.terminal_id,
            e.epoch == row.epoch,
            e.seq == row.seq,
        )
    ).one()
    return entry.kind, entry.schema, bytes(entry.body)


def _entry_of_lane(connection: Connection, row: Row[Any]) -> tuple[str, int, bytes]:
    f = fork_segment.c
    sealed = connection.execute(
        select(f.sealed).where(
            f.branch_id == row.branch_id,
            f.terminal_id == row.terminal_id,
            f.epoch == -row.epoch,
            f.first_seq <= row.seq,
            f.last_seq >= row.seq,
        )
    ).scalars()
    for one in sealed:
        for seq, kind, schema, body in peek(bytes(one)):
            if seq == row.seq and body_of(row.epoch, body) == row.params.get(BODY):
                return kind, schema, body
    raise _Refused(row.kind, "no segment of the fork lane holds it")


def _add_sums(connection: Connection, increments: Increments) -> None:
    for name, sums in increments.items():
        table = _ROLLUPS[name]
        amounts = [column.name for column in table.columns if not column.primary_key]
        for key in sorted(sums):
            record = dict(zip(table.columns.keys(), (*key, *sums[key]), strict=True))
            adding = insert(table).values(record)
            added = {column: table.c[column] + adding.excluded[column] for column in amounts}
            connection.execute(
                adding.on_conflict_do_update(index_elements=list(table.primary_key), set_=added)
            )


def _why(error: DBAPIError) -> Exception:
    """As the service tells it when an append meets the same; a dead database is no such thing."""
    if not isinstance(error, DataError | IntegrityError) and not isinstance(
        error.orig, ProgramLimitExceeded
    ):
        return error
    second = isinstance(error.orig, UniqueViolation)
    diag = getattr(error.orig, "diag", None)
    reason = getattr(diag, "message_primary", None) or str(error.orig)
    return _Refused(FACT_DUPLICATE if second else FACT_NOT_PROJECTED, reason)
