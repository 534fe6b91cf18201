"""`sentra courier`: pack at a till or router, unpack at a router or in the cloud."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sentra.i18n import language as own_language
from sentra.i18n import say, translate

if TYPE_CHECKING:
    from sentra.courier.failures import CourierFailure
    from sentra.courier.offers import Depot
    from sentra.courier.packing import Packed
    from sentra.courier.unpacking import Unpacked

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path)
_MIB = 1024 * 1024
_DATA = click.option(
    "--data",
    "folder",
    required=True,
    envvar="SENTRA_DATA_DIR",
    type=_FOLDER,
    help="The till's or router's folder; it may be in use.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def courier() -> None:
    """Carry sales by USB stick where there is no network for good."""


@courier.command()
@_DATA
@click.option(
    "--to",
    "place",
    default=Path(),
    show_default=True,
    type=_FILE,
    help="The stick's folder, or the name of the file.",
)
@click.option("--again", is_flag=True, help="Write also what earlier files there have.")
@click.option("--all", "everything", is_flag=True, help="Write also what the cloud has.")
@_JSON
def pack(folder: Path, place: Path, again: bool, everything: bool, as_json: bool) -> None:
    """Write what the cloud does not have into encrypted, signed files."""
    from sentra.courier import packing

    _log_to_stderr()
    with _depot(folder) as depot, _bar(say("Packing")) as tick:
        beside = place if place.is_dir() else place.parent
        moved = _take_receipts(depot, beside)
        packed = packing.pack(
            depot,
            place,
            now_ms=time.time_ns() // 1_000_000,
            again=again,
            everything=everything,
            tick=tick,
        )
    if as_json:
        told = {
            "files": [str(path) for path in packed.written],
            "kept": [str(path) for path in packed.kept],
            "segments": packed.segments,
            "entries": packed.entries,
            "size_bytes": packed.size_bytes,
            "watermarks_moved": moved,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    _tell_packed(packed)


@courier.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option(
    "--data",
    "folder",
    type=_FOLDER,
    help="A router's folder; without it, into the cloud of SENTRA_DATABASE_URL.",
)
@click.option(
    "--receipt",
    "receipts",
    type=_FOLDER,
    help="Where receipts are written; beside each file unless given.",
)
@click.option("--revoked", is_flag=True, help="Take also what a revoked device packed.")
@_JSON
def unpack(
    files: tuple[Path, ...],
    folder: Path | None,
    receipts: Path | None,
    revoked: bool,
    as_json: bool,
) -> None:
    """Take courier files in; of a folder all that are in it. Twice does no harm."""
    from sentra.courier import unpacking
    from sentra.courier.failures import CourierFailure
    from sentra.courier.files import courier_files
    from sentra.courier.offers import open_cloud, open_router

    _log_to_stderr()
    if folder is not None:
        _require_router(folder)
    taken: dict[Path, Unpacked] = {}
    failures: list[CourierFailure] = []
    paths = courier_files(files)
    with open_cloud() if folder is None else open_router(folder) as taker:

        def attempt(path: Path) -> None:
            try:
                with _bar(path.name) as tick:
                    taken[path] = unpacking.unpack(path, taker, revoked_too=revoked, tick=tick)
            except CourierFailure as failure:
                failures.append(failure)

        for path in paths:
            attempt(path)
        # What waited for a file that came after it fits now.
        for path in [path for path, one in taken.items() if one.has_gap and len(taken) > 1]:
            attempt(path)
    for path, one in taken.items():
        _keep_receipt(one, receipts or path.parent)
    if as_json:
        click.echo(json.dumps(_as_json(list(taken.values()), failures), ensure_ascii=False))
    else:
        if not paths:
            click.echo(say("There is no courier file there."))
        for one in taken.values():
            _tell_unpacked(one)
        for each in failures:
            click.echo("✗ " + each.told(translate(own_language())), err=True)
    if failures or not paths or not all(one.is_whole for one in taken.values()):
        sys.exit(1)


@courier.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@_DATA
def receipt(files: tuple[Path, ...], folder: Path) -> None:
    """Show the till or router what the cloud has taken in, by the receipt of `unpack`."""
    from sentra.courier.packing import take_receipt

    with _depot(folder) as depot:
        moved = sum(take_receipt(depot, path) for path in files)
    if moved:
        click.echo(say("Noted: the cloud has these sales."))
    else:
        click.echo(say("Nothing new: this was known, or the receipt is for another device."))


def _log_to_stderr() -> None:
    """What is logged is for whoever looks into it later; stdout is for the results."""
    from sentra.telemetry import configure_logging

    configure_logging("courier", level="warning", stream=sys.stderr)


@contextmanager
def _depot(folder: Path) -> Iterator[Depot]:
    from sentra.courier.offers import open_depot

    with open_depot(_role(folder), folder) as depot:
        yield depot


def _role(folder: Path) -> str:
    from sentra.courier.failures import NoPackingHere
    from sentra.vault.database import Vault
    from sentra.vault.identity import read_identity

    vault = Vault.open(folder)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
    finally:
        vault.close()
    if identity is None:
        raise NoPackingHere(folder=folder)
    return identity.role


def _require_router(folder: Path) -> None:
    from sentra.courier.failures import NotUnpackedHere

    if _role(folder) != "router":
        raise NotUnpackedHere(folder=folder)


def _take_receipts(depot: Depot, folder: Path) -> int:
    """A receipt that came back with the stick is taken before anything is packed."""
    from sentra.courier.failures import CourierFailure
    from sentra.courier.files import receipts_for
    from sentra.courier.packing import take_receipt

    moved = 0
    for path in receipts_for(depot.sender.device_id, folder):
        try:
            moved += take_receipt(depot, path)
        except CourierFailure as failure:
            click.echo(failure.told(translate(own_language())), err=True)
    return moved


def _keep_receipt(one: Unpacked, folder: Path) -> None:
    """Write the cloud's signed words for the way back; a stick that takes none is no failure."""
    from sentra.courier.failures import FileUnwritable
    from sentra.courier.files import write_receipt

    words = one.receipt()
    if words is None:
        return
    try:
        write_receipt(folder, words)
    except FileUnwritable as failure:
        detail = failure.values["detail"]
        click.echo(say("No receipt was written: %(detail)s.", detail=detail), err=True)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, which leaves stdout to the results."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        bar = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total or None)


