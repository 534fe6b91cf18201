"""What stops the daemon for a folder, as a sentence."""

from __future__ import annotations

from sentra.failures import Failure


class NotATill(Failure):
    """The folder of a router, or of whatever comes after it."""

    code = "daemon-not-a-till"
    sentence = (
        "The folder %(folder)s belongs to a router, which sends by itself. Give this program the "
        "folders of tills."
    )
