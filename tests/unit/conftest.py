"""Settings for the property tests: a loaded machine is no failure, and a failure says its seed."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("sentra", deadline=None, print_blob=True)
settings.load_profile("sentra")
