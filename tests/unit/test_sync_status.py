"""How far the journals are, as a person sees it in a narrow window."""

from __future__ import annotations

from rich.console import Console

from sentra.sync_status import JournalStatus, Mark, PlaceStatus, tables

AT_MS = 1_795_320_000_000
HELD = Mark(1, 22_522, "")


def shown(journal: JournalStatus) -> str:
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(*tables(PlaceStatus("router", AT_MS, (journal,))))
    return captured.get()


def test_eighty_columns_cut_no_place_of_a_journal() -> None:
    journal = JournalStatus(
        "Bandung", "Kasir 1", "t", HELD, HELD, HELD, HELD, via="router", heard_at_ms=AT_MS
    )
    assert shown(journal).count("1/22522") == 4


def test_what_nobody_knows_takes_no_room() -> None:
    journal = JournalStatus("Bandung", "Kasir 1", "t", HELD)
    assert shown(journal).count("–") == 1, "by which way it was heard"
