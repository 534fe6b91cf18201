"""Entries → the rows and sums they add. What cannot be projected is set aside with its reason.

Pure computation, and the hot path of the service: the rows of one sale are made in some tens of
microseconds. A fact adds either all of its rows or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from sentra.events import Fact
from sentra.money import AMOUNT_MAX
from sentra.projection import rollups
from sentra.projection.aside import FACT_NOT_PROJECTED, FACT_UNKNOWN, FACT_UNREADABLE
from sentra.projection.findings import Finding, Mention, mention
from sentra.projection.rollups import Increments, SumsByKey
from sentra.projection.rows import Place, Row, project
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import Entry
from syncd.service.operations.findings import set_aside
from syncd.service.operations.journals import Piece

KEY_LENGTH_MAX: Final = 600
"""Characters in the texts of a sum's key, ids included: PostgreSQL's index takes 2,704 bytes."""


class Located(msgspec.Struct, frozen=True, gc=False):
    """A fact and the entry that it came from."""

    place: Place
    entry: Entry
    fact: Fact


@dataclass(slots=True)
class Projection:
    """What a run adds. `rows` by table; `mentions` the products that its facts name."""

    facts: list[Located] = field(default_factory=list)
    rows: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    increments: Increments = field(default_factory=rollups.no_increments)
    findings: list[Finding] = field(default_factory=list)
    mentions: dict[str, Mention] = field(default_factory=dict)


def read_facts(pieces: Iterable[Piece]) -> tuple[list[Located], list[Finding]]:
    """The facts of all entries, and what of them is of an unknown kind or unreadable."""
    facts: list[Located] = []
    findings: list[Finding] = []
    for piece in pieces:
        branch_id, terminal_id = piece.terminal.branch_id, piece.terminal.device_id
        for entry in piece.entries:
            try:
                fact = decode_fact(entry.kind, entry.schema, entry.body)
            except UnknownKind as error:
                findings.append(set_aside(entry, FACT_UNKNOWN, str(error)))
            except BodyUnreadable as error:
                findings.append(set_aside(entry, FACT_UNREADABLE, str(error)))
            else:
                place = Place(branch_id, terminal_id, entry.epoch, entry.seq)
                facts.append(Located(place, entry, fact))
    return facts, findings


def project_facts(facts: Sequence[Located]) -> Projection:
    """The rows and sums of facts; one that makes an impossible row is set aside."""
    result = Projection()
    tables = result.rows
    for located in facts:
        try:
            rows = list(project(located.place, located.fact))
        except Exception as error:  # Whatever it is, it must not hold up what comes behind it.
            reason = f"{type(error).__name__}: {error}"
            result.findings.append(set_aside(located.entry, FACT_NOT_PROJECTED, reason))
            continue
        for table, row in rows:
            tables[table].append(row)
        rollups.add(result.increments, located.place, located.fact)
        result.facts.append(located)
        mention(result.mentions, located.place, located.fact)
    return result


def project_run(pieces: Iterable[Piece]) -> Projection:
    """Everything that a run of pieces adds."""
    facts, findings = read_facts(pieces)
    result = project_facts(facts)
    result.findings.extend(findings)
    return result


def sums_are_safe(increments: Increments) -> bool:
    """Whether no sum of a run comes near the 64 bits of its column, and no key is too long."""
    for sums in filter(None, increments.values()):
        # Whole columns at once, which is a loop of C's.
        for amounts in zip(*sums.values(), strict=True):
            if max(amounts) > AMOUNT_MAX or min(amounts) < -AMOUNT_MAX:
                return False
        longest = sum(max(map(len, texts)) for texts in _texts(sums))
        if longest > KEY_LENGTH_MAX and max(map(_length, sums)) > KEY_LENGTH_MAX:
            return False
    return True


def _texts(sums: SumsByKey) -> Iterator[tuple[str, ...]]:
    """The columns of the keys that hold text."""
    return (column for column in zip(*sums, strict=True) if isinstance(column[0], str))


def _length(key: tuple[str | int, ...]) -> int:
    return sum(len(part) for part in key if isinstance(part, str))


def merge(into: Increments, added: Increments) -> None:
    """Add the sums of a run to those of the request."""
    for name, sums in added.items():
        present = into[name]
        for key, amounts in sums.items():
            before = present.get(key)
            present[key] = (
                amounts if before is None else [a + b for a, b in zip(before, amounts, strict=True)]
            )
