"""Finding a product while someone types: by word beginnings, by parts of words, despite typos.

Parts and typos are looked up in the list of all words, which is some thirty times shorter than
the list of products, and only then the products that have these words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from rapidfuzz import fuzz, process

from sentra.events import Product
from sentra.vault.driver import Connection
from sentra.vault.words import WORD, fold

TEXT_LENGTH_MAX: Final = 64
"""Longer input is no name that anybody types; it may be a code scanned twice."""

_WORDS_MAX: Final = 6
"""Words of the input that are looked at; more only cost time."""

_CANDIDATES_MAX: Final = 100
"""Products taken from one index for one search: people look at the first dozen."""

_ALTERNATIVES_MAX: Final = 12
"""Words that one typed word may stand for."""

_PART_LENGTH_MIN: Final = 3
_TYPO_LENGTH_MIN: Final = 4
"""Shorter words are like too many others."""

_TYPO_LENGTH_DIFFERENCE: Final = 2
_LIKENESS_MIN: Final = 72.0
"""Of 100; below it, what is found for a mistyped word looks arbitrary to people."""

_PRODUCT: Final = msgspec.json.Decoder(Product)


def search(db: Connection, text: str, limit: int = 24) -> list[Product]:
    """Products on sale for what was typed so far, best first; empty for nothing typed.

    Whole barcodes and codes come first, then names that begin as typed, then those whose words
    do, then those that hold it anywhere, then those that are like it.
    """
    wanted = " ".join(text.replace("\x00", " ").split())[:TEXT_LENGTH_MAX]
    words = WORD.findall(fold(wanted))[:_WORDS_MAX]
    numbers: dict[int, None] = dict.fromkeys(_exact(db, wanted)) if wanted else {}
    if words:
        numbers.update(dict.fromkeys(_by_name(db, wanted)))
    if words and len(numbers) < limit:
        numbers.update(dict.fromkeys(_match(db, [[f'"{word}"*'] for word in words])))
    if words and len(numbers) < limit:
        numbers.update(dict.fromkeys(_by_parts(db, words)))
    if words and not numbers:
        numbers.update(dict.fromkeys(_by_likeness(db, words)))
    return _products(db, list(numbers)[:limit])


def _exact(db: Connection, text: str) -> list[int]:
    rows = db.execute(
        "SELECT b.number FROM barcode b JOIN product p ON p.number = b.number"
        " WHERE b.barcode = ?1 AND p.active"
        " UNION SELECT number FROM product WHERE code = ?1 COLLATE NOCASE AND active LIMIT 24",
        (text,),
    )
    return [number for (number,) in rows]


def _by_name(db: Connection, text: str) -> list[int]:
    """One range of an index, however common the letters."""
    rows = db.execute(
        "SELECT number FROM product WHERE name >= ?1 COLLATE NOCASE"
        " AND name < ?2 COLLATE NOCASE AND active ORDER BY name COLLATE NOCASE LIMIT ?3",
        (text, text + "\U0010ffff", _CANDIDATES_MAX),
    )
    return [number for (number,) in rows]


def _by_parts(db: Connection, words: Sequence[str]) -> list[int]:
    if min(map(len, words)) < _PART_LENGTH_MIN:
        return []
    choices = [_holding(db, word) for word in words]
    return _match(db, choices) if all(choices) else []


def _holding(db: Connection, part: str) -> list[str]:
    """Words that hold the part somewhere, the shortest first."""
    rows = db.execute(
        "SELECT word FROM word WHERE instr(word, ?) ORDER BY length LIMIT ?",
        (part, _ALTERNATIVES_MAX),
    )
    return [f'"{word}"' for (word,) in rows]


def _by_likeness(db: Connection, words: Sequence[str]) -> list[int]:
    choices = [_beginning(db, word) + _like(db, word) for word in words]
    return _match(db, choices) if all(choices) else []


def _beginning(db: Connection, word: str) -> list[str]:
    rows = db.execute(
        "SELECT 1 FROM word WHERE word >= ? AND word < ? LIMIT 1", (word, word + "\U0010ffff")
    )
    return [f'"{word}"*'] if rows.fetchone() else []


def _like(db: Connection, word: str) -> list[str]:
    """Words that may be meant by a mistyped one, the likest first."""
    if len(word) < _TYPO_LENGTH_MIN:
        return []
    shortest, longest = len(word) - _TYPO_LENGTH_DIFFERENCE, len(word) + _TYPO_LENGTH_DIFFERENCE
    rows = db.execute("SELECT word FROM word WHERE length BETWEEN ? AND ?", (shortest, longest))
    near = process.extract(
        word,
        [known for (known,) in rows],
        scorer=fuzz.ratio,
        limit=_ALTERNATIVES_MAX,
        score_cutoff=_LIKENESS_MIN,
    )
    return [f'"{known}"' for known, _, _ in near]


def _match(db: Connection, choices: Sequence[Sequence[str]]) -> list[int]:
    """Products that have, for each word, one of its choices."""
    match = " AND ".join("(" + " OR ".join(alternatives) + ")" for alternatives in choices)
    # Words of rows that are staged, about to be swept, or gone are no candidates.
    rows = db.execute(
        "SELECT rowid FROM product_words WHERE product_words MATCH ?"
        " AND EXISTS (SELECT 1 FROM product p WHERE p.number = product_words.rowid) LIMIT ?",
        (match, _CANDIDATES_MAX),
    )
    return [number for (number,) in rows]


def _products(db: Connection, numbers: list[int]) -> list[Product]:
    """In the order of their numbers as given."""
    marks = ",".join("?" for _ in numbers)
    query = f"SELECT number, body FROM product WHERE number IN ({marks})"  # noqa: S608
    bodies = dict(db.execute(query, numbers).fetchall())
    return [_PRODUCT.decode(bodies[number]) for number in numbers if number in bodies]
