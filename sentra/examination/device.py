"""What a till's folder and a router's have in common: the vault, its key, the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sentra.examination import checks
from sentra.examination.findings import Finding, attention, bad, of_failure, ok
from sentra.i18n import say
from sentra.vault import schema
from sentra.vault.connect import RESERVE_BYTES
from sentra.vault.database import DATABASE_FILE, Vault
from sentra.vault.driver import Connection
from sentra.vault.failures import VaultFailure
from sentra.vault.identity import Identity, read_identity
from sentra.vault.keys import KEY_FILE

FAULTS_SHOWN_MAX: Final = 3
"""Of a damaged database; a person needs to know that it is damaged."""


def examine_folder(folder: Path) -> tuple[Identity | None, list[Finding]]:
    """Who the device is, where its vault can be opened, and the findings every device has."""
    found = [ok("software", "Sentra " + version("sentra"))]
    if not folder.is_dir():
        told = say("there is no folder %(folder)s", folder=folder)
        return None, [*found, bad("settings", told, say("Give the device's folder: --data."))]
    found += [checks.disk(folder, RESERVE_BYTES), *_keys(folder)]
    identity = None
    try:
        vault = Vault.open(folder)
        try:
            with vault.reader() as db:
                identity = read_identity(db)
                found += _database(db, vault.role, folder)
        finally:
            vault.close()
    except VaultFailure as failure:
        return None, [*found, of_failure("database", failure)]
    if identity is None:
        told = say("the vault in %(folder)s belongs to nobody yet", folder=folder)
        found.append(bad("settings", told, say("Enrol this device: sentra enrol.")))
    return identity, found


def _keys(folder: Path) -> list[Finding]:
    """Where the vault's key is, and whether others may read it."""
    file = folder / KEY_FILE
    open_to_others = checks.secret_files(one for one in (file,) if one.is_file())
    if mode := checks.open_mode(folder):
        told = say(
            "other accounts may look into %(folder)s (mode %(mode)s)",
            folder=folder,
            mode=f"{mode:o}",
        )
        open_to_others.append(attention("keys", told, say("Run: chmod 700 %(file)s", file=folder)))
    if open_to_others:
        return open_to_others
    if file.is_file():
        return [ok("keys", say("the vault's key is in %(file)s, for this account only", file=file))]
    return [ok("keys", say("the vault's key is in the system's keyring"))]


def _database(db: Connection, role: str, folder: Path) -> Iterator[Finding]:
    """The whole file, not only what each start looks at."""
    faults = [row[0] for row in db.execute(f"PRAGMA quick_check({FAULTS_SHOWN_MAX})")]
    if faults != ["ok"]:
        told = say("the vault is damaged: %(detail)s", detail="; ".join(faults))
        advice = say(
            "Do not delete %(folder)s. Enrol this device anew with sentra enrol --set-aside: the "
            "damaged vault is kept beside.",
            folder=folder,
        )
        yield bad("database", told, advice)
        return
    number = schema.versions(db).get(schema.ROOM, 0)
    known = len(schema.MIGRATIONS["router" if role == "router" else "terminal"])
    size = (folder / DATABASE_FILE).stat().st_size // (1024 * 1024)
    yield ok(
        "database",
        say(
            "the vault is whole (%(size)s MiB), its tables are at %(number)s of %(known)s",
            size=size,
            number=number,
            known=known,
        ),
    )


def silent(check_told: str, age_ms: int | None, command: str) -> Finding:
    """A program that should run and has not been heard of for `age_ms` (None: ever)."""
    if age_ms is None:
        told = say("%(program)s has never run here", program=check_told)
    else:
        told = say(
            "%(program)s has been silent for %(age)s",
            program=check_told,
            age=checks.duration(age_ms),
        )
    return bad("program", told, say("Start it: %(command)s", command=command))


def names_of(words: Sequence[str]) -> str:
    """A short list for a sentence."""
    return ", ".join(words)
