"""Knocks at every door of a program with what nobody would send: no answer may be a 500."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

ROOT: Final = Path(__file__).resolve().parents[2]
_READ: Final = re.compile(r"""(?:args|form|files)(?:\.get(?:list)?\(|\[)["'](\w+)["']""")

ODD: Final = (
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "NaN",
    "9" * 30,
    "-" + "9" * 19,
    "٣",
    "1.234,56",
    "\x00",
    "a\x00b",
    "a" * 4_000,
    "😀" * 40,
    "\udcff".encode("utf-8", "surrogatepass").decode("latin-1"),
    "' OR 1=1 --",
    "%(name)s",
    "{{ 7 * 7 }}",
    "<script>",
    "../../../etc/passwd",
    "[]",
    "null",
    "true",
    "2026-02-30",
    "9999-12-31",
    "00000000-0000-7000-8000-000000000000",
)
"""Nothing, numbers that no column holds, characters that a database refuses, and hostile words."""

_HEADERS: Final = (
    ("HX-Request", "true"),
    ("HX-Target", "x" * 500),
    ("Accept", "application/json;q=9, */*;;"),
    ("Accept-Language", "xx-" * 60),
    ("Range", "bytes=5-1,9-"),
    ("If-None-Match", '"'),
    ("If-Modified-Since", "yesterday"),
    ("Content-Type", "multipart/form-data"),
    ("Content-Type", "application/json; charset=klingon"),
    ("Cookie", "session=%00; a==;;"),
    ("Last-Event-ID", "-1"),
    ("X-Forwarded-For", "not an address"),
)


@dataclass(frozen=True, slots=True)
class Knock:
    """One request; `options` as a Flask client takes them."""

    method: str
    target: str
    options: dict[str, Any]


def fields_of(*programs: str) -> tuple[str, ...]:
    """The names of fields and parameters that a program's code reads."""
    found: set[str] = set()
    for program in programs:
        for path in (ROOT / program).rglob("*.py"):
            found |= set(_READ.findall(path.read_text(encoding="utf-8")))
    return tuple(sorted(found))


def knocks(
    app: Flask,
    fields: Sequence[str],
    true_values: Sequence[str],
    *,
    each: int,
    seed: int,
    leave_out: Callable[[Rule], bool] = lambda _rule: False,
) -> Iterator[Knock]:
    """`each` requests to each rule and method; some values are true ones, so that doors open."""
    dice = random.Random(seed)
    values = (*ODD, *true_values, *true_values)
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: (one.rule, one.endpoint)):
        if rule.endpoint == "static" or leave_out(rule):
            continue
        for method in sorted({"GET", "POST"} & (rule.methods or set())):
            for _ in range(each):
                yield _knock(dice, rule, method, fields, values)


def _knock(
    dice: random.Random, rule: Rule, method: str, fields: Sequence[str], values: Sequence[str]
) -> Knock:
    path = re.sub(r"<[^>]*>", lambda _: quote(dice.choice(values)[:400] or "-", safe=""), rule.rule)
    names = dice.sample(fields, min(len(fields), dice.randint(0, 12)))
    query = "&".join(f"{quote(n)}={quote(dice.choice(values)[:300])}" for n in names[:4])
    options: dict[str, Any] = {}
    if dice.random() < 1 / 3:
        options["headers"] = [dice.choice(_HEADERS)]
    if method == "POST":
        if dice.random() < 1 / 4:
            options["data"] = dice.randbytes(dice.randint(0, 200))
        else:
            form = [
                (name, dice.choice(values)) for name in names for _ in range(dice.randint(1, 2))
            ]
            options["data"] = MultiDict(form)
    return Knock(method, f"{path}?{query}" if dice.random() < 2 / 3 else path, options)


def assert_held(knock: Knock, answer: TestResponse) -> None:
    """No traceback and no 500; 503 says that a retry helps."""
    assert answer.status_code < 500 or answer.status_code == 503, (knock, answer.text[:2_000])
    assert b"Traceback" not in answer.data
    answer.close()


def signed_noise(app: Flask, *, each: int, seed: int) -> Iterator[Knock]:
    """Requests of the protocol with odd parameters and noise for a body, for a device to sign."""
    dice = random.Random(seed)
    rules = sorted({one.rule for one in app.url_map.iter_rules() if one.rule.startswith("/v1/")})
    names = ("scope", "after", "epoch", "revision", "terminal")
    for rule in rules:
        for method in ("GET", "POST"):
            for _ in range(each):
                given = dice.sample(names, dice.randint(0, 3))
                query = "&".join(f"{n}={quote(dice.choice(ODD)[:300])}" for n in given)
                body = dice.choice((b"", b"{}", b"SNV1\x00\x01", b"[" * 2_000, dice.randbytes(60)))
                options: dict[str, Any] = {"data": body, "headers": [dice.choice(_HEADERS)]}
                yield Knock(method, f"{rule}?{query}" if query else rule, options)
