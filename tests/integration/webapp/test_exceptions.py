"""The inbox: what is open is told in sentences, and closed once, with a name and a note."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from sentra.cloud.proofs import PROOF_DIFFERENT
from sentra.projection import findings as of_facts
from sentra.projection.aside import SET_ASIDE
from syncd.service.operations import findings
from tests.support.backoffice import Clients, post
from tests.support.chain import Chain
from webapp.exceptions.words import WORDINGS, sentence_of

LINK = re.compile(r'href="(/exceptions/[0-9a-f-]{36}/[0-9a-f-]{36})"')


def test_every_kind_that_the_sync_service_raises_has_its_words() -> None:
    raised = {
        value
        for name, value in (*vars(findings).items(), *vars(of_facts).items())
        if name.isupper() and isinstance(value, str) and not name.endswith("_MAX")
    }
    assert raised | SET_ASIDE | {PROOF_DIFFERENT} == set(WORDINGS)


def test_an_exception_is_told_with_its_values(webapp: Flask) -> None:
    with webapp.test_request_context("/?lang=en"):
        told = sentence_of(
            "stock-negative", {"code": "1", "name": "Teh Botol", "quantity_milli": -7000}
        )
        assert told == "“Teh Botol” (1) stands at −7."
        excess = {"name": "Teh Botol", "receipt": "SGT-1-261122-0147"}
        told = sentence_of("refund-excess", {**excess, "sold_milli": 2000, "given_milli": 2500})
        assert told == "“Teh Botol” of receipt SGT-1-261122-0147: 2 sold, 2.5 given back."
        assert "new-kind" not in sentence_of("new-kind", {"a": 1})
        assert sentence_of("fact-unknown", {}) == "A kind of entry that is new here"


def test_a_manager_reads_words_and_amounts_not_codes_and_constraints(webapp: Flask) -> None:
    twice = {"fact": "sale.completed", "schema": 1, "reason": 'unique constraint "sale_pkey"'}
    differs = {"place": "router", "after": "1/41", "up_to": "1/53"}
    cash = {**differs, "what": "cash", "said": "1250000", "counted": "1205000"}
    with webapp.test_request_context("/?lang=en"):
        assert sentence_of("fact-duplicate", twice) == (
            "A second entry of the kind “Sale” records what is in the books already."
        )
        told = sentence_of("proof-different", cash)
        assert "the router counted 1,250,000 (Cash), and the cloud 1,205,000" in told
        told = sentence_of("proof-different", {**cash, "what": "hash", "said": "ab12"})
        assert "counted ab12 (last hash)" in told
        assert "“gift.sold”" in sentence_of("fact-unknown", {"fact": "gift.sold", "schema": 1})


def test_closing_needs_a_note_and_happens_once(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    client = signed_in("budi")
    listed = client.get("/exceptions").text
    address = LINK.findall(listed)[0]
    assert post(client, f"{address}/resolve", note="  ").status_code == 422
    assert post(client, f"{address}/resolve", note="Rak dihitung ulang").status_code == 303
    assert address not in client.get("/exceptions").text
    resolved = client.get("/exceptions?state=resolved").text
    assert address in resolved and "Rak dihitung ulang" in resolved
    assert "Budi Santoso" in client.get(address).text
    assert post(client, f"{address}/resolve", note="again").status_code == 409
    with chain_engine.connect() as connection:
        trail = connection.execute(
            text("SELECT action FROM audit_entry WHERE action = 'exceptions.resolve'")
        ).all()
    assert len(trail) == 1


def test_a_bookkeeper_reads_but_does_not_close(signed_in: Clients) -> None:
    client = signed_in("lestari")
    address = LINK.findall(client.get("/exceptions").text)[0]
    assert "What you found or did" not in client.get(address).text
    assert post(client, f"{address}/resolve", note="x").status_code == 403


def test_another_branchs_exception_is_not_there(
    signed_in: Clients, as_owner: Engine, chain: Chain
) -> None:
    client = signed_in("budi")
    address = LINK.findall(client.get("/exceptions").text)[0]
    with as_owner.begin() as connection:
        connection.execute(
            text("UPDATE exception SET branch_id = :jkt"), {"jkt": chain.branches["JKT"]}
        )
    moved = address.replace(chain.branches["SGT"], chain.branches["JKT"])
    assert client.get(moved).status_code == 404
    assert post(client, f"{moved}/resolve", note="x").status_code == 404
    assert "Nothing needs you" in client.get("/exceptions").text


@pytest.mark.parametrize("kind", ["stock-negative", "product-unknown"])
def test_one_kind_can_be_looked_at_alone(kind: str, signed_in: Clients) -> None:
    page = signed_in().get(f"/exceptions?kind={kind}").text
    assert len(set(LINK.findall(page))) == 1


def set_aside(owner: Engine) -> None:
    """One of the chain's exceptions becomes one about a fact: its first sale."""
    with owner.begin() as connection:
        connection.execute(
            text(
                "UPDATE exception e SET kind = 'fact-not-projected', params = '{}',"
                " terminal_id = s.terminal_id, epoch = s.epoch, seq = s.seq FROM (SELECT * FROM"
                " sale WHERE kind = 'sale' AND branch_id IN (SELECT branch_id FROM exception)"
                " ORDER BY completed_at_ms LIMIT 1) s"
                " WHERE s.branch_id = e.branch_id AND e.id = (SELECT max(id::text)::uuid FROM"
                " exception WHERE branch_id = s.branch_id)"
            )
        )


def test_an_entry_is_read_again_once_and_the_page_says_so(
    signed_in: Clients, as_owner: Engine
) -> None:
    set_aside(as_owner)
    client = signed_in()
    address = LINK.findall(client.get("/exceptions?kind=fact-not-projected").text)[0]
    assert "Read it again" in client.get(address).text
    assert post(client, f"{address}/retry").status_code == 303
    # Its rows are there already, so it is the same sale twice, whatever was thought before.
    page = client.get(address).text
    assert "It still cannot be read: duplicate key" in page
    assert "The same entry, written twice" in page
    with as_owner.begin() as connection:
        about = "IN (SELECT sale_id FROM sale JOIN exception USING (terminal_id, epoch, seq))"
        connection.execute(text(f"DELETE FROM stock_movement WHERE source_id {about}"))  # noqa: S608
        for table in ("sale_line", "sale_tax", "tender", "sale"):
            connection.execute(text(f"DELETE FROM {table} WHERE sale_id {about}"))  # noqa: S608
    assert post(client, f"{address}/retry").status_code == 303
    page = client.get(address).text
    assert "The entry was read after all" in page
    assert "Resolved by Ratna" in page
    assert post(client, f"{address}/retry").status_code == 409
    with as_owner.connect() as connection:
        trail = text("SELECT count(*) FROM audit_entry WHERE action = 'exceptions.retry'")
        assert connection.execute(trail).scalar_one() == 2


def test_who_only_reads_exceptions_cannot_try_again(signed_in: Clients, as_owner: Engine) -> None:
    set_aside(as_owner)
    client = signed_in("lestari")
    address = LINK.findall(client.get("/exceptions?kind=fact-not-projected").text)[0]
    assert "Read it again" not in client.get(address).text
    assert post(client, f"{address}/retry").status_code == 403


def test_there_is_nothing_to_try_again_of_other_kinds(signed_in: Clients) -> None:
    client = signed_in()
    address = LINK.findall(client.get("/exceptions").text)[0]
    assert post(client, f"{address}/retry").status_code == 409
