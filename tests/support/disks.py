"""A small disk of the test's own that can be filled to the last byte: a tmpfs, which needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

SIZE_MIB: Final = 48
"""Room for a vault and its log beside the reserve of 32 MiB that no new sale may touch."""

_PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A mounted folder of `SIZE_MIB`."""

    folder: Path

    @property
    def _filling(self) -> Path:
        return self.folder / "somebody-elses-film"

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Fill it until at most `leave_bytes` are free; 0: until the system refuses a byte."""
        with self._filling.open("ab", buffering=0) as film:
            while (free := shutil.disk_usage(self.folder).free) > leave_bytes:
                film.write(bytes(min(_PIECE_BYTES, free - leave_bytes)))

    def free(self) -> None:
        """Delete what filled it."""
        self._filling.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """The disk; the test is skipped, with a word, where it cannot be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder))
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("A FULL DISK NEEDS A MOUNT, AND A MOUNT NEEDS ROOT: not tried here")
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"A FULL DISK NEEDS A MOUNT, which failed here: {mounted.stderr.strip()}")
    yield SmallDisk(folder)
    subprocess.run(("umount", "--lazy", str(folder)), check=True)
