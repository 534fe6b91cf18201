"""X.509 for one company: its own authority, the cloud's server and the routers.

Devices trust this authority alone, and only because enrolment proved it; so the usual rules for
public certificates (short lives, revocation lists) do not bind it. Validity starts long ago and
lasts long on purpose: a till whose clock fell back to 2001 must still find its router.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sentra.failures import Failure

NOT_BEFORE: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any clock that a dead battery resets to."""
NOT_AFTER: Final = datetime(2049, 12, 31, tzinfo=UTC)
"""The last year that UTCTime can write; protocol 1 has no renewal."""
_NAME_LENGTH_MAX: Final = 64


class RequestRefused(Failure):
    """What a router sent is not a certificate request signed by its own key."""

    code = "certificate-request"
    sentence = "The certificate request is not valid. Enrol this router again with a new code."


def new_key() -> ec.EllipticCurvePrivateKey:
    """A P-256 key, which every TLS library speaks."""
    return ec.generate_private_key(ec.SECP256R1())


def router_name(router_id: str) -> str:
    """The TLS server name of a router, whatever its address is today."""
    return f"{router_id}.router.sentra"


def create_authority(company: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A new company's own certificate authority."""
    key = new_key()
    name = _name(f"Sentra {company}")
    identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(identity, critical=False)
    )
    return key, builder.sign(key, hashes.SHA256())


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """A request whose signature shows that the sender has its key. Raises `RequestRefused`."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        valid = request.is_signature_valid
    except (ValueError, InvalidSignature) as error:
        raise RequestRefused from error
    if not valid or not isinstance(request.public_key(), ec.EllipticCurvePublicKey):
        raise RequestRefused
    return request


def issue(
    ca_key: ec.EllipticCurvePrivateKey,
    ca_certificate: x509.Certificate,
    holder: ec.EllipticCurvePrivateKey | x509.CertificateSigningRequest,
    hosts: Sequence[str],
) -> x509.Certificate:
    """A server certificate for these names and addresses; what the request wished is not read."""
    public_key = holder.public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)  # noqa: S101 - `read_request` checked
    identity = x509.SubjectKeyIdentifier.from_public_key(public_key)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = (
        _builder(_name(hosts[0]), ca_certificate.subject, public_key)
        .add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identity, critical=False)
        .add_extension(authority, critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256())


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The host names and addresses that a certificate is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(name.value) for name in names)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:_NAME_LENGTH_MAX])])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
