"""How amounts, quantities, times and sizes read in the language of the request.

Templates never format by hand: `{{ sale.total|money(currency) }}`, `{{ at_ms|clock(zone) }}`.
Instants are UTC epoch milliseconds; a filter that shows a time of day takes the branch's zone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import wraps
from typing import Final

from babel import dates, numbers, units
from flask import Flask, current_app
from flask_babel import gettext
from jinja2 import pass_context
from jinja2.runtime import Context

from sentra.instants import Clock, at_local
from sentra.money import Currency
from sentra.money import currency as currency_of
from sentra.web.preferences import language

MINUS: Final = "\u2212"
NO_BREAK_SPACE: Final = "\u00a0"
NOTHING: Final = "–"
"""What stands where there is no value."""

CLOCK_EXTENSION: Final = "sentra-clock"
JUST_NOW_S: Final = 5
"""Below this an age reads "just now": the figure would change faster than people read."""

_LOCALES: Final = {"id": "id_ID", "en": "en_GB"}
_STEPS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_ENGLISH_UNITS: Final = {"day": "d", "hour": "h", "minute": "min", "second": "s"}
_SIZES: Final = ("B", "kB", "MB", "GB", "TB")


def locale_code() -> str:
    """The CLDR locale that the request's language is formatted by."""
    return _LOCALES[language()]


def number(value: int | float | Decimal | None, decimals: int = 0) -> str:
    """`12.345` or `12,345`, with a real minus sign; a dash for None."""
    if value is None:
        return NOTHING
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    text: str = numbers.format_decimal(_size(value), format=pattern, locale=locale_code())
    return MINUS + text if value < 0 else text


def _size(value: int | float | Decimal) -> float | Decimal:
    return -value if value < 0 else value


def percent(ratio: float | Decimal | None, decimals: int = 0, *, signed: bool = False) -> str:
    """A ratio as a percentage: 0.125 → `12,5%` with one decimal; `+12%` when signed."""
    if ratio is None:
        return NOTHING
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "") + "%"
    text: str = numbers.format_percent(_size(ratio), format=pattern, locale=locale_code())
    if ratio < 0:
        return MINUS + text
    return f"+{text}" if signed and ratio > 0 else text


def amount(minor: int | None, currency: Currency | str) -> str:
    """Minor units without the currency's sign: `47.260`, `12.50`."""
    if minor is None:
        return NOTHING
    kind = currency_of(currency) if isinstance(currency, str) else currency
    return number(Decimal(minor).scaleb(-kind.exponent), kind.exponent)


def money(minor: int | None, currency: Currency | str) -> str:
    """Minor units with the currency's sign: `Rp 47.260`, `£12.50`, `−Rp 1.440`."""
    if minor is None:
        return NOTHING
    kind = currency_of(currency) if isinstance(currency, str) else currency
    gap = NO_BREAK_SPACE if kind.symbol[-1].isalpha() else ""
    sign = MINUS if minor < 0 else ""
    return f"{sign}{kind.symbol}{gap}{amount(abs(minor), kind)}"


def quantity(milli: int | None) -> str:
    """Thousandths without needless zeros: `3`, `0,125`."""
    if milli is None:
        return NOTHING
    text: str = numbers.format_decimal(
        Decimal(abs(milli)).scaleb(-3), format="#,##0.###", locale=locale_code()
    )
    return MINUS + text if milli < 0 else text


def clock(at_ms: int | None, zone: str, *, seconds: bool = False) -> str:
    """The time of day in a branch's zone: `14.26`, `14:26:08`."""
    if at_ms is None:
        return NOTHING
    colon = ":" if language() == "en" else "."
    pattern = colon.join(("HH", "mm", "ss") if seconds else ("HH", "mm"))
    return str(dates.format_time(at_local(at_ms, zone), pattern, locale=locale_code()))


def day(value: str | int | None, zone: str | None = None, *, weekday: bool = False) -> str:
    """A day, `22 Nov 2026`: of ISO text, or of an instant in a zone."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        shown = date.fromisoformat(value)
    elif zone is not None:
        shown = at_local(value, zone).date()
    else:
        raise ValueError("The day of an instant needs a zone.")
    pattern = "EEE, d MMM y" if weekday else "d MMM y"
    return str(dates.format_date(shown, pattern, locale=locale_code()))


def moment(at_ms: int | None, zone: str, *, seconds: bool = False) -> str:
    """Day and time in a branch's zone: `22 Nov 2026 14.26`."""
    if at_ms is None:
        return NOTHING
    return f"{day(at_ms, zone)}{NO_BREAK_SPACE}{clock(at_ms, zone, seconds=seconds)}"


