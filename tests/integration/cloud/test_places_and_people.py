"""A branch is told what it needs, people reach the tills where they work, and no further."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text, update

from sentra.cloud import feed, people
from sentra.cloud.branches import (
    BranchCodeMalformed,
    BranchCodeTaken,
    create_branch,
    suggest_code,
)
from sentra.cloud.company import CompanyFacts, CompanyMissing, init_company, the_company
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.people import LoginMalformed, LoginTaken, PasswordUnfit, password_matches
from sentra.cloud.tables import PARTITIONED, app_user, tax
from sentra.domain.pin import PinTooEasy
from sentra.instants import ZoneUnknown
from sentra.pins import pin_matches
from tests.present import NOW_MS

MakePerson = Callable[..., str]


@pytest.fixture
def make_person(engine: Engine, company_keys: CompanyKeys) -> MakePerson:
    def make(**wishes: Any) -> str:
        asked: dict[str, Any] = {"name": "Sari", "roles": ("cashier",), "pin": "280462", **wishes}
        with engine.begin() as connection:
            return people.create_person(connection, keys=company_keys, now_ms=NOW_MS, **asked)

    return make


def keys_in(engine: Engine, scope: str, kind: str) -> set[str]:
    with engine.connect() as connection:
        return {item.key for item in feed.state(connection, scope) if item.kind == kind}


def test_a_new_company_publishes_itself_and_the_indonesian_taxes(
    engine: Engine, company: CompanyFacts
) -> None:
    with engine.connect() as connection:
        taxes = set(connection.execute(select(tax.c.id)).scalars())
    assert keys_in(engine, "company", "company") == {company.id}
    assert keys_in(engine, "company", "tax") == taxes != set()


def test_a_company_is_made_once(
    engine: Engine, company: CompanyFacts, company_keys: CompanyKeys
) -> None:
    with engine.begin() as connection:
        again = init_company(
            connection,
            name="Lain",
            currency="GBP",
            now_ms=NOW_MS,
            signing_key=company_keys.signing_key,
        )
    assert again == company


def test_a_database_without_a_company_says_how_to_make_one(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(CompanyMissing, match="sentra db init"):
        the_company(connection)


def test_a_branch_is_made_with_a_partition_of_each_table(
    engine: Engine, make_branch: Callable[..., str]
) -> None:
    branch_id = make_branch()
    with engine.connect() as connection:
        children = connection.execute(
            text(
                "SELECT count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
                "WHERE c.relkind = 'r' AND c.relname LIKE :suffix"
            ),
            {"suffix": f"%{branch_id.replace('-', '')}"},
        ).scalar_one()
    assert children == len(PARTITIONED)


def test_branches_made_at_once_each_get_their_partitions(
    engine: Engine, make_branch: Callable[..., str]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(make_branch, ("AAA", "BBB", "CCC", "DDD")))
    assert all(keys_in(engine, branch_id, "branch") == {branch_id} for branch_id in made)


def test_a_branch_that_fails_leaves_nothing_behind(
    engine: Engine, company_keys: CompanyKeys, make_branch: Callable[..., str]
) -> None:
    make_branch("SGT")
    wishes = (
        ("SGT", "WIB", BranchCodeTaken),
        ("s g", "WIB", BranchCodeMalformed),
        ("OK", "Mars/Base", ZoneUnknown),
    )
    for code, zone, refusal in wishes:
        with engine.begin() as connection, pytest.raises(refusal):
            create_branch(
                connection,
                code=code,
                name="x",
                zone=zone,
                now_ms=NOW_MS,
                signing_key=company_keys.signing_key,
            )
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM branch")).scalar_one() == 1


@given(st.text(max_size=40), st.sets(st.text("ABCXR23", min_size=2, max_size=4), max_size=20))
def test_a_suggested_code_is_valid_and_free(name: str, taken: set[str]) -> None:
    code = suggest_code(name, taken)
    assert code not in taken
    assert code.isascii()
    assert code.isalnum()
    assert 2 <= len(code) <= 6


def test_a_cashier_of_one_branch_reaches_its_tills_only(
    engine: Engine, make_branch: Callable[..., str], make_person: MakePerson
) -> None:
    here, elsewhere = make_branch("SGT"), make_branch("BDG")
    person_id = make_person(branch_ids=[here])
    assert keys_in(engine, here, "person") == {person_id}
    assert keys_in(engine, elsewhere, "person") == set()


def test_somebody_of_every_branch_reaches_a_branch_that_is_made_later(
    engine: Engine, make_branch: Callable[..., str], make_person: MakePerson
) -> None:
    everywhere, nobody_here = make_person(), make_person(branch_ids=[])
    branch_id = make_branch()
    assert keys_in(engine, branch_id, "person") == {everywhere}
    assert nobody_here not in keys_in(engine, branch_id, "person")


def test_a_person_who_left_is_gone_from_the_tills(
    engine: Engine,
    company_keys: CompanyKeys,
    make_branch: Callable[..., str],
    make_person: MakePerson,
) -> None:
    branch_id, person_id = make_branch(), make_person()
    with engine.begin() as connection:
        connection.execute(update(app_user).values(active=False))
        people.publish_person(
            connection, person_id, now_ms=NOW_MS, signing_key=company_keys.signing_key
        )
    assert keys_in(engine, branch_id, "person") == set()


def test_who_has_no_pin_is_no_cashier(
    engine: Engine, make_branch: Callable[..., str], make_person: MakePerson
) -> None:
    branch_id = make_branch()
    make_person(login="dewi", password="rahasia-sekali", pin=None)
    assert keys_in(engine, branch_id, "person") == set()


def test_a_new_pin_is_the_one_that_matches(
    engine: Engine, company_keys: CompanyKeys, make_person: MakePerson
) -> None:
    person_id = make_person()
    with engine.begin() as connection:
        people.set_pin(connection, person_id, "730195", keys=company_keys, now_ms=NOW_MS)
        stored = connection.execute(select(app_user.c.pin_hash)).scalar_one()
    assert pin_matches(stored, "730195", company_keys.pepper)
    assert not pin_matches(stored, "280462", company_keys.pepper)
    assert not pin_matches(stored, "730195", b"another pepper")
    assert not pin_matches("damaged", "730195", company_keys.pepper)


def test_a_person_who_cannot_be_added_is_refused_by_name_of_the_fault(
    make_person: MakePerson,
) -> None:
    make_person(login="sari", password="rahasia-sekali")
    with pytest.raises(LoginTaken):
        make_person(login="sari", password="rahasia-sekali")
    with pytest.raises(LoginMalformed):
        make_person(login="Sari Dewi", password="rahasia-sekali")
    with pytest.raises(PasswordUnfit):
        make_person(login="dewi", password="pendek")
    with pytest.raises(PinTooEasy):
        make_person(pin="123456")


def test_a_sign_in_finds_the_person_whatever_the_case_and_takes_only_the_password(
    engine: Engine, make_person: MakePerson
) -> None:
    make_person(login="sari", password="rahasia-sekali")
    with engine.connect() as connection:
        found = people.find_by_login(connection, " SARI ")
        assert people.find_by_login(connection, "nobody") is None
    assert found is not None
    assert password_matches(found.password_hash, "rahasia-sekali")
    assert not password_matches(found.password_hash, "rahasia-sekalI")
    assert not password_matches(None, "rahasia-sekali")
