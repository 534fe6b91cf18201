"""When a journal may be forgotten here: by words that the cloud signed, and how old they are.

An entry goes only when the cloud signed that it is *archived*, and signed something else a whole
window later: the database can be restored to any moment within its window, and must find again what
it lacks then. A router's word counts for nothing, and neither does this machine's clock alone: it
can only delay. Of both clocks the one that has moved less since is believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.messages import Watermark, watermark_is_true
from sentra.vault.driver import Connection

DAY_MS: Final = 24 * 60 * 60 * 1000
WINDOW_DAYS_DEFAULT: Final = 35
"""How far back the cloud's database can be restored."""

SPACING_MS: Final = DAY_MS // 2
"""Between two words that are remembered: two a day are enough to count days by."""

ARCHIVED: Final = "archived"
CLOUD: Final = "cloud"


def true_marks(
    marks: Iterable[Watermark | None], terminal: str, cloud_key: Ed25519PublicKey
) -> dict[str, Watermark]:
    """Those that the cloud signed for this terminal, by their names."""
    return {
        mark.name: mark
        for mark in marks
        if mark is not None
        and mark.terminal == terminal
        and mark.name in (ARCHIVED, CLOUD)
        and watermark_is_true(mark, cloud_key)
    }


def remember(db: Connection, terminal: str, mark: Watermark | None, now_ms: int) -> None:
    """Keeps the true word on what is archived now, with the time at which it was heard.

    What goes beyond it was said before the cloud was restored, and counts no more. Inside
    `writer()`.
    """
    head = EMPTY if mark is None else mark.head.to_head()
    place = (terminal, head.epoch, head.seq)
    db.execute("DELETE FROM archived_mark WHERE terminal = ? AND (epoch, seq) > (?, ?)", place)
    if mark is None:
        return
    last = db.execute(
        "SELECT max(at_ms), max(noted_at_ms) FROM archived_mark WHERE terminal = ?", (terminal,)
    ).fetchone()
    if last[0] is not None and mark.at_ms - last[0] < SPACING_MS:
        return
    db.execute(
        "INSERT OR IGNORE INTO archived_mark (terminal, epoch, seq, hash, at_ms, noted_at_ms)"
        " VALUES (?,?,?,?,?,?)",
        (*place, head.hash, mark.at_ms, now_ms),
    )


def is_news(db: Connection, terminal: str, mark: Watermark | None) -> bool:
    """Whether `remember` would write anything."""
    head = EMPTY if mark is None else mark.head.to_head()
    last, beyond, same = db.execute(
        "SELECT max(at_ms), max((epoch, seq) > (?2, ?3)), max((epoch, seq) = (?2, ?3))"
        " FROM archived_mark WHERE terminal = ?1",
        (terminal, head.epoch, head.seq),
    ).fetchone()
    if beyond:
        return True
    # Of a journal that stands still the first word is kept: it is the older evidence.
    is_due = last is None or (mark is not None and mark.at_ms - last >= SPACING_MS)
    return mark is not None and is_due and not same


def may_go(
    db: Connection,
    terminal: str,
    marks: dict[str, Watermark],
    newest_signed_at_ms: int,
    window_ms: int,
    now_ms: int,
) -> Head:
    """Up to where entries may be dropped; EMPTY: none. `marks` are the true ones of now."""
    if ARCHIVED not in marks or CLOUD not in marks:
        return EMPTY
    row = db.execute(
        "SELECT epoch, seq, hash FROM archived_mark WHERE terminal = ? AND at_ms <= ?"
        " AND noted_at_ms <= ? ORDER BY epoch DESC, seq DESC LIMIT 1",
        (terminal, newest_signed_at_ms - window_ms, now_ms - window_ms),
    ).fetchone()
    heads = [mark.head.to_head() for mark in marks.values()]
    return EMPTY if row is None else min([Head(*row), *heads], key=lambda one: (one.epoch, one.seq))


def forget_before(db: Connection, terminal: str, base: Head) -> None:
    """Words on what is dropped already are not needed any more. Inside `writer()`."""
    db.execute(
        "DELETE FROM archived_mark WHERE terminal = ? AND (epoch, seq) <= (?, ?)",
        (terminal, base.epoch, base.seq),
    )
