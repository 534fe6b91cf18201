"""The one sentence that matters most, what follows from it, and what each word of trouble means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask_babel import gettext, ngettext

from router_agent.operations.line import LineState
from router_agent.status.queries import SKEW_MS_MAX, StatusView, Tone
from sentra.web.filters import ago, clock, duration, moment, money, number, skew

ON_ITS_WAY_MS: Final = 10_000
"""What came in a moment ago is on its way; what is older waits."""

NAMES_MAX: Final = 3
"""Tills that the sentence names; the table has them all."""

N_: Final = str
"""Marks a text for the translators."""

PROBLEMS: Final = {
    "no-answer": N_("Nothing answers: the internet line or the router's own cable is down."),
    "timeout": N_("The line is there, but too slow: the cloud's answer did not come in time."),
    "tls": N_(
        "Something else answers in the cloud's place: a hotspot's sign-in page, a proxy, or a "
        "wrong address."
    ),
    "unreadable": N_("What answers is not the cloud: a hotspot's sign-in page or a proxy."),
    "too-busy": N_("The cloud is busy and asks to wait. It is tried again by itself."),
    "unavailable": N_("The cloud is being worked on. It is tried again by itself."),
    "signature-wrong": N_("The cloud does not know this router's key. Enrol the router anew."),
    "device-unknown": N_("The cloud does not know this router. Enrol it anew."),
    "device-revoked": N_("This router was revoked in the back office. Enrol a new one."),
    "clock-skew": N_("This router's clock is too far off. Set it."),
    "feed-damaged": N_("Decisions came that the cloud did not sign. They were not taken."),
    "fault": N_("A fault of this program: see its log, and tell whoever looks after Sentra."),
    "fork": N_(
        "The cloud has other sales at the same place: two tills use one identity. Enrol one of "
        "them anew."
    ),
    "chain-broken": N_("The cloud does not take this till's journal: its chain is broken."),
    "segment-damaged": N_("The cloud does not take this till's journal: it is damaged here."),
    "gap": N_(
        "The cloud lacks earlier entries of this till, which it once had archived and which nobody "
        "else holds any more. It takes them back from its archive: `sentra doctor --cloud` says "
        "how that does."
    ),
    "vault-full": N_("The disk is full. Make room: tills send straight to the cloud meanwhile."),
    "vault-unwritable": N_("The disk cannot be written. Check it, or replace this router."),
    "vault-damaged": N_("The database here is damaged. Replace this router."),
    "vault-busy": N_("The database here is held by another program. Restart this machine."),
}
"""Slug -> what it means to a technician."""

_BETWEEN: Final = ("tls", "unreadable")
_NO_LINE: Final = ("no-answer", "timeout")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A title, what follows from it sentence by sentence, and how serious it is."""

    title: str
    text: str
    tone: Tone


def meaning(slug: str | None) -> str:
    """The sentence about a problem, in the reader's language; the bare word for a new one."""
    if slug is None:
        return ""
    if slug.startswith("http-"):
        return str(gettext("The cloud's front door answers (%(code)s), the cloud behind it does "
                           "not.", code=slug.removeprefix("http-").upper()))  # fmt: skip
    known = PROBLEMS.get(slug)
    return str(gettext(known)) if known else str(gettext("Problem: %(word)s.", word=slug))


def verdict(view: StatusView) -> Verdict:
    """The first that applies of: the disk, this router itself, the line, what waits, the tills."""
    for look in (_disk, _router, _line, _backlog, _tills):
        found = look(view)
        if found is not None:
            return found
    return Verdict(
        str(gettext("All is well: everything that was sold is in the cloud.")),
        _sentences(_last_word(view.line)),
        "ok",
    )


def _disk(view: StatusView) -> Verdict | None:
    if view.line.disk_problem is None:
        return None
    title = gettext("This router cannot keep anything new. Tills go on selling.")
    return Verdict(str(title), _sentences(meaning(view.line.disk_problem), *_sums(view)), "bad")


def _router(view: StatusView) -> Verdict | None:
    revoked = "device-revoked" in view.line.notices
    refused = view.line.problem in ("signature-wrong", "device-unknown", "device-revoked")
    if not (revoked or refused):
        return None
    title = gettext("The cloud does not accept this router any more. Tills go on selling.")
    word = "device-revoked" if revoked else view.line.problem
    return Verdict(str(title), _sentences(meaning(word), *_sums(view)), "bad")


def _line(view: StatusView) -> Verdict | None:
    line = view.line
    if line.reachable:
        return None
    if line.reachable is None:
        title = gettext("This router has just started. It is calling the cloud.")
        return Verdict(str(title), _sentences(*_sums(view)), "wait")
    since_ms = line.since_ms if line.since_ms is not None else view.now_ms
    time = duration((view.now_ms - since_ms) / 1000)
    if line.problem is None or line.problem in _NO_LINE:
        title = gettext("The internet has been down for %(time)s. Tills go on selling.", time=time)
    elif line.problem in _BETWEEN:
        title = gettext("Something stands between this router and the cloud, for %(time)s now. "
                        "Tills go on selling.", time=time)  # fmt: skip
    else:
        title = gettext("The cloud has not served this router for %(time)s. Tills go on selling.",
                        time=time)  # fmt: skip
    why = "" if line.problem in (None, "no-answer") else meaning(line.problem)
    nothing = gettext("Nothing waits yet. Whatever is sold now is kept here and sent when the "
                      "line is back.")  # fmt: skip
    mend = gettext("Nothing to do on your side but the line itself.")
    sums = _sums(view) or [str(nothing)]
    return Verdict(str(title), _sentences(*sums, why or str(mend)), "wait")


