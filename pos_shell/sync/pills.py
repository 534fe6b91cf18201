"""The state of the two hops as the top bar's pills, in the language of the request."""

from __future__ import annotations

from flask_babel import gettext, ngettext

from pos_shell.sync.queries import SKEW_SHOWN_MS, Hop, SyncState, sync_state
from pos_shell.till import Till
from sentra.web.filters import ago, duration, skew
from sentra.web.frames import SyncPill


def pills(till: Till) -> tuple[SyncPill, ...]:
    """Router, cloud, and whatever else a cashier must know of the way of the sales."""
    now = sync_state(till)
    now_ms = till.clock()
    shown = [_pill(gettext("Router"), now.router, now_ms)] if now.router else []
    shown.append(_pill(gettext("Cloud"), now.cloud, now_ms))
    return (*shown, *_warnings(now))


def _pill(name: str, hop: Hop, now_ms: int) -> SyncPill:
    if hop.level == "saved":
        return SyncPill("ok", gettext("%(place)s: all saved", place=name))
    if hop.level == "nothing":
        return SyncPill("unknown", gettext("%(place)s: nothing sold yet", place=name))
    label = ngettext(
        "%(place)s: %(num)s waiting", "%(place)s: %(num)s waiting", hop.count, place=name
    )
    age_s = max(0, now_ms - (hop.oldest_at_ms or now_ms)) / 1000
    return SyncPill("wait", label, duration(age_s, parts=1))


def _warnings(now: SyncState) -> list[SyncPill]:
    found = []
    if now.daemon_silent:
        detail = ago(now.daemon_seen_at_ms) if now.daemon_seen_at_ms else ""
        found.append(SyncPill("bad", gettext("Sending has stopped"), detail))
    notices = {
        "fork": gettext("This till exists twice: enrol it anew"),
        "revoked": gettext("This till was revoked"),
        "journal-behind": gettext("This till runs on an old copy: what it lost is fetched"),
        "refused": gettext("The cloud refuses this till's journal: call support"),
        "unanswered": gettext("Nobody confirms what was sent: call support"),
        "forgotten": gettext("The cloud lacks old sales of this till: call support"),
        "protocol-too-old": gettext("This till's version is too old: update it"),
        "feed-stuck": gettext("New prices do not arrive: call support"),
    }
    if now.notice in notices:
        found.append(SyncPill("bad", notices[now.notice]))
    if now.restored is not None:
        detail = gettext("Journal restored, epoch %(epoch)s", epoch=now.restored.epoch)
        found.append(SyncPill("ok", detail, ago(now.restored.at_ms)))
    if abs(now.skew_ms) > SKEW_SHOWN_MS:
        found.append(SyncPill("wait", gettext("Clock %(skew)s", skew=skew(now.skew_ms))))
    return found
