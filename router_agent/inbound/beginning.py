"""Where a terminal's journal begins here: behind what nobody can, or need, send here any more."""

from __future__ import annotations

import structlog

from router_agent.operations.begin import is_present_word
from router_agent.outbound import bases, store
from router_agent.parts import RouterParts
from sentra.protocol.entry import EMPTY
from sentra.protocol.messages import Base, HeadWrong, Hello, Watermark

_log = structlog.get_logger(__name__)


def begin_journal(router: RouterParts, terminal: str, hello: Hello) -> None:
    """Before the hello is answered with a head. Raises HeadWrong for what no journal can have."""
    mark, base = hello.cloud.get(terminal), hello.bases.get(terminal)
    try:
        if mark is not None:
            _behind_the_cloud(router, terminal, mark)
        if base is not None:
            _at_its_base(router, terminal, base)
    except ValueError as error:
        raise HeadWrong("a journal can begin at no such head") from error


def _behind_the_cloud(router: RouterParts, own: str, mark: Watermark) -> None:
    """A router that is new gets what the cloud does not have; the rest it has no need of."""
    head = mark.head.to_head()
    with router.vault.reader() as db:
        known, since = store.journal(db, own), store.since(db)
    if known is not None and known.here != EMPTY:
        return
    if not is_present_word(mark, own, known, since, router.identity.cloud_public_key):
        _log.warning("not the cloud's word on what it has", terminal=own)
        return
    with router.vault.writer() as db:
        store.begin_behind(db, mark)
    _log.info("a journal begins at the cloud's head", terminal=own, epoch=head.epoch, seq=head.seq)


def _at_its_base(router: RouterParts, own: str, base: Base) -> None:
    """What the till dropped for its age nobody can send here any more."""
    head = base.head.to_head()
    if not base.is_covered(own, router.identity.cloud_public_key):
        _log.warning("a base that the cloud did not sign", terminal=own)
        return
    with router.vault.reader() as db:
        here = store.head_of(db, own)
    if (here.epoch, here.seq) >= (head.epoch, head.seq):
        return
    with router.vault.writer() as db:
        bases.begin_at(db, own, head)
    _log.info("a journal begins behind its base", terminal=own, epoch=head.epoch, seq=head.seq)
