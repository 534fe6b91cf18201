"""People: a cashier is at the till within seconds, and nobody gives out more than he has."""

from __future__ import annotations

from sqlalchemy import Engine, text

from sentra.cloud import feed
from sentra.cloud.keys import CompanyKeys
from sentra.events import Person
from sentra.pins import pin_matches
from sentra.protocol.bodies import decode_decision
from tests.support.backoffice import Clients, post
from tests.support.chain import PASSWORD, Chain


def at_tills(engine: Engine, scope: str) -> dict[str, Person]:
    """Who may sell at the tills of a branch, by name."""
    with engine.connect() as connection:
        items = feed.state(connection, scope)
    people = [decode_decision(i.kind, i.body) for i in items if i.kind == "person" and i.body]
    return {person.name: person for person in people if isinstance(person, Person)}


def cashier(chain: Chain, **changes: object) -> dict[str, object]:
    form: dict[str, object] = {
        "name": "Rina",
        "roles": "cashier",
        "branches": chain.branches["SGT"],
        "pin": "402917",
        "locale": "id",
    }
    return form | changes


def test_a_new_cashier_is_known_at_the_tills_of_the_branch_and_at_no_other(
    signed_in: Clients, chain_engine: Engine, chain: Chain, company_keys: CompanyKeys
) -> None:
    assert post(signed_in(), "/people", **cashier(chain)).status_code == 303
    rina = at_tills(chain_engine, chain.branches["SGT"])["Rina"]
    assert rina.roles == ("cashier",)
    assert pin_matches(rina.pin_hash, "402917", company_keys.pepper)
    assert "Rina" not in at_tills(chain_engine, chain.branches["JKT"])


def test_the_pin_and_the_password_are_nowhere_to_be_read(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    client = signed_in()
    post(client, "/people", **cashier(chain, login="rina", password="lima kata yang acak"))
    assert "402917" not in client.get("/people").text
    with chain_engine.connect() as connection:
        trail = connection.execute(text("SELECT string_agg(detail, ' ') FROM audit_entry"))
        assert "402917" not in (told := trail.scalar_one())
        assert "lima kata" not in told


def test_what_is_wrong_is_said_and_nobody_is_added(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    client = signed_in()
    for changes, sentence in (
        ({"name": ""}, "Give a name"),
        ({"pin": "123456"}, "too easy to guess"),
        ({"pin": "12"}, "six digits"),
        ({"pin": ""}, "needs a PIN"),
        ({"branches": ""}, "Choose the branches"),
        ({"roles": "manager"}, "needs a sign-in name"),
        ({"login": "ratna", "password": PASSWORD}, "ratna is taken"),
        ({"login": "Rina Sari", "password": PASSWORD}, "cannot be a sign-in name"),
        ({"login": "rina"}, "Choose a first password"),
        ({"login": "rina", "password": "short"}, "A password has 10 to"),
    ):
        answer = post(client, "/people", **cashier(chain, **changes))
        assert answer.status_code == 422, changes
        assert sentence in answer.text, changes
    assert "Rina" not in at_tills(chain_engine, chain.branches["SGT"])


def test_branch_it_signs_in_here_at_the_router_or_at_both(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    client = signed_in()
    form = cashier(chain, roles="branch_it", pin="")
    assert "a PIN for the router" in post(client, "/people", **form).text
    assert post(client, "/people", **(form | {"pin": "402917"})).status_code == 303
    assert at_tills(chain_engine, chain.branches["SGT"])["Rina"].roles == ("branch_it",)


def test_a_manager_adds_cashiers_to_his_branch_only(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    manager = signed_in("budi")
    assert post(manager, "/people", **cashier(chain)).status_code == 303
    elsewhere = cashier(chain, name="Toni", branches=chain.branches["JKT"])
    assert post(manager, "/people", **elsewhere).status_code == 422
    everywhere = cashier(chain, name="Toni", everywhere="1")
    assert post(manager, "/people", **everywhere).status_code == 422
    assert set(at_tills(chain_engine, chain.branches["JKT"])) == {
        "Dewi",
        "Agus",
        "Sari",
        "Kasir Kantor",
    }


def test_a_manager_gives_out_no_role_above_his_own(signed_in: Clients, chain: Chain) -> None:
    manager = signed_in("budi")
    for role in ("owner", "manager", "bookkeeper"):
        form = cashier(chain, roles=role, login="toni", password=PASSWORD)
        answer = post(manager, "/people", **form)
        assert answer.status_code == 422
        assert "above your own" in answer.text
    own = f"/people/{chain.people['Budi Santoso']}"
    promoted = cashier(chain, name="Budi", roles=["manager", "owner"], login="budi", active="1")
    assert post(manager, own, **promoted).status_code == 422


def test_who_is_above_or_elsewhere_cannot_be_changed(signed_in: Clients, chain: Chain) -> None:
    manager = signed_in("budi")
    assert manager.get(f"/people/{chain.people['Ratna Wijaya']}").status_code == 404
    assert manager.get(f"/people/{chain.people['Dewi']}").status_code == 404
    assert manager.get(f"/people/{chain.people['Wayan']}").status_code == 200
    assert "Dewi" not in manager.get("/people").text


def test_a_new_pin_reaches_the_tills_and_the_old_one_does_not_stay(
    signed_in: Clients, chain_engine: Engine, chain: Chain, company_keys: CompanyKeys
) -> None:
    address = f"/people/{chain.people['Wayan']}"
    form = cashier(chain, name="Wayan", roles=["supervisor", "cashier"], active="1", pin="730264")
    assert post(signed_in("budi"), address, **form).status_code == 303
    wayan = at_tills(chain_engine, chain.branches["SGT"])["Wayan"]
    assert pin_matches(wayan.pin_hash, "730264", company_keys.pepper)
    assert not pin_matches(wayan.pin_hash, "246810", company_keys.pepper)


def test_an_empty_pin_leaves_the_present_one(
    signed_in: Clients, chain_engine: Engine, chain: Chain, company_keys: CompanyKeys
) -> None:
    address = f"/people/{chain.people['Nur']}"
    form = cashier(chain, name="Nur Aini", active="1", pin="")
    assert post(signed_in(), address, **form).status_code == 303
    nur = at_tills(chain_engine, chain.branches["SGT"])["Nur Aini"]
    assert pin_matches(nur.pin_hash, "246810", company_keys.pepper)


def test_shutting_somebody_out_ends_sessions_here_and_work_at_tills(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    gone = signed_in("kasir")
    address = f"/people/{chain.people['Kasir Kantor']}"
    form = cashier(
        chain, name="Kasir Kantor", branches=chain.branches["JKT"], login="kasir", pin=""
    )
    assert post(signed_in(), address, **form).status_code == 303
    assert gone.get("/account").status_code == 303
    assert "Kasir Kantor" not in at_tills(chain_engine, chain.branches["JKT"])


def test_nobody_shuts_himself_out(signed_in: Clients, chain: Chain) -> None:
    form = {"name": "Ratna", "roles": "owner", "everywhere": "1", "login": "ratna"}
    answer = post(signed_in(), f"/people/{chain.people['Ratna Wijaya']}", **form)
    assert answer.status_code == 422
    assert "cannot shut yourself out" in answer.text
