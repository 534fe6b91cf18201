"""The languages: which one serves whom, and what comes back without a translation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sentra import i18n


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("id", "id"),
        ("en", "en"),
        ("en-GB", "en"),
        ("id_ID.UTF-8", "id"),
        ("EN", "en"),
        ("fr", "id"),
        ("", "id"),
        (None, "id"),
    ],
)
def test_a_wish_is_served_by_the_nearest_language(asked: str | None, served: str) -> None:
    assert i18n.supported(asked) == served


def test_the_process_speaks_indonesian_unless_told_otherwise() -> None:
    assert i18n.language({}) == "id"
    assert i18n.language({"SENTRA_LANGUAGE": "en"}) == "en"


@pytest.fixture
def two_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "id"
    folder.mkdir()
    header = 'msgid ""\nmsgstr "Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
    (folder / "a.po").write_text(
        header + 'msgid "Pay %(amount)s"\nmsgstr "Bayar %(amount)s"\n', encoding="utf-8"
    )
    (folder / "b.po").write_text(
        header + 'msgid "%(num)s item"\nmsgid_plural "%(num)s items"\nmsgstr[0] "%(num)s barang"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(i18n, "TRANSLATIONS", tmp_path)
    i18n.translations.cache_clear()
    yield
    i18n.translations.cache_clear()


@pytest.mark.usefixtures("two_programs")
def test_the_files_of_all_programs_are_read_as_one() -> None:
    known = i18n.translations("id")
    assert known.gettext("Pay %(amount)s") == "Bayar %(amount)s"
    assert [known.ngettext("%(num)s item", "%(num)s items", n) for n in (1, 2)] == [
        "%(num)s barang"
    ] * 2


@pytest.mark.usefixtures("two_programs")
def test_a_text_without_a_translation_is_said_in_english() -> None:
    assert i18n.translate("id")("Refund") == "Refund"
    assert i18n.translate("en")("Pay %(amount)s") == "Pay %(amount)s"


@pytest.mark.usefixtures("two_programs")
def test_a_sentence_is_filled_in_after_it_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRA_LANGUAGE", "id")
    assert i18n.say("Pay %(amount)s", amount="Rp 4.500") == "Bayar Rp 4.500"
    monkeypatch.setenv("SENTRA_LANGUAGE", "en")
    assert i18n.say("Pay %(amount)s", amount="Rp 4,500") == "Pay Rp 4,500"
