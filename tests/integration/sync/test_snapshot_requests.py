"""`GET /v1/feed/snapshot`: who gets it, whole and by ranges, and what a lying client is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from sentra.cloud import feed
from sentra.cloud.keys import CompanyKeys
from sentra.protocol import signing
from sentra.protocol.feed import FeedItem, unpack_page
from sentra.protocol.snapshot import HEADER, SnapshotNote, check_digest, read_note
from tests.integration.sync.conftest import TestDevice
from tests.present import NOW_MS

PATH = "/v1/feed/snapshot?scope=company"


def note_of(headers: Headers, keys: CompanyKeys) -> SnapshotNote:
    return read_note(headers[HEADER], "company", keys.signing_key.public_key())


def ask(device: TestDevice, path: str = PATH, **headers: str) -> TestResponse:
    mark = device.sign("GET", path, b"")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return device.client.get(path, headers={signing.HEADER: mark, **named})


def problem(answer: TestResponse) -> str:
    return str(answer.get_json()["type"]).rpartition(":")[2]


def test_it_is_made_when_it_is_asked_for_and_comes_whole_or_in_ranges(
    terminal: TestDevice, company_keys: CompanyKeys
) -> None:
    whole = ask(terminal)
    note = note_of(whole.headers, company_keys)
    assert (whole.status_code, len(whole.data)) == (200, note.size)
    check_digest(note, [whole.data])
    parts = []
    for start in range(0, note.size, 100):
        answer = ask(terminal, Range=f"bytes={start}-{start + 99}", If_Range=f'"{note.sha256}"')
        end = min(start + 100, note.size)
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{note.size}"
        assert note_of(answer.headers, company_keys) == note
        parts.append(answer.data)
    check_digest(note, parts)


def test_a_range_of_another_file_gets_the_newest_from_its_beginning(
    terminal: TestDevice, company_keys: CompanyKeys
) -> None:
    answer = ask(terminal, Range="bytes=100-199", If_Range=f'"{"0" * 64}"')
    assert answer.status_code == 200
    check_digest(note_of(answer.headers, company_keys), [answer.data])


def test_a_download_under_way_ends_with_the_file_that_it_began(
    terminal: TestDevice, company_keys: CompanyKeys, engine: Engine
) -> None:
    first = note_of(ask(terminal, Range="bytes=0-9").headers, company_keys)
    key = company_keys.signing_key
    with engine.begin() as connection:
        item = FeedItem("category", "c", b"{}")
        feed.publish(connection, "company", [item], now_ms=NOW_MS, signing_key=key)
    rest = ask(terminal, Range=f"bytes=10-{first.size}", If_Range=f'"{first.sha256}"')
    assert (rest.status_code, len(rest.data)) == (206, first.size - 10)


@pytest.mark.parametrize("wanted", ["bytes=999999999-", "bytes=5-2", "lines=1-2", "bytes=0-1,4-5"])
def test_a_range_that_is_none_is_refused(terminal: TestDevice, wanted: str) -> None:
    answer = ask(terminal, Range=wanted)
    assert (answer.status_code, problem(answer)) == (416, "range-wrong")


def test_nobody_gets_another_branchs_and_no_stranger_gets_any(
    terminal: TestDevice, make_branch: Callable[..., str], engine: Engine
) -> None:
    other = make_branch("JKT")
    refused = ask(terminal, f"/v1/feed/snapshot?scope={other}")
    assert (refused.status_code, problem(refused)) == (403, "scope-refused")
    unsigned = terminal.client.get(PATH)
    assert (unsigned.status_code, problem(unsigned)) == (401, "signature-wrong")


def test_a_revoked_device_gets_none(
    terminal: TestDevice, engine: Engine, clock: Callable[[], int]
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE device SET status = 'revoked'")
    answer = ask(terminal)
    assert (answer.status_code, problem(answer)) == (403, "device-revoked")


def test_a_cursor_beyond_the_end_is_told_so_and_changes_nothing(terminal: TestDevice) -> None:
    before = terminal.get("/v1/feed?scope=company&after=0").data
    answer = terminal.get("/v1/feed?scope=company&after=999999999999")
    assert (answer.status_code, problem(answer)) == (409, "cursor-beyond")
    assert terminal.get("/v1/feed?scope=company&after=0").data == before
    head, _ = unpack_page("company", before)
    assert unpack_page("company", terminal.get(f"/v1/feed?scope=company&after={head}").data) == (
        head,
        [],
    )


def test_a_cursor_whose_revisions_are_gone_is_told_to_take_the_snapshot(
    terminal: TestDevice, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM feed_revision WHERE scope = 'company'")
    answer = terminal.get("/v1/feed?scope=company&after=0")
    assert (answer.status_code, problem(answer)) == (410, "snapshot-needed")
    assert ask(terminal).status_code == 200
