"""Run a command as an unprivileged account: `python unprivileged.py ACCOUNT [--search] COMMAND…`.

PostgreSQL refuses to run as root. Started by root, it is run under `ACCOUNT`; with `--search`
that account keeps the one capability that passes file permissions, because the folders above the
data may be closed to it (a checkout below /root), and opening those for every account would be
worse. Standard library only: it is run as a script, before anything is installed or imported.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_KEEP_ACROSS_SETUID = (1 << 2) | (1 << 4)
"""SECBIT_NO_SETUID_FIXUP (access() honours capabilities too) and SECBIT_KEEP_CAPS."""
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _become(account: str) -> None:
    entry = pwd.getpwnam(account)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def _become_with_search(account: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(_PR_SET_SECUREBITS, _KEEP_ACROSS_SETUID, 0, 0, 0))
    _become(account)
    mask = 1 << _CAP_DAC_OVERRIDE
    header = _Header(_CAPABILITY_VERSION_3, 0)
    sets = (_Sets * 2)(_Sets(mask, mask, mask), _Sets(0, 0, 0))
    _checked(libc.capset(ctypes.byref(header), ctypes.byref(sets)))
    _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def main(arguments: list[str]) -> None:
    """Become the account and turn into the command; returns only by an exception."""
    account, *command = arguments
    if command[0] == "--search":
        command = command[1:]
        _become_with_search(account)
    else:
        _become(account)
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
