"""A private folder for a unix socket whose path fits into the kernel's 108 bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from sentra.embedded.errors import SocketFolderUnsafe

SOCKET_PATH_BYTES_MAX = 103
"""sun_path is 108 bytes on Linux and 104 on macOS, with the closing zero byte."""


def socket_folder(data: Path, socket_name: str, *, owner: int) -> Path:
    """`data` itself where `data/socket_name` fits, else a folder of ours under the temp folder.

    The short folder is made with mode 0700 for the account `owner` (a uid) and named after the
    long path, so a second start finds the same one. Raises `SocketFolderUnsafe` when somebody
    else was there first.
    """
    if len(os.fsencode(data / socket_name)) <= SOCKET_PATH_BYTES_MAX:
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"sentra-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    ours = found.st_uid in {os.getuid(), owner}
    if not (stat.S_ISDIR(found.st_mode) and ours and stat.S_IMODE(found.st_mode) == 0o700):
        raise SocketFolderUnsafe(folder=short)
    if found.st_uid != owner:
        os.chown(short, owner, -1)
    return short


def remove_short_folder(sockets: Path, data: Path) -> None:
    """Remove the short folder that `socket_folder` made beside `data`, when it is empty again."""
    if sockets == data:
        return
    with suppress(OSError):
        sockets.rmdir()
