"""Findings in PostgreSQL: what is asked about the products of facts, and the exceptions opened.

Whoever gives facts their rows uses this, at once or later, on a plain psycopg2 cursor in the
transaction that writes the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec
from psycopg2 import extensions
from psycopg2.extras import execute_values

from sentra.projection.findings import Excess, Finding

NewId = Callable[[int], str]
"""Makes a UUIDv7 from the present instant."""

COUNTED_KINDS: Final = "('receipt', 'count', 'adjustment')"
"""Stock movements that make a product's level mean something."""

PRODUCTS_REMEMBERED_MAX: Final = 500_000
"""Ids of products in one process: 100,000 of a company's are some 12 MB."""

_KNOWN_PRODUCTS: Final = "SELECT id::text FROM product WHERE id = ANY(%s::uuid[])"
_NEGATIVE: Final = f"""
    SELECT product_id::text, sum(quantity_milli) FROM stock_level
    WHERE branch_id = %(branch)s AND product_id IN (
        SELECT product_id FROM stock_movement
        WHERE branch_id = %(branch)s AND product_id = ANY(%(products)s::uuid[])
            AND kind IN {COUNTED_KINDS})
    GROUP BY product_id HAVING sum(quantity_milli) < 0
"""  # noqa: S608 - constants only

# Step by step, each with the keys of the one before: in a branch that is new PostgreSQL knows
# nothing of its tables, and would go through all of one for each row of another.
_EXCESS: Final = """
    WITH refund AS MATERIALIZED (
        SELECT sale_id, original_sale_id FROM sale
        WHERE branch_id = %(branch)s AND original_sale_id = ANY(%(sales)s::uuid[])
    ), back AS MATERIALIZED (
        SELECT refund.original_sale_id AS sale_id, line.original_position AS position,
            -sum(line.quantity_milli) AS given_milli
        FROM refund JOIN sale_line line
        ON line.branch_id = %(branch)s AND line.sale_id = refund.sale_id
        GROUP BY 1, 2
    ), excess AS MATERIALIZED (
        SELECT back.*, sold.name, sold.quantity_milli FROM back JOIN sale_line sold
        ON sold.branch_id = %(branch)s AND sold.sale_id = back.sale_id
            AND sold.position = back.position
        WHERE back.given_milli > sold.quantity_milli
    )
    SELECT excess.sale_id::text, origin.receipt_number, position, name, quantity_milli, given_milli
    FROM excess JOIN sale origin
    ON origin.branch_id = %(branch)s AND origin.sale_id = excess.sale_id
    ORDER BY 1, 3
"""

_ALONE: Final = """
    SELECT pg_advisory_xact_lock(hashtextextended('sentra refunds ' || %s, 0))
"""
_BESIDE_OTHERS: Final = """
    SELECT pg_advisory_xact_lock_shared(hashtextextended('sentra refunds ' || %s, 0))
"""
_REFUNDED: Final = """
    SELECT DISTINCT original_sale_id::text FROM sale
    WHERE branch_id = %s AND original_sale_id BETWEEN %s AND %s
"""

_OPEN: Final = """
    INSERT INTO exception (branch_id, id, kind, severity, terminal_id, epoch, seq, params,
        dedup_key, opened_at_ms, resolved_at_ms)
    VALUES %s ON CONFLICT (branch_id, dedup_key) DO NOTHING RETURNING kind, resolved_at_ms
"""


class Products:
    """The products that one process has seen in the catalogue, from which none is ever removed."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def unknown(self, cursor: extensions.cursor, product_ids: Sequence[str]) -> set[str]:
        """Those of these that the back office never made."""
        asked = [product_id for product_id in product_ids if product_id not in self._known]
        if not asked:
            return set()
        cursor.execute(_KNOWN_PRODUCTS, (asked,))
        found = {product_id for (product_id,) in cursor}
        if len(self._known) > PRODUCTS_REMEMBERED_MAX:
            self._known.clear()
        self._known |= found
        return set(asked) - found


def negative_stock(
    cursor: extensions.cursor, branch_id: str, product_ids: Sequence[str]
) -> Mapping[str, int]:
    """Products of counted stock whose level is below zero now, in thousandths."""
    cursor.execute(_NEGATIVE, {"branch": branch_id, "products": list(product_ids)})
    return {product_id: int(level) for product_id, level in cursor}


def wait_for_refunds(cursor: extensions.cursor, branch_id: str) -> None:
    """To its end, this transaction is alone in its branch with what it has to do with refunds."""
    cursor.execute(_ALONE, (branch_id,))


def refunded(
    cursor: extensions.cursor, branch_id: str, sale_ids: Collection[str], *, gives_back: bool
) -> set[str]:
    """Those of these sales at which a refund points already.

    To its end, a transaction that has refunds too (`gives_back`) is alone in its branch: of a sale
    and its refunds that come at one moment, whoever looks later sees the others.
    """
    waiting = cursor.mogrify(_ALONE if gives_back else _BESIDE_OTHERS, (branch_id,))
    if not sale_ids:
        cursor.execute(waiting)
        return set()
    # Ids begin with the time, so these are the refunds of one stretch of it: few, or none.
    question = cursor.mogrify(_REFUNDED, (branch_id, min(sale_ids), max(sale_ids)))
    cursor.execute(b"; ".join((waiting, question)))
    return {sale_id for (sale_id,) in cursor}.intersection(sale_ids)


def excess_refunds(
    cursor: extensions.cursor, branch_id: str, sale_ids: Sequence[str]
) -> Sequence[Excess]:
    """The lines of these sales of which more came back than was sold."""
    cursor.execute(_EXCESS, {"branch": branch_id, "sales": list(sale_ids)})
    return [
        Excess(sale_id, receipt, position, name, int(sold), int(given))
        for sale_id, receipt, position, name, sold, given in cursor
    ]


def raise_findings(
    cursor: extensions.cursor,
    branch_id: str,
    findings: Sequence[Finding],
    now_ms: int,
    new_id: NewId,
) -> list[str]:
    """Open exceptions where there is none of the same key; the kinds that were opened."""
    # In one order for all requests, so that two that find the same never wait in a circle.
    once = {finding.dedup_key: finding for finding in findings}
    rows = [
        (
            branch_id,
            new_id(now_ms),
            one.kind,
            one.severity,
            one.terminal_id,
            one.epoch,
            one.seq,
            msgspec.json.encode(one.params).decode(),
            key,
            now_ms,
            now_ms if one.settled else None,
        )
        for key, one in sorted(once.items())
    ]
    opened = execute_values(cursor, _OPEN, rows, fetch=True)
    return [kind for kind, resolved_at_ms in opened if resolved_at_ms is None]
