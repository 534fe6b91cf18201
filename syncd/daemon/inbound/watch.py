"""Wakes a till's loop when its vault's log, or the head noted beside it, changes on disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog
from watchdog.events import (
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from sentra.vault.database import DATABASE_FILE
from sentra.vault.journal import HEAD_FILE

LOG_FILE: Final = DATABASE_FILE + "-wal"
_WATCHED: Final = frozenset({LOG_FILE, DATABASE_FILE, HEAD_FILE})
_WRITES: Final = (FileCreatedEvent, FileModifiedEvent, FileMovedEvent)
_log = structlog.get_logger(__name__)


class _Handler(FileSystemEventHandler):
    def __init__(self, wakes: Mapping[str, Callable[[], None]]) -> None:
        self._wakes = wakes

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by the observer's thread, for what is written, made or moved into place."""
        path = event.dest_path if event.event_type == "moved" else event.src_path
        # A commit is a dozen of these: a path taken apart as text costs a tenth of a `Path`.
        folder, name = os.path.split(str(path))
        if name in _WATCHED and (wake := self._wakes.get(folder)) is not None:
            wake()


class VaultWatch:
    """One observer for all folders of the process."""

    def __init__(self, wakes: Mapping[Path, Callable[[], None]]) -> None:
        """`wakes` by data folder. A folder that does not exist yet is left to the timer."""
        self._folders = [folder.resolve() for folder in wakes]
        self._handler = _Handler({str(f.resolve()): wake for f, wake in wakes.items()})
        self._observer = Observer()

    def start(self) -> None:
        """Watches. Where the system allows no more watches, the timer does the work alone."""
        try:
            for path, recursive in _places(self._folders):
                self._observer.schedule(
                    self._handler, str(path), recursive=recursive, event_filter=list(_WRITES)
                )
            self._observer.start()
        except OSError as error:
            _log.warning("files are not watched, the timer is used", detail=str(error))

    def stop(self) -> None:
        """Ends the observer's threads."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(timeout=1)


def _places(folders: list[Path]) -> list[tuple[Path, bool]]:
    """(path, whether with its subfolders): siblings share one watch, of which systems have few."""
    there = [folder for folder in folders if folder.is_dir()]
    siblings = Counter(folder.parent for folder in there)
    alone = [(folder, False) for folder in there if siblings[folder.parent] == 1]
    return alone + [(parent, True) for parent, count in siblings.items() if count > 1]