def _tell_packed(packed: Packed) -> None:
    for path in packed.kept:
        click.echo(say("%(file)s was there already and is whole.", file=path.name))
    for path in packed.written:
        click.echo(f"✓ {path}")
    if not packed.written:
        click.echo(say("There is nothing more to pack: the cloud or these files have it all."))
        return
    click.echo(
        say(
            "%(entries)s entries packed, %(size)s MiB. Remove the stick only when the system says "
            "so, then take it to the router or the back office.",
            entries=packed.entries,
            size=f"{packed.size_bytes / _MIB:.1f}",
        )
    )


def _tell_unpacked(one: Unpacked) -> None:
    words = {
        "already": say("was here already"),
        "appended": say("taken in"),
        "gap": say(
            "something before it is missing: unpack the earlier files, then this one again; if "
            "there is none, take the receipt back and pack again"
        ),
        "fork": say("contradicts what is here; both are kept, see the exceptions"),
        "refused": say("refused"),
    }
    click.echo(f"{'✓' if one.is_whole else '✗'} {one.file} · {one.header.name}")
    for outcome in one.outcomes.values():
        told = words.get(outcome.outcome, outcome.outcome)
        problem = f" ({outcome.problem})" if outcome.problem else ""
        click.echo(
            "    "
            + say(
                "%(terminal)s: %(told)s, %(count)s new entries",
                terminal=outcome.terminal,
                told=told + problem,
                count=outcome.appended,
            )
        )


def _as_json(taken: Sequence[Unpacked], failures: Sequence[CourierFailure]) -> dict[str, object]:
    return {
        "files": [
            {
                "file": one.file,
                "device": one.header.device_id,
                "packed_at_ms": one.header.packed_at_ms,
                "whole": one.is_whole,
                "journals": [
                    {
                        "terminal": each.terminal,
                        "outcome": each.outcome,
                        "appended": each.appended,
                        "problem": each.problem,
                        "head": [each.here.epoch, each.here.seq, each.here.hash],
                    }
                    for each in one.outcomes.values()
                ],
            }
            for one in taken
        ],
        "appended": sum(one.appended for one in taken),
        "refused": [
            {"code": failure.code, "file": failure.values.get("file"), "told": str(failure)}
            for failure in failures
        ],
    }
