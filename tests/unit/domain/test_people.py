"""Who may do what, what a PIN must be, and what happens when it is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.domain.lockout import (
    FIRST_WAIT_MS,
    FREE_TRIES,
    LOCKED_AT,
    LONG_WAIT_MS,
    Lockout,
    PinLocked,
    PinWait,
    check_open,
    failed,
    opened,
    seen,
    wait_ms,
)
from sentra.domain.permission import (
    BOOKKEEPER,
    BRANCH_IT,
    CASHIER,
    MANAGER,
    OWNER,
    ROLES,
    SUPERVISOR,
    NotAllowed,
    Permission,
    may,
    permissions_of,
    require,
)
from sentra.domain.pin import PinForm, PinTooEasy, check_pin
from tests.unit.domain.builders import NOW_MS

# --- Permissions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "permission", "allowed"),
    [
        (CASHIER, Permission.SALE_COMPLETE, True),
        (CASHIER, Permission.SALE_VOID_ANY, False),
        (CASHIER, Permission.SHIFT_REPORT, False),
        (CASHIER, Permission.DASHBOARD_VIEW, False),
        (SUPERVISOR, Permission.REFUND_APPROVE, True),
        (SUPERVISOR, Permission.SHIFT_REPORT, True),
        (SUPERVISOR, Permission.PIN_UNLOCK, True),
        (SUPERVISOR, Permission.CATALOGUE_EDIT, False),
        (MANAGER, Permission.CATALOGUE_EDIT, True),
        (MANAGER, Permission.TAX_EDIT, False),
        (MANAGER, Permission.COMPANY_EDIT, False),
        (BOOKKEEPER, Permission.MONEY_VIEW, True),
        (BOOKKEEPER, Permission.SALE_COMPLETE, False),
        (BOOKKEEPER, Permission.CATALOGUE_EDIT, False),
        (BRANCH_IT, Permission.ROUTER_OPERATE, True),
        (BRANCH_IT, Permission.SALES_VIEW, False),
        (OWNER, Permission.COMPANY_EDIT, True),
    ],
)
def test_each_role_may_do_its_own_work(role: str, permission: Permission, allowed: bool) -> None:
    assert may([role], permission) is allowed


def test_a_stranger_may_do_nothing() -> None:
    assert permissions_of([]) == frozenset()
    assert permissions_of(["astronaut"]) == frozenset()
    with pytest.raises(NotAllowed, match="Sell and take payment"):
        require([], Permission.SALE_COMPLETE)


def test_roles_add_up() -> None:
    assert permissions_of([CASHIER, BOOKKEEPER]) == ROLES[CASHIER] | ROLES[BOOKKEEPER]
    require([CASHIER, "astronaut"], Permission.SALE_COMPLETE)


def test_the_owner_may_do_all_and_every_permission_says_what_it_is() -> None:
    assert ROLES[OWNER] == set(Permission)
    assert len({permission.about for permission in Permission}) == len(Permission)
    assert all(permission.about[0].isupper() for permission in Permission)
    assert may([OWNER], "catalogue.edit")


# --- PINs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", ["", "1234", "12345a", "1234567", "١٢٣٤٥٦", " 12345"])
def test_a_pin_is_six_digits(pin: str) -> None:
    with pytest.raises(PinForm):
        check_pin(pin)


@pytest.mark.parametrize(
    "pin", ["000000", "123456", "345678", "654321", "987654", "567890", "121212"]
)
def test_a_pin_that_is_guessed_first_is_refused(pin: str) -> None:
    with pytest.raises(PinTooEasy):
        check_pin(pin)


def test_another_pin_is_taken() -> None:
    assert check_pin("739204") == "739204"


# --- Lockout ------------------------------------------------------------------------------------


def after_wrong_pins(count: int, at_ms: int = NOW_MS) -> Lockout:
    """The state after so many wrong PINs in a row, each tried as soon as it was taken."""
    state = Lockout()
    for _ in range(count):
        at_ms += wait_ms(state, at_ms)
        state = failed(state, at_ms)
    return state


def test_people_may_mistype_a_few_times_without_waiting() -> None:
    assert wait_ms(after_wrong_pins(FREE_TRIES), NOW_MS) == 0


def test_waits_grow_from_the_fifth_wrong_pin_on() -> None:
    waits = [
        after_wrong_pins(n).open_at_ms - after_wrong_pins(n).elapsed_ms for n in range(5, LOCKED_AT)
    ]
    assert waits == [FIRST_WAIT_MS * 2**n for n in range(5)]


def test_a_pin_guessed_ten_times_is_locked_until_a_supervisor_opens_it() -> None:
    state = after_wrong_pins(LOCKED_AT)
    assert state.locked
    with pytest.raises(PinLocked) as refused:
        check_open(state, state.wall_ms + LONG_WAIT_MS - 1)
    assert refused.value.values["wait_s"] == 1
    check_open(opened(state, state.wall_ms), state.wall_ms)


def test_after_the_long_wait_one_try_is_taken_and_a_wrong_one_locks_again() -> None:
    state = after_wrong_pins(LOCKED_AT)
    later = state.wall_ms + LONG_WAIT_MS
    check_open(state, later)
    assert wait_ms(failed(state, later), later) == LONG_WAIT_MS


def test_a_right_pin_forgets_the_wrong_ones() -> None:
    state = opened(after_wrong_pins(4), NOW_MS)
    assert (state.failures, wait_ms(state, NOW_MS)) == (0, 0)


def test_a_try_before_its_time_is_told_how_long_to_wait() -> None:
    state = after_wrong_pins(5)
    with pytest.raises(PinWait, match="in 30 seconds"):
        check_open(state, NOW_MS + 1)
    check_open(state, NOW_MS + FIRST_WAIT_MS)


@given(st.lists(st.integers(-(10**10), 10**10), max_size=20))
def test_setting_the_clock_back_neither_shortens_nor_lengthens_a_wait(jumps: list[int]) -> None:
    state, wall = after_wrong_pins(5), NOW_MS
    waited = 0
    for jump in jumps:
        wall += jump
        waited += max(jump, 0)
        state = seen(state, wall)
        assert wait_ms(state, wall) == max(FIRST_WAIT_MS - waited, 0)
    for _ in range(FIRST_WAIT_MS // 1000):
        wall += 1000
        state = seen(state, wall)
    assert wait_ms(state, wall) == 0
