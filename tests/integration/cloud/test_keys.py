"""The company's keys are made whole, kept private, and refused with a sentence otherwise."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from pathlib import Path

import pytest

from sentra.cloud.keys import (
    CompanyKeys,
    KeysDamaged,
    KeysExist,
    KeysMissing,
    KeysTooOpen,
    create_keys,
    load_keys,
)


@pytest.fixture
def folder(company_keys: CompanyKeys, tmp_path: Path) -> Path:
    return Path(shutil.copytree(company_keys.folder, tmp_path / "keys"))


def test_keys_that_are_read_again_are_the_same(company_keys: CompanyKeys, folder: Path) -> None:
    again = load_keys(folder)
    assert again.public_key == company_keys.public_key
    assert (again.pepper, again.anchors) == (company_keys.pepper, company_keys.anchors)


def test_no_other_account_can_read_a_file(company_keys: CompanyKeys) -> None:
    modes = {file.stat().st_mode & 0o777 for file in company_keys.folder.iterdir()}
    assert modes == {0o600}
    assert company_keys.folder.stat().st_mode & 0o777 == 0o700


def test_secrets_do_not_show_in_the_representation(company_keys: CompanyKeys) -> None:
    assert company_keys.pepper.hex() not in repr(company_keys)


@pytest.mark.parametrize("name", ["ca.key", "signing.key", "pepper", "server.key"])
def test_a_secret_that_others_may_read_stops_the_start(folder: Path, name: str) -> None:
    (folder / name).chmod(0o640)
    with pytest.raises(KeysTooOpen, match=f"{name}.*0640.*chmod 600"):
        load_keys(folder)


@pytest.mark.parametrize("name", ["ca.key", "ca.pem", "signing.key", "pepper", "server.key"])
def test_a_missing_or_damaged_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"nothing of use")
    with pytest.raises(KeysDamaged, match=name):
        load_keys(folder)
    (folder / name).unlink()
    with pytest.raises(KeysMissing, match=name):
        load_keys(folder)


def test_a_key_of_another_kind_is_refused(folder: Path) -> None:
    shutil.copy(folder / "signing.key", folder / "ca.key")
    with pytest.raises(KeysDamaged, match=r"ca\.key"):
        load_keys(folder)


def test_existing_keys_are_never_replaced(folder: Path) -> None:
    before = (folder / "signing.key").read_bytes()
    with pytest.raises(KeysExist):
        create_keys(folder, company="Lain", hosts=("localhost",))
    assert (folder / "signing.key").read_bytes() == before


def _handshake(keys: CompanyKeys, server_name: str) -> None:
    """One TLS handshake with the cloud's certificate, trusting only the company's anchors."""
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(keys.server_certificate_file, keys.server_key_file)
    client_context = ssl.create_default_context(cadata=keys.anchors)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    here, there = socket.socketpair()

    def serve() -> None:
        try:
            server_context.wrap_socket(there, server_side=True).close()
        except ssl.SSLError:
            there.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        client_context.wrap_socket(here, server_hostname=server_name).close()
    finally:
        here.close()
        server.join()


def test_the_clouds_certificate_is_for_its_hosts_and_for_no_other(folder: Path) -> None:
    keys = load_keys(folder)
    _handshake(keys, "localhost")
    _handshake(keys, "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(keys, "sync.example.com")


def test_a_further_host_gets_a_new_certificate_under_the_same_authority(folder: Path) -> None:
    keys = load_keys(folder)
    before = keys.server_certificate_file.read_bytes()
    keys.serve_hosts(("localhost",))
    assert keys.server_certificate_file.read_bytes() == before
    keys.serve_hosts(("localhost", "sync.example.com"))
    _handshake(keys, "sync.example.com")
    assert load_keys(folder).anchors == keys.anchors
