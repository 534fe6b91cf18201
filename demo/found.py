"""What a check counts, and what it prints of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sentra.money import Currency, to_decimal_string


@dataclass(slots=True)
class Found:
    """What the check counts. Amounts are minor units."""

    tickets: int = 0
    lines: int = 0
    rejected: int = 0
    gross: dict[str, int] = field(default_factory=dict)
    by_branch: dict[str, dict[str, int]] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    exceptions: int = 0
    converged_s: float = 0.0
    sales_per_s: float = 0.0
    killed: Mapping[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        """Whether every proof held: chains, signatures, sums, and one gross at each place."""
        return not self.problems and len(set(self.gross.values())) == 1

    @property
    def passed(self) -> bool:
        """Whether the promise was kept."""
        return self.verified and not self.lost and not self.doubled

    def as_json(self, currency: Currency) -> dict[str, object]:
        """One object, amounts as decimal strings."""
        return {
            "tickets": self.tickets,
            "lines": self.lines,
            "gross": {
                place: to_decimal_string(amount, currency) for place, amount in self.gross.items()
            },
            "by_branch": {
                name: {
                    "tickets": sums["tickets"],
                    "gross": to_decimal_string(sums["gross"], currency),
                }
                for name, sums in sorted(self.by_branch.items())
            },
            "lost": self.lost,
            "doubled": self.doubled,
            "exceptions": self.exceptions,
            "converged_s": round(self.converged_s, 3),
            "sales_per_s": round(self.sales_per_s, 1),
            "verified": self.verified,
            "rejected_lines": self.rejected,
            **({"kills": dict(sorted(self.killed.items()))} if self.killed else {}),
            "problems": self.problems,
        }
