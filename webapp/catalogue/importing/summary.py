"""An import told to the shop's owner: what came in, and what to look at, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from webapp.catalogue.importing.kinds import KINDS, Finding
from webapp.catalogue.importing.plan import Plan
from webapp.catalogue.importing.rows import Reading

EXAMPLES_MAX: Final = 5
"""Findings of one kind that a summary shows; the report has all of them."""


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one kind."""

    kind: str
    count: int
    examples: tuple[Finding, ...]

    @property
    def is_refused(self) -> bool:
        """Whether these rows were left out."""
        return KINDS[self.kind].severity == "refused"


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of an import, or of what it would do. `unused` are columns left aside."""

    rows: int
    taken: int
    new: int
    changed: int
    unchanged: int
    refused: int
    unused: tuple[str, ...]
    encoding: str | None
    groups: tuple[Group, ...]

    @property
    def notes(self) -> dict[str, int]:
        """Kind -> how many rows were taken with it."""
        return {group.kind: group.count for group in self.groups if not group.is_refused}

    @property
    def refusals(self) -> dict[str, int]:
        """Kind -> how many rows were refused for it."""
        return {group.kind: group.count for group in self.groups if group.is_refused}

    def for_machines(self) -> dict[str, Any]:
        """The JSON object that `sentra import catalogue --json` ends with."""
        names = ("rows", "taken", "new", "changed", "unchanged", "refused")
        figures = {name: getattr(self, name) for name in names}
        return {**figures, "notes": self.notes, "refusals": self.refusals}

    def stored(self) -> dict[str, Any]:
        """As `import_run.summary` keeps it; `stored_summary` reads it back."""
        return asdict(self)


def summarise(
    reading: Reading, plan: Plan, *, unused: Sequence[str], encoding: str | None
) -> Summary:
    """The figures and the findings by kind: refusals first, then in the order of `KINDS`."""
    return Summary(
        rows=reading.rows,
        taken=len(reading.items),
        new=len(plan.new),
        changed=len(plan.changed),
        unchanged=plan.unchanged,
        refused=reading.refused,
        unused=tuple(unused),
        encoding=encoding,
        groups=group(reading.findings),
    )


def group(findings: Iterable[Finding]) -> tuple[Group, ...]:
    """Findings by kind, in the order of `KINDS`."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.kind, []).append(finding)
    return tuple(
        Group(kind, len(found[kind]), tuple(found[kind][:EXAMPLES_MAX]))
        for kind in KINDS
        if kind in found
    )


def stored_summary(stored: dict[str, Any]) -> Summary:
    """The summary that `Summary.stored` made."""
    groups = tuple(
        Group(each["kind"], each["count"], tuple(Finding(**one) for one in each["examples"]))
        for each in stored["groups"]
    )
    return Summary(**{**stored, "unused": tuple(stored["unused"]), "groups": groups})
