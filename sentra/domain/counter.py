"""Who stands at which drawer, on which day: what every fact at the counter carries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counter:
    """The open shift and the person signed in.

    `business_date` (ISO text) comes from the shift, in the branch's `zone`, and stays the same
    past midnight.
    """

    shift_id: str
    cashier_id: str
    cashier_name: str
    currency: str
    business_date: str
    zone: str
