"""The family of every refusal that a rule of the trade makes.

Each subject's module defines its own members beside the rule. What a member refuses has changed
nothing: the cart, the shift or the sale is as it was before.
"""

from __future__ import annotations

from sentra.failures import Failure


class DomainError(Failure):
    """The family: a rule of the trade says no, in a sentence that says what to do instead."""

    code = "domain"


class ApprovalNeeded(DomainError):
    """An action that needs a supervisor's PIN here."""

    code = "approval-needed"
    sentence = "This needs a supervisor's approval. Ask one to enter a PIN."


class ReasonMissing(DomainError):
    """An action that is explained in the books, without an explanation."""

    code = "reason-missing"
    sentence = "Say why, in a few words: the reason is kept with the entry."
