"""A feed that is read anew: what it said before holds until it is said again, or the end comes."""

from __future__ import annotations

from sentra.vault.driver import Connection

Key = tuple[str, str]


def restart_number(db: Connection, scope: str) -> int:
    """How often the scope's feed was read anew."""
    row = db.execute("SELECT number FROM feed_restart WHERE scope = ?", (scope,)).fetchone()
    return int(row[0]) if row else 0


def open_restart(db: Connection, scope: str) -> int:
    """The number of the restart under way; 0 for none."""
    query = "SELECT number FROM feed_restart WHERE scope = ? AND open"
    row = db.execute(query, (scope,)).fetchone()
    return int(row[0]) if row else 0


def begin_restart(db: Connection, scope: str) -> None:
    """What the scope said until now holds until it is said anew, or `close_restart`."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM product WHERE scope = ?1)"
        " OR EXISTS (SELECT 1 FROM decision WHERE scope = ?1)"
    )
    says_anything = db.execute(query, (scope,)).fetchone()[0]
    row = (scope, restart_number(db, scope) + 1, says_anything)
    db.execute("INSERT OR REPLACE INTO feed_restart (scope, number, open) VALUES (?, ?, ?)", row)


def close_restart(db: Connection, scope: str) -> None:
    """Everything that holds was said anew; inside the transaction that makes it so."""
    db.execute("UPDATE feed_restart SET open = 0 WHERE scope = ? AND open", (scope,))


def keys_of(db: Connection, scope: str) -> set[Key]:
    """What a scope says."""
    return _keys_before(db, scope, restart_number(db, scope) + 1)


def keys_unsaid(db: Connection, scope: str) -> set[Key]:
    """What a scope said before the restart under way, and not yet anew."""
    return _keys_before(db, scope, open_restart(db, scope))


def _keys_before(db: Connection, scope: str, restart: int) -> set[Key]:
    return set(
        db.execute(
            "SELECT kind, key FROM decision WHERE scope = ?1 AND said < ?2"
            " UNION ALL SELECT 'product', product_id FROM product WHERE scope = ?1 AND said < ?2",
            (scope, restart),
        )
    )
