"""What people read about an error, by HTTP status; the handlers are in `errors`.

Texts stand here untranslated, marked by `N_`; `wording_of` puts them into the reader's language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask_babel import gettext


def N_(text: str) -> str:  # noqa: N802 - the mark's usual name, which the extraction looks for
    """Mark a text for translation without translating it here."""
    return text


@dataclass(frozen=True, slots=True)
class Wording:
    """A stable slug, the sentences of the page, its icon, and whether the same may work later."""

    slug: str
    title: str
    explanation: str
    advice: str
    icon: str
    retry: bool = False


def wording_of(status: int) -> Wording:
    """The words of a status in the reader's language; a rare status borrows those of 400 or 500."""
    words = _WORDINGS.get(status) or _WORDINGS[400 if status < 500 else 500]
    return Wording(
        words.slug,
        gettext(words.title),
        gettext(words.explanation),
        gettext(words.advice),
        words.icon,
        words.retry,
    )


_WORDINGS: Final = {
    400: Wording(
        "bad-request",
        N_("That request could not be read"),
        N_("Something in the address or the form is not as it should be."),
        N_("Go back, load the page again and try once more."),
        "message-question",
    ),
    401: Wording(
        "not-signed-in",
        N_("Please sign in"),
        N_("This page is for people who are signed in."),
        N_("Sign in and open it again."),
        "lock",
    ),
    403: Wording(
        "forbidden",
        N_("This is not open to you"),
        N_("Your role does not include this page or action."),
        N_("Ask a manager of your company if you need it."),
        "lock",
    ),
    404: Wording(
        "not-found",
        N_("Nothing is here"),
        N_("The page was moved, or the address has a typing mistake."),
        N_("Check the address, or start again from the first page."),
        "map-search",
    ),
    405: Wording(
        "method-not-allowed",
        N_("That does not work here"),
        N_("This address takes another kind of request."),
        N_("Go back and use the buttons of the page."),
        "hand-stop",
    ),
    409: Wording(
        "conflict",
        N_("Somebody was quicker"),
        N_("What you were changing has been changed meanwhile."),
        N_("Load the page again to see how it is now, then decide."),
        "git-merge",
        retry=True,
    ),
    413: Wording(
        "too-large",
        N_("That file is too large"),
        N_("What was sent is larger than this page takes."),
        N_("Split it into smaller files and send one after the other."),
        "file-alert",
    ),
    429: Wording(
        "too-many",
        N_("A little slower, please"),
        N_("There were too many attempts in a short time."),
        N_("Wait a moment, then try again."),
        "clock-pause",
        retry=True,
    ),
    500: Wording(
        "internal",
        N_("Something broke on our side"),
        N_("The error has been written down. Nothing that was saved is lost."),
        N_("Try again. If it comes back, give support the reference below."),
        "bug",
        retry=True,
    ),
    503: Wording(
        "unavailable",
        N_("Back in a moment"),
        N_("A part that this page needs does not answer right now. Tills go on selling."),
        N_("Try again in a minute."),
        "plug-connected-x",
        retry=True,
    ),
}