def duration(seconds: float | None, parts: int = 2) -> str:
    """A length of time in its two largest units: `12 menit`, `3 h 12 min`, `8 s`."""
    if seconds is None:
        return NOTHING
    left, shown = round(max(seconds, 0)), []
    for unit, size in _STEPS:
        count, left = divmod(left, size)
        if count:
            shown.append((unit, count))
        elif shown:
            break
    shown = shown[:parts] or [("second", 0)]
    return " ".join(_one_unit(unit, count) for unit, count in shown)


def _one_unit(unit: str, count: int) -> str:
    if language() == "en":  # CLDR's short English bends its units (hrs, secs); signs do not.
        return f"{count}{NO_BREAK_SPACE}{_ENGLISH_UNITS[unit]}"
    return str(units.format_unit(count, f"duration-{unit}", length="long", locale=locale_code()))


def ago(at_ms: int | None, now_ms: int | None = None) -> str:
    """How long since an instant: `12 menit lalu`. `now_ms` defaults to the app's clock."""
    if at_ms is None:
        return NOTHING
    now = current_app.extensions[CLOCK_EXTENSION]() if now_ms is None else now_ms
    age_s = (now - at_ms) / 1000
    if abs(age_s) < JUST_NOW_S:
        return str(gettext("just now"))
    text = duration(abs(age_s), parts=1)
    if age_s > 0:
        return str(gettext("%(duration)s ago", duration=text))
    return str(gettext("in %(duration)s", duration=text))


def skew(offset_ms: int | None) -> str:
    """A clock's offset with its sign: `+0,2 s`, `+3 min 12 s`."""
    if offset_ms is None:
        return NOTHING
    size_s = abs(offset_ms) / 1000
    sign = "" if round(size_s, 1) == 0 else MINUS if offset_ms < 0 else "+"
    return sign + (f"{number(size_s, 1)}{NO_BREAK_SPACE}s" if size_s < 60 else duration(size_s))


def short_hash(digest: bytes | str | None, length: int = 8) -> str:
    """The first hex digits of a hash, as a receipt shows them: `3f9a·17c2`."""
    if not digest:
        return NOTHING
    text = (digest.hex() if isinstance(digest, bytes) else digest)[:length]
    return "·".join(text[start : start + 4] for start in range(0, len(text), 4))


def size(count_bytes: int | None) -> str:
    """Bytes in the largest fitting decimal unit: `41 GB`, `1,4 MB`."""
    if count_bytes is None:
        return NOTHING
    value, unit = float(count_bytes), 0
    while value >= 1000 and unit < len(_SIZES) - 1:
        value, unit = value / 1000, unit + 1
    decimals = 1 if unit and value < 10 else 0
    return f"{number(value, decimals)}{NO_BREAK_SPACE}{_SIZES[unit]}"


def iso(at_ms: int, zone: str) -> str:
    """The machine's form of an instant, for `<time datetime>`."""
    return at_local(at_ms, zone).isoformat(timespec="seconds")


FILTERS: Final[dict[str, Callable[..., str]]] = {
    "number": number,
    "percent": percent,
    "amount": amount,
    "money": money,
    "quantity": quantity,
    "clock": clock,
    "day": day,
    "moment": moment,
    "duration": duration,
    "ago": ago,
    "skew": skew,
    "short_hash": short_hash,
    "size": size,
    "iso": iso,
}


def install_filters(app: Flask, clock_of_app: Clock) -> None:
    """Make the filters known to templates; `ago` counts from the clock given here."""
    app.extensions[CLOCK_EXTENSION] = clock_of_app
    app.jinja_env.filters.update({name: _per_request(made) for name, made in FILTERS.items()})


def _per_request(made: Callable[..., str]) -> Callable[..., str]:
    """Keep Jinja from computing a filter on a literal once for all: it depends on the language.

    Jinja folds constants through every filter but those that take the context.
    """

    @pass_context
    @wraps(made)
    def filtered(_context: Context, *arguments: object, **options: object) -> str:
        return made(*arguments, **options)

    return filtered
