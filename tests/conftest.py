"""What every test may ask for: `servers.py` has the databases; `browsers.py` comes by setup.cfg."""

from __future__ import annotations

pytest_plugins = ("tests.servers",)
