"""Signing in: a PIN proves a person, wrong ones are counted, and a supervisor helps."""

from __future__ import annotations

import pytest

from pos_shell.cashier.actions import PersonGone, PinWrong, approve, leave, sign_in, unlock
from pos_shell.cashier.queries import approvers, cashiers
from pos_shell.till import Till
from sentra.domain.lockout import PinLocked, PinWait
from sentra.domain.permission import NotAllowed, Permission
from sentra.domain.pin import PinForm
from tests.support.shop import BRANCH_ID, DEWI, DEWI_PIN, RUDI, RUDI_PIN, Shop

WRONG = "907315"


def guess(shop: Shop, times: int) -> list[str]:
    heard = []
    for _ in range(times):
        with pytest.raises((PinWrong, PinWait, PinLocked)) as refused:
            sign_in(shop.till, DEWI.id, WRONG)
        heard.append(type(refused.value).__name__)
    return heard


def test_the_right_pin_puts_the_person_at_the_till(shop: Shop) -> None:
    assert sign_in(shop.till, DEWI.id, DEWI_PIN) == DEWI
    assert shop.till.desk.person == DEWI
    sign_in(shop.till, RUDI.id, RUDI_PIN)
    assert shop.till.desk.person == RUDI
    leave(shop.till)
    assert shop.till.desk.person is None


def test_another_persons_pin_is_wrong(shop: Shop) -> None:
    with pytest.raises(PinWrong):
        sign_in(shop.till, DEWI.id, RUDI_PIN)
    assert shop.till.desk.person is None


@pytest.mark.parametrize("pin", ["", "12345", "1234567", "12345a", "１２３４５６"])
def test_what_is_no_pin_is_not_even_tried(shop: Shop, pin: str) -> None:
    with pytest.raises(PinForm):
        sign_in(shop.till, DEWI.id, pin)


def test_ten_guesses_in_a_row_are_not_ten_tries(shop: Shop) -> None:
    assert guess(shop, 10) == ["PinWrong"] * 5 + ["PinWait"] * 5
    with pytest.raises(PinWait):
        sign_in(shop.till, DEWI.id, DEWI_PIN)


def test_waiting_opens_the_way_again_and_the_right_pin_forgets_the_wrong_ones(shop: Shop) -> None:
    guess(shop, 5)
    shop.clock.forward(seconds=31)
    sign_in(shop.till, DEWI.id, DEWI_PIN)
    assert guess(shop, 4) == ["PinWrong"] * 4


def test_a_restart_forgets_no_wrong_pin(shop: Shop) -> None:
    guess(shop, 5)
    restarted = Till(shop.till.folder, shop.clock, shop.till.random_bytes)
    with pytest.raises(PinWait):
        sign_in(restarted, DEWI.id, DEWI_PIN)
    restarted.close()


def test_a_clock_that_is_set_back_neither_ends_nor_prolongs_the_wait(shop: Shop) -> None:
    guess(shop, 5)
    shop.clock.forward(seconds=-86_400)
    with pytest.raises(PinWait):
        sign_in(shop.till, DEWI.id, DEWI_PIN)
    shop.clock.forward(seconds=31)
    sign_in(shop.till, DEWI.id, DEWI_PIN)


def locked_out(shop: Shop) -> None:
    for tries in range(10):
        with pytest.raises(PinWrong):
            sign_in(shop.till, DEWI.id, WRONG)
        shop.clock.forward(seconds=31 * 2 ** max(tries - 4, 0))


def test_after_ten_wrong_pins_only_a_supervisor_opens_the_way(shop: Shop) -> None:
    locked_out(shop)
    with pytest.raises(PinLocked):
        sign_in(shop.till, DEWI.id, DEWI_PIN)
    with pytest.raises(PinLocked):
        unlock(shop.till, DEWI.id, DEWI.id, DEWI_PIN)
    unlock(shop.till, DEWI.id, RUDI.id, RUDI_PIN)
    assert sign_in(shop.till, DEWI.id, DEWI_PIN) == DEWI


def test_one_persons_lock_is_not_anothers(shop: Shop) -> None:
    guess(shop, 6)
    assert sign_in(shop.till, RUDI.id, RUDI_PIN) == RUDI


def test_only_who_may_approves(shop: Shop) -> None:
    assert approve(shop.till, Permission.REFUND_APPROVE, RUDI.id, RUDI_PIN) == RUDI.id
    with pytest.raises(NotAllowed):
        approve(shop.till, Permission.REFUND_APPROVE, DEWI.id, DEWI_PIN)
    assert shop.till.desk.person is None


def test_a_person_whom_the_feed_takes_away_cannot_sign_in(shop: Shop) -> None:
    shop.publish(BRANCH_ID, ("person", None, DEWI.id))
    with pytest.raises(PersonGone):
        sign_in(shop.till, DEWI.id, DEWI_PIN)
    with shop.till.vault.reader() as db:
        assert list(cashiers(db)) == [RUDI]
        assert list(approvers(db, Permission.SALE_VOID_ANY)) == [RUDI]
