"""What `sentra sync exceptions` does and prints."""

from __future__ import annotations

import getpass
import json
import sys
import time
from dataclasses import asdict
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import Connection, Engine

from sentra.cloud import audit, reproject
from sentra.cloud.exceptions import ExceptionNote, close, find_exceptions, read_exceptions
from sentra.failures import Failure
from sentra.i18n import say
from sentra.sync_status import age

ENDING_LENGTH = 12
"""Characters of an id that are shown: its random end, which is enough to name it again."""

ENDING_LENGTH_MIN = 6

_OPAQUE: Final = ("_id", "_hash", "carrier")


class ExceptionUnknown(Failure):
    """No exception, or more than one, has an id that ends so."""

    code = "exception-unknown"
    sentence = (
        "There is no one exception whose id ends with “%(given)s”. `sentra sync exceptions list` "
        "shows them."
    )


class ExceptionNotAside(Failure):
    """An exception that is not about a fact without rows."""

    code = "exception-not-aside"
    sentence = (
        "Exception %(id)s is about no entry that was set aside, so there is nothing to try again. "
        "Close it with `sentra sync exceptions accept`."
    )


class ExceptionClosed(Failure):
    """It was closed before."""

    code = "exception-closed"
    sentence = "Exception %(id)s was closed already; nothing was changed."


class ReasonMissing(Failure):
    """An empty reason."""

    code = "exception-reason"
    sentence = "Write a few words on what you found or did: --reason TEXT."


def tell_all(engine: Engine, branch: str, kind: str, *, resolved: bool, as_json: bool) -> None:
    """A table, or one JSON object."""
    with engine.connect() as connection:
        found = read_exceptions(connection, branch_name=branch, kind=kind, resolved=resolved)
    if as_json:
        told = {"exceptions": [_plain(one) for one in found]}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    if not found:
        click.echo(say("Nothing needs a person."))
        return
    table = Table()
    headings = ("ID", say("Branch"), say("Device"), say("Entry"), say("Kind"), say("Reason"))
    for heading in (*headings, say("Age")):
        table.add_column(heading, overflow="fold")
    now_ms = _now_ms()
    for one in found:
        place = "–" if one.seq is None else f"{one.epoch}/{one.seq}"
        row = (one.id[-ENDING_LENGTH:], one.branch, one.device or "–", place, one.kind)
        table.add_row(*row, _reason(one), age(one.opened_at_ms, now_ms))
    Console().print(table)


def tell_one(engine: Engine, ending: str, *, as_json: bool) -> None:
    """Everything that is known of one."""
    one = _find(engine, ending)
    if as_json:
        click.echo(json.dumps(_plain(one), ensure_ascii=False))
        return
    lines = [
        (say("Kind"), one.kind),
        (say("Branch"), one.branch),
        (say("Device"), one.device or "–"),
        (say("Entry"), "–" if one.seq is None else f"{one.epoch}/{one.seq}"),
        (say("Fact"), one.fact or "–"),
        (say("Reason"), _reason(one)),
        (say("Age"), age(one.opened_at_ms, _now_ms())),
    ]
    if one.resolved_at_ms is not None:
        lines.append((say("Closed"), one.resolution or "–"))
    for name, value in lines:
        click.echo(f"{name:<12} {value}")
    if one.body:
        click.echo(one.body.decode("utf-8", "replace"))


def retry(engine: Engine, ending: str) -> None:
    """Project one fact again, or with "" every one that has no rows; SystemExit 1 if any fails."""
    if ending:
        one = _find(engine, ending)
        wanted = [(one.branch_id, one.id)]
    else:
        with engine.connect() as connection:
            wanted = reproject.parked(connection)
    console = Console(stderr=True)
    told = track(wanted, say("Projecting"), console=console, transient=True)
    refused = [done for branch_id, one_id in told if (done := _retry(engine, branch_id, one_id))]
    for reason in refused:
        click.echo(f"✗ {reason}")
    count = len(wanted) - len(refused)
    click.echo(say("Entries with rows now: %(count)s.", count=count))
    if refused:
        sys.exit(1)


def _retry(engine: Engine, branch_id: str, exception_id: str) -> str:
    """ "" where the fact has its rows now, else why not."""
    now_ms = _now_ms()
    with engine.begin() as connection:
        done = reproject.retry(connection, branch_id, exception_id, now_ms, None)
        if done.outcome == "not-aside":
            raise ExceptionNotAside(id=exception_id)
        if done.outcome == "projected":
            _record(connection, "exceptions.retry", branch_id, exception_id, now_ms)
    return "" if done.is_projected else f"{exception_id[-ENDING_LENGTH:]}: {done.reason}"


def accept(engine: Engine, ending: str, reason: str) -> None:
    """Close one as it is. Raises ExceptionClosed, ReasonMissing."""
    if not reason.strip():
        raise ReasonMissing
    one, now_ms = _find(engine, ending), _now_ms()
    with engine.begin() as connection:
        note = reason.replace("\0", "").strip()
        closed = close(connection, one.branch_id, one.id, now_ms=now_ms, user_id=None, note=note)
        if not closed:
            raise ExceptionClosed(id=one.id)
        _record(connection, "exceptions.resolve", one.branch_id, one.id, now_ms, note=note)
    click.echo(say("Closed. It stays in the list of what was resolved."))


def _record(
    connection: Connection,
    action: str,
    branch_id: str,
    exception_id: str,
    now_ms: int,
    **detail: object,
) -> None:
    audit.record(
        connection,
        at_ms=now_ms,
        user_id=None,
        user_name=f"sentra sync ({getpass.getuser()})",
        action=action,
        subject_kind="exception",
        subject_key=exception_id,
        branch_id=branch_id,
        detail=detail,
    )


def _find(engine: Engine, ending: str) -> ExceptionNote:
    found = []
    if len(ending) >= ENDING_LENGTH_MIN:
        with engine.connect() as connection:
            found = list(find_exceptions(connection, ending.lower()))
    if len(found) != 1:
        raise ExceptionUnknown(given=ending)
    return found[0]


def _reason(one: ExceptionNote) -> str:
    """The reason that was found; for kinds that have none, their values."""
    said = one.params.get("reason")
    if said:
        return str(said)
    return ", ".join(_told(name, value) for name, value in _for_people(one.params)) or "–"


def _for_people(params: dict[str, Any]) -> list[tuple[str, Any]]:
    """Identities and hashes are for `show --json`."""
    return [(name, value) for name, value in params.items() if not name.endswith(_OPAQUE)]


def _told(name: str, value: Any) -> str:
    """`quantity -1.5` for thousandths."""
    if name.endswith("_milli"):
        return f"{name.removesuffix('_milli')} {value / 1_000:g}"
    return f"{name} {value}"


def _plain(one: ExceptionNote) -> dict[str, object]:
    return {**asdict(one), "body": one.body.decode("utf-8", "replace")}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
