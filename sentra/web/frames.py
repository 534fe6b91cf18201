"""What the layouts need beside a page's own content; each program makes its frame per request.

`layouts/backoffice.html` reads a `BackofficeFrame`, `till.html` a `TillFrame`, `status.html` a
`StatusFrame`, all under the name `frame`, which `create_app(frame=…)` passes to every template.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SyncState = Literal["ok", "wait", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class NavItem:
    """A line of the menu. `count` is a badge of what needs a person (0 shows nothing)."""

    label: str
    href: str
    icon: str
    active: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class NavGroup:
    """Menu lines under a heading; the first group usually has none."""

    items: tuple[NavItem, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class PersonBadge:
    """Who is signed in, as the frame shows it."""

    name: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class BackofficeFrame:
    """The back office around a page. `person` None: no menu, as on the sign-in page.

    `live_url` is the server-sent-events stream that wakes the page's fragments ("" for none).
    `message` stands once above the content, after a form that led here.
    """

    company: str
    navigation: tuple[NavGroup, ...] = ()
    person: PersonBadge | None = None
    sign_out_url: str = ""
    account_url: str = ""
    search_url: str = ""
    live_url: str = ""
    message: str = ""
    message_tone: str = "ok"


@dataclass(frozen=True, slots=True)
class SyncPill:
    """One level of acknowledgement: what it says and how sure that is.

    `state` ok only on evidence (acknowledged heads); unknown where nothing has been heard.
    """

    state: SyncState
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A shortcut shown in the till's bottom line; `href` makes it act as well."""

    key: str
    label: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class TillFrame:
    """The till around a screen. `status_url` answers the fragment of the top bar's pills."""

    branch: str
    terminal: str
    shift: str = ""
    person: PersonBadge | None = None
    switch_url: str = ""
    pills: tuple[SyncPill, ...] = ()
    printer: str = ""
    time: str = ""
    hints: tuple[KeyHint, ...] = ()
    last_receipt: str = ""
    training: bool = False
    status_url: str = ""
    live_url: str = ""


@dataclass(frozen=True, slots=True)
class StatusFrame:
    """A status page: what it is the page of, the time there, and the program's version."""

    title: str
    time: str = ""
    version: str = ""
    navigation: tuple[NavItem, ...] = field(default=())
    live_url: str = ""
    sign_out_url: str = ""
