"""How figures read: by the reader's language, never by the one who came first."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.present import NOW_MS

NBSP = "\u00a0"


def said(client: FlaskClient, template: str, language: str) -> str:
    return client.get(f"/say?lang={language}&template={quote(template)}").text


@pytest.mark.parametrize(
    ("template", "indonesian", "english"),
    [
        ("{{ 47260|money('IDR') }}", f"Rp{NBSP}47.260", f"Rp{NBSP}47,260"),
        ("{{ value|money('IDR') }}", f"−Rp{NBSP}47.260", f"−Rp{NBSP}47,260"),
        ("{{ 123456|money('GBP') }}", "£1.234,56", "£1,234.56"),
        ("{{ 123450|amount('GBP') }}", "1.234,50", "1,234.50"),
        ("{{ none|money('IDR') }}", "–", "–"),
        ("{{ 3000|quantity }} {{ -1500|quantity }}", "3 −1,5", "3 −1.5"),
        ("{{ 125|quantity }}", "0,125", "0.125"),
        ("{{ 1234567|number }}", "1.234.567", "1,234,567"),
        ("{{ 0.124|percent(1, signed=true) }}", "+12,4%", "+12.4%"),
        ("{{ -0.031|percent(1, signed=true) }}", "−3,1%", "−3.1%"),
        ("{{ '2026-11-22'|day }}", "22 Nov 2026", "22 Nov 2026"),
        ("{{ '2026-08-17'|day(weekday=true) }}", "Sen, 17 Agu 2026", "Mon, 17 Aug 2026"),
        ("{{ 720|duration }}", "12 menit", f"12{NBSP}min"),
        ("{{ 11520|duration }}", "3 jam 12 menit", f"3{NBSP}h 12{NBSP}min"),
        ("{{ 0|duration }}", "0 detik", f"0{NBSP}s"),
        ("{{ 40|skew }} {{ -40|skew }}", f"0,0{NBSP}s 0,0{NBSP}s",
         f"0.0{NBSP}s 0.0{NBSP}s"),
        ("{{ 200|skew }} {{ -192000|skew }}", f"+0,2{NBSP}s −3 menit 12 detik",
         f"+0.2{NBSP}s −3{NBSP}min 12{NBSP}s"),
        ("{{ 41000000000|size }} {{ 1400000|size }}", f"41{NBSP}GB 1,4{NBSP}MB",
         f"41{NBSP}GB 1.4{NBSP}MB"),
        ("{{ '3f9a17c2ffff'|short_hash }}", "3f9a·17c2", "3f9a·17c2"),
    ],
)  # fmt: skip
def test_a_figure_reads_as_its_language_writes_it(
    client: FlaskClient, template: str, indonesian: str, english: str
) -> None:
    assert said(client, template, "id") == indonesian
    assert said(client, template, "en") == english


def test_a_time_of_day_is_that_of_the_branch(client: FlaskClient) -> None:
    in_two_zones = f"{{{{ {NOW_MS}|clock('WIB') }}}} {{{{ {NOW_MS}|clock('WIT') }}}}"
    western, eastern = said(client, in_two_zones, "en").split()
    assert int(eastern[:2]) - int(western[:2]) == 2
    assert western[2] == ":"
    assert said(client, in_two_zones, "id")[2] == "."


@pytest.mark.parametrize(
    ("age_ms", "indonesian", "english"),
    [
        (1_000, "baru saja", "just now"),
        (12 * 60_000, "12 menit lalu", f"12{NBSP}min ago"),
        (26 * 3_600_000, "1 hari lalu", f"1{NBSP}d ago"),
        (-3_600_000, "1 jam lagi", f"in 1{NBSP}h"),
    ],
)
def test_an_age_counts_from_the_clock_of_the_app(
    client: FlaskClient, age_ms: int, indonesian: str, english: str
) -> None:
    template = f"{{{{ {NOW_MS - age_ms}|ago }}}}"
    assert said(client, template, "id") == indonesian
    assert said(client, template, "en") == english


def test_a_literal_in_a_template_is_not_frozen_in_the_first_readers_language(
    client: FlaskClient,
) -> None:
    assert f"Rp{NBSP}47.260" in client.get("/gallery/till?lang=id").text
    assert f"Rp{NBSP}47,260" in client.get("/gallery/till?lang=en").text
