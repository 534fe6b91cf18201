"""Indonesian taxes as the data that a new company starts with; the back office may change them.

Sources:
- PPN 10 %: UU 8/1983 article 7; 11 % from 2022-04-01 and the way to 12 %: UU 7/2021 article 7 (1).
- PPN 12 % on 11/12 of the price, and on the full price for luxury goods: PMK 131/2024 articles 2
  and 3, from 2025-01-01; luxury goods sold to consumers stayed on 11/12 through January 2025,
  article 5.
- PBJT on food and drink, at most 10 % by local regulation, in place of PPN: UU 1/2022 (HKPD)
  articles 50 to 58, before that as Pajak Restoran UU 28/2009 articles 37 to 40 from 2010-01-01;
  the base is what the customer pays, service charge and all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sentra.events import Tax

PPN: Final = "PPN"
PPN_LUXURY: Final = "PPN-MEWAH"
PBJT: Final = "PBJT"

# code, label, rate in permyriad, base numerator, base denominator, valid from, valid to
_RATES: Final = (
    (PPN, "PPN 10 %", 1000, 1, 1, "1985-04-01", "2022-04-01"),
    (PPN, "PPN 11 %", 1100, 1, 1, "2022-04-01", "2025-01-01"),
    (PPN, "PPN 11 %", 1200, 11, 12, "2025-01-01", None),
    (PPN_LUXURY, "PPN 10 %", 1000, 1, 1, "1985-04-01", "2022-04-01"),
    (PPN_LUXURY, "PPN 11 %", 1100, 1, 1, "2022-04-01", "2025-01-01"),
    (PPN_LUXURY, "PPN 11 %", 1200, 11, 12, "2025-01-01", "2025-02-01"),
    (PPN_LUXURY, "PPN 12 %", 1200, 1, 1, "2025-02-01", None),
    (PBJT, "PBJT 10 %", 1000, 1, 1, "2010-01-01", None),
)


def standard_taxes(new_id: Callable[[], str], *, inclusive: bool = True) -> tuple[Tax, ...]:
    """The dated rates of PPN, PPN on luxury goods and PBJT; shelf prices include tax by default."""
    return tuple(
        Tax(
            id=new_id(),
            code=code,
            label=label,
            rate_permyriad=rate,
            base_numerator=numerator,
            base_denominator=denominator,
            inclusive=inclusive,
            valid_from=valid_from,
            valid_to=valid_to,
        )
        for code, label, rate, numerator, denominator, valid_from, valid_to in _RATES
    )
