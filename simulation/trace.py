"""What happened, line by line, and its digest: two runs with one digest were the same run."""

from __future__ import annotations

import hashlib


class Trace:
    """The lines of one run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        """Add a line. It must hang on the seed alone: no addresses, no keys, no real time."""
        self.lines.append(line)

    def digest(self) -> str:
        """SHA-256 over all lines, hex."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()
