"""The schema's version: bring it up to date, read it, or refuse to run on another one."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from sentra.cloud.database import DatabaseError


class SchemaDiffers(DatabaseError):
    """The database was made for another version of the program."""

    code = "database-schema"
    sentence = (
        "The database has schema %(found)s, this version of Sentra needs %(wanted)s. Run "
        "`sentra db migrate` with the newest version installed, then start again."
    )


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Apply what is missing, in one transaction; returns (revision before, revision now).

    Two at once wait for each other. Run it as the owner of the database.
    """
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('sentra ddl', 0))"))
        before = current_revision(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return before, newest_revision()


def current_revision(connection: Connection) -> str | None:
    """The database's revision; None where it is still empty."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision that this version of the program needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise SchemaDiffers(found="-", wanted="-")
    return head


def require_newest(connection: Connection) -> None:
    """Raise `SchemaDiffers` unless the database has just the schema that this version needs."""
    found, wanted = current_revision(connection), newest_revision()
    if found != wanted:
        raise SchemaDiffers(found=found or "0", wanted=wanted)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "sentra.cloud:migrations")
    config.set_main_option("path_separator", "os")
    return config
