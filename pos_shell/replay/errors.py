"""Why a tickets file, or a part of it, cannot be taken as it stands."""

from __future__ import annotations

from collections.abc import Callable

from sentra.failures import Failure


class ReplayError(Failure):
    """The family: the whole file, or a setting of the replay, stops it."""

    code = "replay"


class ColumnsMissing(ReplayError):
    """The header line lacks columns."""

    code = "replay-columns-missing"
    sentence = (
        "The file %(path)s lacks the columns %(missing)s. Its first line must name %(columns)s; it "
        "names %(found)s."
    )


class LineProblem(Failure):
    """The family: what is wrong, or was put right, in one line."""

    code = "ticket-line"


class FieldEmpty(LineProblem):
    """Nothing stands where something must."""

    code = "ticket-field-empty"
    sentence = "The field is empty."


class FieldTooLong(LineProblem):
    """Longer than the books keep."""

    code = "ticket-field-too-long"
    sentence = "The text is too long: %(longest)s characters at most."


class NameCut(LineProblem):
    """A name longer than a receipt shows was shortened."""

    code = "ticket-name-cut"
    sentence = "The name is longer than %(longest)s characters and was cut."


class NothingSold(LineProblem):
    """A quantity of zero."""

    code = "ticket-nothing-sold"
    sentence = "A quantity of zero sells nothing."


class QuantityTooLarge(LineProblem):
    """Beyond what one line of a cart takes."""

    code = "ticket-quantity-too-large"
    sentence = "A line takes a quantity of %(largest)s at most."


class AmountTooLarge(LineProblem):
    """A price, or price × quantity, beyond what one line of a cart takes."""

    code = "ticket-amount-too-large"
    sentence = "A line takes an amount of %(largest)s at most."


class NegativePrice(LineProblem):
    """A price below zero was recorded as a return at the price above zero."""

    code = "ticket-negative-price"
    sentence = "A price below zero was recorded as a return of the same amount."


class AmountRounded(LineProblem):
    """Quantity × price falls between two minor units."""

    code = "ticket-amount-rounded"
    sentence = (
        "Quantity × price falls between two units of the currency and was rounded to %(amount)s."
    )


class PaymentUnknown(LineProblem):
    """A payment that the till has no tender for; the amount is recorded all the same."""

    code = "ticket-payment-unknown"
    sentence = (
        "The payment is not one of %(known)s; it was recorded as %(taken_as)s with this reference."
    )


class TimesDiffer(LineProblem):
    """Lines of one ticket say different times."""

    code = "ticket-times-differ"
    sentence = "The ticket began at %(first)s; this line's time was passed over."


class CharactersLost(LineProblem):
    """Characters that no receipt can print were left out."""

    code = "ticket-characters-lost"
    sentence = "Control characters were left out of the text."


class EncodingGuessed(LineProblem):
    """The file is not UTF-8."""

    code = "ticket-encoding-guessed"
    sentence = "The file is not UTF-8; it was read as %(encoding)s. Check the names."


class ColumnUnknown(LineProblem):
    """A column that a tickets file does not have."""

    code = "ticket-column-unknown"
    sentence = "The column is not known and was passed over."


class TicketSplit(LineProblem):
    """More lines than one sale takes."""

    code = "ticket-split"
    sentence = "The ticket has %(lines)s lines; it was recorded as %(parts)s sales."


class TicketRefused(LineProblem):
    """The till does not take the ticket; the reason is the till's own sentence."""

    code = "ticket-refused"
    sentence = "The till did not take the ticket: %(reason)s"

    def told(self, gettext: Callable[[str], str] = str) -> str:
        """The sentence with the till's own one in it, both in the language of `gettext`."""
        reason = self.values["reason"]
        said = reason.told(gettext) if isinstance(reason, Failure) else reason
        return gettext(self.sentence) % {"reason": said}


class TillMissing(LineProblem):
    """No vault of this branch and terminal was given."""

    code = "ticket-till-missing"
    sentence = (
        "No till folder of the branch “%(branch)s” and the terminal “%(terminal)s” was given."
    )