def _backlog(view: StatusView) -> Verdict | None:
    waiting = view.waiting
    oldest_ms = waiting.oldest_at_ms
    if view.line.set_aside:
        return _set_aside(view)
    if oldest_ms is None or view.now_ms - oldest_ms < ON_ITS_WAY_MS:
        return None
    title = gettext("The line is back. What waited is on its way.")
    left = gettext("About %(time)s left.", time=duration(view.drain_s)) if view.drain_s else ""
    return Verdict(str(title), _sentences(*_sums(view, drain=False), str(left)), "wait")


def _set_aside(view: StatusView) -> Verdict:
    names = _names([till.name for till in view.tills if till.set_aside])
    title = gettext("The cloud does not take the journal of %(names)s.", names=names or "?")
    words = {till.set_aside for till in view.tills if till.set_aside}
    keep = gettext("It is kept here and nothing of it is lost; the other tills are not held up.")
    return Verdict(str(title), _sentences(*map(meaning, sorted(words)), str(keep)), "bad")


def _tills(view: StatusView) -> Verdict | None:
    """The line is well; is everybody there, at the right time?"""
    silent = [till.name for till in view.tills if till.silent]
    holding = [till.name for till in view.tills if till.not_here]
    skewed = [till.name for till in view.tills if till.skewed]
    strangers = [till.name for till in view.tills if till.last_heard_at_ms is None]
    if silent:
        title = ngettext("The line is up, but one till is not heard: %(names)s.",
                         "The line is up, but %(num)s tills are not heard: %(names)s.",
                         len(silent), names=_names(silent))  # fmt: skip
        text = gettext("Whatever was not sent is safe in the till. Is it switched off? Then all is "
                       "well; else check its network cable.")  # fmt: skip
        return Verdict(str(title), _sentences(str(text), _last_word(view.line)), "wait")
    if holding:
        title = gettext("The line is up, but not everything has come here: %(names)s.",
                        names=_names(holding))  # fmt: skip
        text = gettext("What is missing is safe in the till, and is tried again by itself.")
        return Verdict(str(title), _sentences(str(text), _last_word(view.line)), "wait")
    if abs(view.line.skew_ms or 0) > SKEW_MS_MAX:
        title = gettext("All is sent, but this router's clock is off by %(time)s.",
                        time=skew(view.line.skew_ms))  # fmt: skip
        text = gettext("Nothing is lost by it: order comes from the journals. Set the clock.")
        return Verdict(str(title), _sentences(str(text)), "wait")
    if skewed:
        title = gettext("All is sent, but a clock is off: %(names)s.", names=_names(skewed))
        text = gettext("Nothing is lost by it: order comes from the journals. Set the clock.")
        return Verdict(str(title), _sentences(str(text)), "wait")
    if strangers:
        title = gettext("The line is up. Not heard yet: %(names)s.", names=_names(strangers))
        text = gettext("A till speaks as soon as it is switched on and in the branch's network.")
        return Verdict(str(title), _sentences(str(text), _last_word(view.line)), "wait")
    if not view.tills:
        title = gettext("The line is up. This branch has no till yet.")
        return Verdict(str(title), _sentences(_last_word(view.line)), "ok")
    return None


def _sums(view: StatusView, *, drain: bool = True) -> list[str]:
    """What waits here: sales, money, since when, how long it will take."""
    waiting = view.waiting
    if not waiting.entries:
        return []
    since = _time_of_day(view, waiting.oldest_at_ms or view.now_ms)
    if waiting.more:
        told = gettext("More than %(count)s sales (%(amount)s) wait here, the oldest since "
                       "%(time)s.", count=number(waiting.sales),
                       amount=money(waiting.amount, view.currency), time=since)  # fmt: skip
    elif waiting.sales:
        told = ngettext("%(count)s sale (%(amount)s) waits here, since %(time)s.",
                        "%(count)s sales (%(amount)s) wait here, the oldest since %(time)s.",
                        waiting.sales, count=number(waiting.sales),
                        amount=money(waiting.amount, view.currency), time=since)  # fmt: skip
    else:
        told = ngettext("%(count)s entry waits here, since %(time)s.",
                        "%(count)s entries wait here, the oldest since %(time)s.",
                        waiting.entries, count=number(waiting.entries), time=since)  # fmt: skip
    sentences = [str(told)]
    if drain and view.drain_s is not None:
        time = duration(view.drain_s)
        sentences.append(
            str(gettext("At the usual speed it takes %(time)s once the line is back.", time=time))
        )
    return sentences


def _time_of_day(view: StatusView, at_ms: int) -> str:
    is_today = view.now_ms - at_ms < 20 * 60 * 60 * 1000
    shown: Callable[[int, str], str] = clock if is_today else moment
    return shown(at_ms, view.zone)


def _last_word(line: LineState) -> str:
    if line.last_ok_at_ms is None:
        return ""
    return str(gettext("Last word from the cloud: %(time)s.", time=ago(line.last_ok_at_ms)))


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:NAMES_MAX])
    return shown + (" …" if len(names) > NAMES_MAX else "")


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)
