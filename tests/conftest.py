"""What every test may ask for: `servers.py` has the databases, `browsers.py` a real Chromium."""

from __future__ import annotations

pytest_plugins = ("tests.servers", "tests.browsers")
