"""What can come of a request: no answer, a refusal, or an answer that cannot be believed."""

from __future__ import annotations

from sentra.failures import Failure
from sentra.protocol.messages import Problem

_URN = "urn:sentra:problem:"


class LinkFailure(Failure):
    """The family. `slug` is a stable word for logs, metrics and status lines."""

    code = "link"
    slug = "link"


class LinkDown(LinkFailure):
    """No answer, or one from something in between: the request may be made again.

    `slug` says how: `no-answer`, `timeout`, `tls`, `http-502`, `unreadable`.
    """

    code = "link-down"
    sentence = "%(address)s does not answer (%(detail)s). It is tried again by itself."
    retry = True

    def __init__(self, slug: str, address: str, detail: object) -> None:
        self.slug = slug
        super().__init__(address=address, detail=detail)


class LinkRefused(LinkFailure):
    """The other end answered with a problem. `slug` is the last word of its type."""

    code = "link-refused"
    sentence = "%(address)s refused the request: %(detail)s"

    def __init__(self, address: str, problem: Problem) -> None:
        self.problem = problem
        self.slug = problem.type.removeprefix(_URN)
        super().__init__(address=address, detail=problem.detail or problem.title or self.slug)


class AddressWrong(LinkFailure):
    """An address that is not host:port or https://."""

    code = "address-wrong"
    slug = "address-wrong"
    sentence = "“%(address)s” is not an address. Write https://host or host:port."


class EnrolmentFailure(Failure):
    """The family of what can stop an enrolment; the device is as it was before."""

    code = "enrolment"


class CodeMistyped(EnrolmentFailure):
    """Not the form of a code at all; nothing was sent."""

    code = "enrolment-code-mistyped"
    sentence = (
        "An enrolment code has twelve letters and digits, XXXX-XXXX-XXXX. Check and retype it."
    )


class EnrolmentRefused(EnrolmentFailure):
    """The back office does not take the code. `detail` says why, in the reader's language."""

    code = "enrolment-refused"
    sentence = "The back office did not take the code: %(detail)s Ask for a new one there."


class CloudUnproved(EnrolmentFailure):
    """Whoever answered does not know the code: nothing it sent is believed."""

    code = "enrolment-cloud-unproved"
    sentence = (
        "%(address)s could not prove that it is the back office that made the code. Check the "
        "address and the network, then ask for a new code."
    )
