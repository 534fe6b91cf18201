"""What the router answers a till: its own heads, and the cloud's signed word as it has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from router_agent.operations.journals import JournalState
from router_agent.operations.take import Taking
from sentra.protocol.entry import EMPTY
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX
from sentra.protocol.messages import (
    PROTOCOLS,
    Hello,
    HelloAnswer,
    JournalAnswer,
    JournalOutcome,
    Watermark,
    note_of,
)
from sentra.protocol.segment import SEGMENT_BYTES_MAX

SKEW_TOLD_MS = 2 * 60 * 1000
"""Above this a person should set the clock; nothing breaks."""

CREDIT_BYTES = 4 * 1024 * 1024
"""What a till may send next: the LAN is fast and the disk keeps up."""


def answer_hello(
    hello: Hello,
    terminal: str,
    state: JournalState | None,
    feed: Mapping[str, int],
    timeline: str,
    now_ms: int,
    version: str,
    notices: tuple[str, ...] = (),
    since: Watermark | None = None,
) -> HelloAnswer:
    """The terminal's head here and in the cloud, and the feed's heads in this cache."""
    spoken = set(PROTOCOLS) & set(hello.protocols)
    here = state.here if state else EMPTY
    mark = state.watermark if state else None
    archived = state.archived if state else None
    return HelloAnswer(
        protocol=max(spoken, default=0),
        software=version,
        clock_ms=now_ms,
        timeline=timeline,
        here={terminal: note_of(here)},
        cloud={} if mark is None else {terminal: mark},
        feed=dict(feed),
        segment_bytes_max=SEGMENT_BYTES_MAX,
        envelope_bytes_max=ENVELOPE_BYTES_MAX,
        notices=notices,
        archived={} if archived is None else {terminal: archived},
        since=since,
    )


def notices_for(hello: Hello, now_ms: int, *, revoked: bool, timeline: str) -> tuple[str, ...]:
    """Stable words, the same as the cloud's, for what the terminal or a person should know."""
    told = {
        "device-revoked": revoked,
        "clock-off": abs(hello.clock_ms - now_ms) > SKEW_TOLD_MS,
        "timeline-new": bool(hello.timeline) and hello.timeline != timeline,
    }
    return tuple(word for word, so in told.items() if so)


def answer_journal(takings: Sequence[Taking], marks: Mapping[str, Watermark]) -> JournalAnswer:
    """One outcome for each journal, each with the cloud's watermark where one is known."""
    return JournalAnswer(
        outcomes=tuple(
            JournalOutcome(
                terminal=taking.terminal,
                outcome=taking.outcome,
                here=note_of(taking.head),
                appended=taking.entry_count,
                cloud=marks.get(taking.terminal),
                problem=taking.problem,
            )
            for taking in takings
        ),
        credit_bytes=CREDIT_BYTES,
    )
