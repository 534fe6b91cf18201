"""The shape of every error that a person may see: a code, a sentence, and whether a retry helps.

A subject's family is one subclass of `Failure`, its members say their sentence in English with
python-format placeholders; the sentence is the msgid under which translations find it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar


class Failure(Exception):
    """What failed, in one sentence that says what to do next.

    `code` is stable and may be searched for; `retry` says whether the same call may succeed later.
    """

    code: ClassVar[str] = "failure"
    sentence: ClassVar[str] = "Something went wrong: %(detail)s"
    retry: ClassVar[bool] = False

    def __init__(self, **values: object) -> None:
        self.values = values
        super().__init__(self.told())

    def told(self, gettext: Callable[[str], str] = str) -> str:
        """The sentence in the language of `gettext`, with its values filled in."""
        return gettext(self.sentence) % self.values
