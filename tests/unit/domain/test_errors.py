"""Every refusal is a sentence, in the reader's language, with amounts written as money."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

from sentra import domain
from sentra.domain.errors import DomainError
from sentra.domain.payment import NotEnough
from sentra.domain.permission import NotAllowed, Permission


def refusals() -> Iterator[type[DomainError]]:
    """All members of the family, in every module of the domain."""
    for module in pkgutil.iter_modules(domain.__path__):
        importlib.import_module(f"sentra.domain.{module.name}")
    waiting: list[type[DomainError]] = [DomainError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.sentence != DomainError.sentence:
            yield kind


ALL = sorted(refusals(), key=lambda kind: kind.__name__)


def test_codes_are_each_used_once() -> None:
    codes = [kind.code for kind in ALL]
    assert len(codes) == len(set(codes)) > 20


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_refusal_is_a_sentence_and_names_its_amounts(kind: type[DomainError]) -> None:
    assert re.fullmatch(r"[A-Z“%].*\.", kind.sentence)
    placeholders = set(re.findall(r"%\((\w+)\)s", kind.sentence))
    assert set(kind.amounts) <= placeholders


def test_amounts_are_written_as_money_by_whoever_tells() -> None:
    told = NotEnough(missing=17_230).told(money=lambda amount: f"Rp {amount:,}".replace(",", "."))
    assert "Rp 17.230" in told


def test_a_refused_permission_is_told_in_the_readers_language() -> None:
    indonesian = {
        NotAllowed.sentence: "Anda tidak boleh melakukan ini: %(permission)s.",
        "Sell and take payment": "Menjual dan menerima pembayaran",
    }
    refused = NotAllowed(permission=Permission.SALE_COMPLETE.about)
    assert refused.told(lambda text: indonesian[text]).endswith("Menjual dan menerima pembayaran.")
