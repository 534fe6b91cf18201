"""The demo's people: who signs in where, with passwords and PINs made for this demo alone."""

from __future__ import annotations

from dataclasses import dataclass

from demo.passwords import new_password, new_pin
from demo.stage import Stage, now_ms
from sentra.cloud.people import create_person


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """`login` None works at tills and the router only."""

    name: str
    roles: tuple[str, ...]
    login: str | None


PEOPLE = (
    DemoPerson("Hendra Saputra", ("manager",), "hendra"),
    DemoPerson("Dewi", ("cashier",), None),
    DemoPerson("Agus", ("cashier",), None),
    DemoPerson("Siti", ("supervisor",), None),
    DemoPerson("Yusuf", ("branch_it",), None),
)


def make_people(stage: Stage) -> None:
    """Adds the people and keeps their sign-ins for the table that the demo prints."""
    owner = {"name": "Owner", "roles": "owner", "login": "owner", "pin": "–"}
    stage.places.sign_ins = [owner | {"password": stage.places.owner_password}]
    for person in PEOPLE:
        password, pin = new_password() if person.login else None, new_pin()
        with stage.engine.begin() as connection:
            create_person(
                connection,
                name=person.name,
                roles=person.roles,
                keys=stage.keys,
                now_ms=now_ms(),
                login=person.login,
                password=password,
                pin=pin,
            )
        stage.places.sign_ins.append(
            {"name": person.name, "roles": ", ".join(person.roles), "pin": pin}
            | ({"login": person.login, "password": password or ""} if person.login else {})
        )
    stage.save()
