"""Words for a fact that stands in the journal and has no rows, and why it has none."""

from __future__ import annotations

from typing import Final

FACT_UNKNOWN: Final = "fact-unknown"
"""Its kind or schema is new to this version."""

FACT_UNREADABLE: Final = "fact-unreadable"
FACT_NOT_PROJECTED: Final = "fact-not-projected"
"""It makes a row that no table holds."""

FACT_DUPLICATE: Final = "fact-duplicate"
"""Another entry recorded the same before."""

SET_ASIDE: Final = frozenset({FACT_UNKNOWN, FACT_UNREADABLE, FACT_NOT_PROJECTED, FACT_DUPLICATE})
