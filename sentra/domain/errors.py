"""The family of every refusal that a rule of the trade makes.

Each subject's module defines its own members beside the rule. What a member refuses has changed
nothing: the cart, the shift or the sale is as it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from sentra.failures import Failure


class DomainError(Failure):
    """The family: a rule of the trade says no, in a sentence that says what to do instead.

    `amounts` names those of the sentence's values that are minor units, so that whoever tells it
    can write them as money; `texts` those that are texts to be translated themselves.
    """

    code = "domain"
    amounts: ClassVar[tuple[str, ...]] = ()
    texts: ClassVar[tuple[str, ...]] = ()

    def told(self, gettext: Callable[[str], str] = str, money: Callable[[int], str] = str) -> str:
        """The sentence in the language of `gettext`, its amounts written by `money`."""

        def shown(name: str, value: object) -> object:
            if name in self.amounts and isinstance(value, int):
                return money(value)
            return gettext(str(value)) if name in self.texts else value

        values = {name: shown(name, value) for name, value in self.values.items()}
        return gettext(self.sentence) % values


class ApprovalNeeded(DomainError):
    """An action that needs a supervisor's PIN here."""

    code = "approval-needed"
    sentence = "This needs a supervisor's approval. Ask one to enter a PIN."


class ReasonMissing(DomainError):
    """An action that is explained in the books, without an explanation."""

    code = "reason-missing"
    sentence = "Say why, in a few words: the reason is kept with the entry."
