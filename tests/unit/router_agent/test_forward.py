"""What goes to the cloud next: current journals first, nobody for ever last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router_agent.operations.forward import SHARE_BYTES, Lane, choose
from sentra.protocol.envelope import SEGMENTS_MAX

_SIZES = st.lists(st.integers(200, 900_000), max_size=40).map(tuple)
_LANES = st.lists(_SIZES, max_size=8).map(
    lambda many: [Lane(f"t{n}", len(sizes) * 3, sizes) for n, sizes in enumerate(many)]
)


def test_a_current_journal_goes_before_one_with_a_backlog() -> None:
    behind = Lane("behind", 50_000, (400_000,) * 40)
    current = Lane("current", 1, (400,))
    picks = choose([behind, current], 1024 * 1024)
    assert picks[0].terminal == "current"
    assert {pick.terminal for pick in picks} == {"current", "behind"}


def test_a_backlog_takes_what_the_others_leave() -> None:
    lone = Lane("lone", 4_000, (100_000,) * 40)
    assert choose([lone], 1_000_000)[0].segments == 10


def test_a_lane_gets_a_share_before_another_gets_all() -> None:
    lanes = [Lane(name, 1_000, (64 * 1024,) * 100) for name in "ab"]
    picks = {pick.terminal: pick.segments for pick in choose(lanes, 2 * SHARE_BYTES)}
    assert picks == {"a": 4, "b": 4}


@given(_LANES, st.integers(1, 8 * 1024 * 1024))
def test_something_goes_whenever_something_waits(lanes: list[Lane], credit: int) -> None:
    picks = choose(lanes, credit)
    assert bool(picks) == any(lane.sizes for lane in lanes)


@given(_LANES, st.integers(1, 8 * 1024 * 1024))
def test_no_envelope_exceeds_its_credit_but_for_a_single_segment(
    lanes: list[Lane], credit: int
) -> None:
    sizes = {lane.terminal: lane.sizes for lane in lanes}
    picks = choose(lanes, credit)
    total = sum(sum(sizes[pick.terminal][: pick.segments]) for pick in picks)
    count = sum(pick.segments for pick in picks)
    assert total <= credit or count == 1
    assert count <= SEGMENTS_MAX
