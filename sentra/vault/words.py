"""The words that products are found by: only ever added to, and now and then gathered anew.

FTS5 pays for what is deleted from it at some later commit, all at once: after a new price list of
other names one commit took almost a second. So a row that goes leaves its words here. They find
nothing, since no row's number comes twice. Where no fewer rows went than are here, the index is
built anew beside the present one, a portion at a time, and takes its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from sentra.vault.driver import Connection
from sentra.vault.room import Room, go_on

PRODUCTS_AT_ONCE: Final = 1_000
"""Products whose words go to the new index in one transaction: some 20 ms."""

GONE_MIN: Final = 1_000
"""Words of fewer products that are gone cost a search nothing."""

WORD: Final = re.compile(r"\w+")

_NEXT: Final = """
CREATE VIRTUAL TABLE IF NOT EXISTS product_words_next USING fts5(
    words, content='', contentless_delete=1, detail='none',
    tokenize="unicode61 remove_diacritics 2", prefix='2 3'
)
"""


def fold(text: str) -> str:
    """The text without case and accents, as it is compared."""
    if text.isascii():
        return text.casefold()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def index_words(db: Connection, texts: Sequence[tuple[int, str, str]]) -> None:
    """Makes (number, name, code) findable by the product's number.

    A code is found by its beginning only: each is a word of its own, and nobody types one from
    memory with a letter wrong.
    """
    folded = [(number, fold(name), fold(code)) for number, name, code in texts]
    db.executemany(
        "INSERT INTO product_words (rowid, words) VALUES (?, ?)",
        [(number, f"{name} {code}") for number, name, code in folded],
    )
    words = {word for _, name, _ in folded for word in WORD.findall(name)}
    db.executemany(
        "INSERT OR IGNORE INTO word (word, length) VALUES (?, ?)",
        [(word, len(word)) for word in words],
    )


def note_gone(db: Connection, count: int) -> None:
    """So many rows went, and left their words."""
    if count:
        db.execute("UPDATE catalogue SET words_gone = words_gone + ?", (count,))


def renew(room: Room, give_way: Callable[[], None] = go_on) -> None:
    """Builds the index anew where much of it finds nothing, in short transactions.

    A power cut leaves a part of the next index, which is gone on with; meanwhile the present one
    serves.
    """
    with room.reader() as db:
        if not _is_due(db):
            return
    is_whole = False
    while not is_whole:
        with room.writer() as db:
            is_whole = _go_on_building(db)
        give_way()


def _is_due(db: Connection) -> bool:
    gone = db.execute("SELECT words_gone FROM catalogue").fetchone()[0]
    if gone < GONE_MIN:
        return False
    query = "SELECT 1 FROM product_row LIMIT 1 OFFSET ?"
    return db.execute(query, (gone,)).fetchone() is None


def _go_on_building(db: Connection) -> bool:
    """Adds the next portion; whether it was the last, and the new index took the old one's place.
    Rows behind it are added too: what is staged by then has its words in the old one."""
    db.execute(_NEXT)
    rows = db.execute(
        "SELECT number, name, code FROM product_row WHERE active AND number > coalesce("
        "(SELECT rowid FROM product_words_next ORDER BY rowid DESC LIMIT 1), 0)"
        " ORDER BY number LIMIT ?",
        (PRODUCTS_AT_ONCE,),
    ).fetchall()
    db.executemany(
        "INSERT INTO product_words_next (rowid, words) VALUES (?, ?)",
        [(number, f"{fold(name)} {fold(code)}") for number, name, code in rows],
    )
    if len(rows) == PRODUCTS_AT_ONCE:
        return False
    db.execute("DROP TABLE product_words")
    db.execute("ALTER TABLE product_words_next RENAME TO product_words")
    db.execute("UPDATE catalogue SET words_gone = 0")
    return True
