"""What ends a bench without a figure."""

from __future__ import annotations

from sentra.failures import Failure


class BenchFailed(Failure):
    """The family. What was measured until then means nothing."""

    code = "bench-failed"
    sentence = "Nothing was measured: %(detail)s"

    def __init__(self, detail: object) -> None:
        super().__init__(detail=detail)
