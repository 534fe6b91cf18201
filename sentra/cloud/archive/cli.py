"""`sentra db archive`: archive now what the worker would by and by, or prove what is there."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

import click
from sqlalchemy import Engine

from sentra import i18n
from sentra.cloud.archive import source
from sentra.cloud.archive.container import ArchiveError
from sentra.cloud.archive.read import RESTORED, ahead, audit
from sentra.cloud.archive.write import ArchiveReport, Archivist
from sentra.cloud.database import make_engine, wait_for_database
from sentra.cloud.keys import CompanyKeys, load_keys
from sentra.cloud.objects import Objects, open_objects
from sentra.cloud.progress import bar
from sentra.cloud.schema import require_newest
from sentra.config import Environment
from sentra.failures import Failure
from sentra.i18n import say


@click.command()
@click.option("--check", is_flag=True, help="Read every object that was archived, and verify it.")
@click.option(
    "--take-back", is_flag=True, help="Take in again what the archive has and the database lacks."
)
def archive(*, check: bool, take_back: bool) -> None:
    """Archive every fact that is not archived yet; status 1 where one cannot be."""
    if check and take_back:
        raise click.UsageError(say("--check and --take-back are two things."))
    environment = Environment(os.environ)
    keys, objects = company_keys(environment), object_store(environment)
    engine = make_engine(environment.text("SENTRA_DATABASE_URL"), application="sentra db archive")
    try:
        wait_for_database(engine)
        with engine.connect() as connection:
            require_newest(connection)
        if take_back:
            failures = _take_back(engine, objects, keys)
        else:
            failures = _check(engine, objects, keys) if check else _archive(engine, objects, keys)
    finally:
        engine.dispose()
    for failure in failures:
        click.echo(f"✗ {failure.told(i18n.translate(i18n.language()))}", err=True)
    if failures:
        sys.exit(1)


def company_keys(environment: Environment) -> CompanyKeys:
    """The keys of the company whose archive it is."""
    return load_keys(environment.folder("SENTRA_KEYS_DIR", must_exist=True))


def object_store(environment: Environment) -> Objects:
    """Where the deployment keeps its files: as the back office and the worker read it."""
    folder = environment.folder("SENTRA_OBJECT_DIR", Path("objects"))
    return open_objects(environment.optional("SENTRA_S3_BUCKET"), folder)


def _archive(engine: Engine, objects: Objects, keys: CompanyKeys) -> Sequence[Failure]:
    with engine.connect() as connection:
        waiting = source.segments_waiting(connection)
    with bar(say("Segments"), waiting) as step:
        now_ms = time.time_ns() // 1_000_000
        report = Archivist(engine, objects, keys.signing_key, now_ms).run(all_of_it=True, told=step)
    _tell(report)
    return report.failures


def _tell(report: ArchiveReport) -> None:
    if report.is_another_at_it:
        click.echo(say("The archive is being written by another program just now."))
    else:
        click.echo(
            say(
                "%(segments)s segments were archived in %(objects)s objects (%(size)s bytes).",
                segments=report.segments,
                objects=report.objects,
                size=report.size_bytes,
            )
        )


def _take_back(engine: Engine, objects: Objects, keys: CompanyKeys) -> Sequence[Failure]:
    """What the worker does once after a restore, as often as it is asked for."""
    failures: list[Failure] = []
    for point in entry_points(group=RESTORED):
        now_ms = time.time_ns() // 1_000_000
        taken = point.load()(engine, objects, keys.signing_key, now_ms, again=True)
        failures += taken.failures
        click.echo(
            say(
                "%(entries)s entries and %(devices)s devices were taken back from the archive.",
                entries=taken.entries,
                devices=taken.devices,
            )
        )
    return failures


def _check(engine: Engine, objects: Objects, keys: CompanyKeys) -> Sequence[Failure]:
    with engine.connect() as connection:
        names = source.keys(connection)
        failures: list[ArchiveError] = list(ahead(connection, objects))
    damaged = 0
    with bar(say("Objects"), len(names)) as step:
        for failure in audit(objects, names, keys.signing_key.public_key()):
            step(1)
            failures += [] if failure is None else [failure]
            damaged += failure is not None
    click.echo(
        say(
            "Of %(count)s objects in the archive, %(whole)s are whole.",
            count=len(names),
            whole=len(names) - damaged,
        )
    )
    return failures
