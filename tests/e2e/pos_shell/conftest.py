"""The shop that the till's tests sell in."""

from __future__ import annotations

from tests.support.shop import key_in_a_file, make, open_shop, shop

__all__ = ["key_in_a_file", "make", "open_shop", "shop"]
