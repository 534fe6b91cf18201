"""What setup.cfg cannot say about packaging: templates/ and static/ become data packages.

They stay at the top of the checkout, where a person looks for them, and are `sentra.web.templates`
and `sentra.web.static` in the wheel. Everything else is in setup.cfg.
"""

from setuptools import find_packages, setup

PROGRAMS = ("sentra", "webapp", "syncd", "pos_shell", "router_agent", "demo", "bench", "simulation")

setup(
    packages=[
        *find_packages(include=[pattern for name in PROGRAMS for pattern in (name, f"{name}.*")]),
        "sentra.web.templates",
        "sentra.web.static",
    ],
    package_dir={"sentra.web.templates": "templates", "sentra.web.static": "static"},
)
