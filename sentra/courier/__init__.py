"""Sales by USB stick, where there is no network for good: `sentra courier pack`, `unpack`.

Whoever keeps facts says how they are packed and taken in, under the entry points' group
`sentra.couriers` (`offers`): `terminal`, `router`, `cloud`. This package knows the files only, and
opens neither a vault nor the cloud's database. Nothing is taken from a file before all of it was
read and its signature checked; taking it in twice changes nothing.
"""
