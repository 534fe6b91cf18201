"""The runs of an import as rows of `import_run`: what was asked, how far it is, what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from sentra.cloud.identity import new_id
from sentra.cloud.tables import import_run
from webapp.catalogue.importing.kinds import Finding
from webapp.catalogue.importing.run import Outcome
from webapp.change import Change

KIND: Final = "catalogue"

SCOPE: Final = "company"
"""Whose pages are woken when a run moves."""

FINDINGS_KEPT_MAX: Final = 100_000
"""Findings that a run's row keeps, some ten megabytes; of more, the first ones."""


def record_run(change: Change, file: Path, wishes: Mapping[str, str], outcome: Outcome) -> str:
    """Note an import that a command line did, so that the page of imports shows it too; its id."""
    run_id = new_id(change.now_ms)
    change.connection.execute(
        import_run.insert().values(
            id=run_id,
            kind=KIND,
            file_name=file.name,
            file_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            options={"map": dict(wishes)},
            status="done",
            created_by=change.actor.user_id,
            created_at_ms=change.now_ms,
            finished_at_ms=change.now_ms,
            **outcome_columns(outcome),
        )
    )
    return run_id


def outcome_columns(outcome: Outcome) -> dict[str, Any]:
    """What a run's row keeps of an outcome."""
    rows = outcome.summary.rows
    kept = outcome.findings[:FINDINGS_KEPT_MAX]
    return {
        "rows_total": rows,
        "rows_done": rows,
        "summary": outcome.summary.stored(),
        "findings": [asdict(finding) for finding in kept],
    }


def stored_findings(stored: list[dict[str, Any]]) -> tuple[Finding, ...]:
    """The findings that `outcome_columns` made rows of."""
    return tuple(Finding(**each) for each in stored)
