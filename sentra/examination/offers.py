"""Who examines what: the entry points' group `sentra.examiners`.

`terminal(folder)` and `router(folder)` examine what is special to that device, after
`device.examine_folder`; `cloud()` examines the cloud of the environment's settings. Each gives a
list of `Finding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, cast

from sentra.command import VerbUnavailable
from sentra.examination.findings import Finding

GROUP: Final = "sentra.examiners"


class _Examiner(Protocol):
    def __call__(self, folder: Path | None = None) -> Sequence[Finding]: ...


def examine_device(role: str, folder: Path) -> Sequence[Finding]:
    """What is special to a till or a router. Raises VerbUnavailable."""
    return _examiner(role)(folder)


def examine_cloud() -> Sequence[Finding]:
    """The cloud. Raises VerbUnavailable."""
    return _examiner("cloud")()


def _examiner(name: str) -> _Examiner:
    try:
        (point,) = entry_points(group=GROUP, name=name)
        return cast(_Examiner, point.load())
    except (ValueError, ModuleNotFoundError, AttributeError) as error:
        raise VerbUnavailable(verb=f"doctor ({name})", reason=error) from error
