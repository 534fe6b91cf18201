"""What every test may ask for: `servers.py` has the databases; `hashing.py` makes hashes cheap."""

from __future__ import annotations

pytest_plugins = ("tests.hashing", "tests.scheduling", "tests.servers", "tests.templates")
