"""The rules of the trade: cart, price, tax, rounding, payment, refund, drawer, permission.

Pure functions over frozen dataclasses. Only the standard library and the layers below (`events`,
`money`, `ids`, `instants`, `failures`) are imported; there is no clock, no randomness, no IO and
no float: instants, ids and decisions are arguments. `tests/architecture` holds this.

A sale goes: `cart` → `totals` (with `price`, `tax`) → `payment` (with `rounding`) → `checkout`.
"""
