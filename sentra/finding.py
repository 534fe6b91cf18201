"""One thing that a proof found not to be as it must be, and where: one shape at every place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

N_: Final = str

OTHER_BYTES: Final = N_("its bytes are not those that came, though they hold the same entries")
"""Of a sealed segment, by the digest beside it."""

Values = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` is chain, segment, signature, fork, head, watermark, unreadable, shift, projection or
    sums; `epoch` and `seq` say where, 0: the whole journal, or where there is no terminal the whole
    branch. `receipt` is the number of the entry's receipt where it has one. `sentence` is English
    with python-format placeholders, the msgid of its translations; `values` fill it.
    """

    kind: str
    epoch: int
    seq: int
    sentence: str
    values: Values = ()
    receipt: str = ""
    terminal_id: str | None = None
    branch_id: str = ""

    @property
    def detail(self) -> str:
        """The sentence in English."""
        return self.sentence % dict(self.values) if self.values else self.sentence


def found(
    kind: str,
    epoch: int,
    seq: int,
    sentence: str,
    *,
    receipt: str = "",
    terminal_id: str | None = None,
    branch_id: str = "",
    **values: object,
) -> Finding:
    """A finding from what its sentence is filled with."""
    return Finding(
        kind, epoch, seq, sentence, tuple(values.items()), receipt, terminal_id, branch_id
    )
