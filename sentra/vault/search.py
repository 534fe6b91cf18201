"""Finding a product while someone types: by word beginnings, by parts of words, despite typos."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec
from rapidfuzz import fuzz, utils

from sentra.events import Product
from sentra.vault.driver import Connection

TEXT_LENGTH_MAX: Final = 64
"""Longer input is no name that anybody types; it may be a code scanned twice."""

_CANDIDATES_MAX: Final = 200
"""Products looked at closely for one search: ranking more takes longer than a key press."""

_LIKENESS_MIN: Final = 62.0
"""Of 100; below it, what is found for a mistyped word looks arbitrary to people."""

_TRIGRAM: Final = 3
_TRIGRAMS_MAX: Final = 12
_ENOUGH: Final = 3
"""With this many good results nobody mistyped: the fuzzy look is saved."""

_WORD: Final = re.compile(r"\w+")
_PRODUCT: Final = msgspec.json.Decoder(Product)


def search(db: Connection, text: str, limit: int = 24) -> list[Product]:
    """Products on sale for what was typed so far, best first; empty for nothing typed.

    Whole barcodes and codes come first, then names whose words begin as typed, then names that
    hold it anywhere, then names that are like it.
    """
    wanted = " ".join(text.split())[:TEXT_LENGTH_MAX]
    if not wanted:
        return []
    numbers: dict[int, None] = dict.fromkeys(_exact(db, wanted))
    numbers.update(dict.fromkeys(_by_beginnings(db, wanted)))
    if len(numbers) < limit:
        numbers.update(dict.fromkeys(_by_parts(db, wanted)))
    if len(numbers) >= _ENOUGH:
        return _products(db, list(numbers)[:limit])
    likely = _products(db, [n for n in _by_likeness(db, wanted) if n not in numbers])
    alike = _most_alike(wanted, likely)
    return (_products(db, list(numbers)) + alike)[:limit]


def _exact(db: Connection, text: str) -> list[int]:
    rows = db.execute(
        "SELECT b.number FROM barcode b JOIN product p ON p.number = b.number"
        " WHERE b.barcode = ?1 AND p.active"
        " UNION SELECT number FROM product WHERE code = ?1 COLLATE NOCASE AND active LIMIT 24",
        (text,),
    )
    return [number for (number,) in rows]


def _by_beginnings(db: Connection, text: str) -> list[int]:
    words = _WORD.findall(text)
    if not words:
        return []
    # Names that begin with it come first and cost one index range, however common the letters.
    starts = [
        number
        for (number,) in db.execute(
            "SELECT number FROM product WHERE name >= ?1 COLLATE NOCASE"
            " AND name < ?2 COLLATE NOCASE AND active ORDER BY name COLLATE NOCASE LIMIT 48",
            (text, text + "\U0010ffff"),
        )
    ]
    match = " ".join(f'"{word}"*' for word in words)
    return starts + _match(db, "product_words", match)


def _by_parts(db: Connection, text: str) -> list[int]:
    words = [word for word in text.split() if len(word) >= _TRIGRAM]
    if not words or len(words) < len(text.split()):
        return []
    # The index keeps no positions, so a part is looked up as all of its trigrams and then checked.
    match = " AND ".join(_quoted(gram) for word in words for gram in _trigrams(word))
    found = _match(db, "product_trigrams", match)
    folded = [word.casefold() for word in words]
    return [
        number
        for number, name, code in _names(db, found)
        if all(word in f"{name} {code}".casefold() for word in folded)
    ]


def _by_likeness(db: Connection, text: str) -> list[int]:
    grams = list(dict.fromkeys(_trigrams(text.casefold())))
    if not grams:
        return []
    match = " OR ".join(_quoted(gram) for gram in grams[:_TRIGRAMS_MAX])
    return _match(db, "product_trigrams", match, ranked=True)


def _most_alike(wanted: str, products: list[Product]) -> list[Product]:
    scored = [
        (fuzz.WRatio(wanted, product.name, processor=utils.default_process), product)
        for product in products
    ]
    likely = [(score, product) for score, product in scored if score >= _LIKENESS_MIN]
    return [product for _, product in sorted(likely, key=lambda pair: -pair[0])]


def _match(db: Connection, index: str, match: str, *, ranked: bool = False) -> list[int]:
    order = " ORDER BY rank" if ranked else ""
    rows = db.execute(
        f"SELECT rowid FROM {index} WHERE {index} MATCH ?{order} LIMIT ?",  # noqa: S608
        (match, _CANDIDATES_MAX),
    )
    return [number for (number,) in rows]


def _names(db: Connection, numbers: list[int]) -> Iterable[tuple[int, str, str]]:
    marks = ",".join("?" for _ in numbers)
    query = f"SELECT number, name, code FROM product WHERE number IN ({marks})"  # noqa: S608
    return db.execute(query, numbers)


def _products(db: Connection, numbers: list[int]) -> list[Product]:
    """In the order of their numbers as given."""
    marks = ",".join("?" for _ in numbers)
    query = f"SELECT number, body FROM product WHERE number IN ({marks})"  # noqa: S608
    bodies = dict(db.execute(query, numbers).fetchall())
    return [_PRODUCT.decode(bodies[number]) for number in numbers if number in bodies]


def _trigrams(text: str) -> list[str]:
    return [text[i : i + _TRIGRAM] for i in range(len(text) - _TRIGRAM + 1)]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
