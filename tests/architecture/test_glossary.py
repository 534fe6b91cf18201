"""Each term once, with the word that Indonesian screens show; every fact is among them."""

from __future__ import annotations

import re

from sentra.events import FACTS
from tests.architecture.sources import ROOT

ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, str]]:
    """(term, Indonesian, meaning) of the glossary, without the heads of its tables."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    return [row for row in ROW.findall(text) if row[1] != "Indonesian"]


def test_each_term_stands_once() -> None:
    terms = [term.lower() for term, _, _ in rows()]
    assert len(terms) > 40
    twice = {term for term in terms if terms.count(term) > 1}
    assert not twice, f"one meaning each: {', '.join(sorted(twice))}"


def test_each_term_has_its_indonesian_word_and_a_meaning() -> None:
    bare = [term for term, word, meaning in rows() if not word.strip() or not meaning.strip()]
    assert not bare


def test_two_terms_never_share_an_indonesian_word() -> None:
    words = [word.lower() for _, word, _ in rows()]
    twice = {word for word in words if words.count(word) > 1}
    assert not twice, f"a person could not tell them apart: {', '.join(sorted(twice))}"


def test_every_fact_is_explained() -> None:
    terms = {term for term, _, _ in rows()}
    absent = {fact.__name__ for fact in FACTS.values()} - terms
    assert not absent, f"add to docs/glossary.md: {', '.join(sorted(absent))}"
