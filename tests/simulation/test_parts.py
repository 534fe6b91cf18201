"""The simulated parts do what they say: power, network, plans."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from sentra.vault import state
from sentra.vault.database import Vault
from simulation import power
from simulation.clocks import TrueTime
from simulation.disks import Disks, Templates, looking
from simulation.laboratory import quiet
from simulation.network import LATE_MS_MAX, Network, Weather, torn
from simulation.plan import make_plan
from simulation.power import Grid, Life, NeverEnds, PowerCut
from simulation.trace import Trace
from simulation.wire import Answer, AnswerRead, Request


class Echo:
    """A server that remembers what it was asked."""

    server_name = None
    is_up = True

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        return Answer(200, {}, request.body)

    def lose_power(self) -> None:
        self.is_up = False


REQUEST = Request("till-1", "echo:443", None, "POST", "/v1/hello", {}, b"hello")


@pytest.fixture
def echo() -> Echo:
    return Echo()


def _network(echo: Echo, weather: Weather) -> Network:
    network = Network(TrueTime(), Trace(), weather)
    network.servers["echo:443"] = echo
    network.begin_step(random.Random(1))
    return network


def test_a_fair_line_brings_request_and_answer(echo: Echo) -> None:
    assert _network(echo, Weather()).send(REQUEST).body == b"hello"
    assert echo.asked == [REQUEST]


def test_a_lost_request_never_arrives_and_costs_the_senders_patience(echo: Echo) -> None:
    network = _network(echo, Weather(lost=1000))
    began_ms = network.time.now_ms
    with pytest.raises(ReadTimeoutError):
        network.send(REQUEST)
    assert not echo.asked
    assert network.time.now_ms - began_ms >= 20_000


def test_a_lost_answer_leaves_its_effect(echo: Echo) -> None:
    with pytest.raises(ReadTimeoutError):
        _network(echo, Weather(unanswered=1000)).send(REQUEST)
    assert echo.asked == [REQUEST]


def test_a_late_request_arrives_after_its_sender_gave_up(echo: Echo) -> None:
    network = _network(echo, Weather(late=1000))
    with pytest.raises(ReadTimeoutError):
        network.send(REQUEST)
    assert not echo.asked
    network.time.pass_ms(LATE_MS_MAX)
    network.deliver_late()
    network.deliver_late()
    assert echo.asked == [REQUEST]


def test_a_doubled_request_arrives_twice(echo: Echo) -> None:
    network = _network(echo, Weather(twice=1000))
    network.send(REQUEST)
    network.time.pass_ms(LATE_MS_MAX)
    network.deliver_late()
    assert len(echo.asked) == 2


def test_a_line_that_is_down_reaches_nobody(echo: Echo) -> None:
    network = _network(echo, Weather())
    network.down.add(("till-1", "echo:443"))
    with pytest.raises(HTTPError):
        network.send(REQUEST)
    assert not echo.asked


def test_an_answer_that_breaks_off_gives_what_had_come() -> None:
    answer = AnswerRead(Answer(206, {}, b"hel", broken=True))
    assert answer.read1(2) + answer.read1(9) == b"hel"
    with pytest.raises(ProtocolError):
        answer.read1(9)
    with pytest.raises(ProtocolError):
        AnswerRead(Answer(200, {}, b"hello", broken=True)).read(9)


def test_a_torn_body_is_another_one() -> None:
    dice = random.Random(1)
    assert all(torn(b"hello", dice) != b"hello" for _ in range(100))


@pytest.fixture
def disk(tmp_path: Path) -> tuple[Disks, Path]:
    with quiet():
        disks = Disks(tmp_path / "disks", Templates(tmp_path / "templates"))
    return disks, disks.new("terminal", "till-1")


@pytest.mark.parametrize(("after", "kept"), [(False, None), (True, "word")])
def test_the_power_goes_before_a_commit_or_after_it(
    disk: tuple[Disks, Path], after: bool, kept: str | None
) -> None:
    disks, folder = disk
    grid, life = Grid(), Life("till-1")
    with quiet(), grid.wired(), grid.run(life):
        vault = Vault.open(folder)
        life.arm(0, after=after)
        with pytest.raises(PowerCut), vault.writer() as db:
            state.put(db, "word", "word")
        with pytest.raises(PowerCut), vault.writer() as db:
            state.put(db, "word", "written by the dead")
    with looking(disks.after_cut(folder, "till-1")) as db:
        assert state.get(db, "word") == kept
    vault.close()


def test_a_step_that_writes_without_end_is_ended(
    disk: tuple[Disks, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power, "STATEMENTS_PER_STEP_MAX", 30)
    grid, life = Grid(), Life("till-1")
    with quiet(), grid.wired(), grid.run(life):
        vault = Vault.open(disk[1])
        with pytest.raises(NeverEnds):
            while True:
                with vault.writer() as db:
                    state.put(db, "word", "again")
        grid.begin_step()
        with vault.writer() as db:
            state.put(db, "word", "the next step's")
    vault.close()


def test_a_plan_hangs_on_its_seed_and_a_longer_one_begins_the_same() -> None:
    assert make_plan(5, 60) == make_plan(5, 60)
    assert make_plan(5, 90).steps[:60] == make_plan(5, 60).steps
    assert make_plan(5, 60) != make_plan(6, 60)


def test_leaving_steps_out_changes_none_of_the_others() -> None:
    plan = make_plan(5, 60)
    assert plan.only([3, 40]).steps == (plan.steps[2], plan.steps[39])
