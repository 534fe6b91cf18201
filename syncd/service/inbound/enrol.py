"""`POST /v1/enrol`: a one-time code and a public key → an identity."""

from __future__ import annotations

from typing import Final

import structlog
from flask import Blueprint, Response, request
from flask_limiter import Limiter
from sqlalchemy import Engine

from sentra.cloud import devices
from sentra.cloud.certificates import RequestRefused
from sentra.cloud.devices import Enrolment
from sentra.cloud.wake import feed_moved
from sentra.protocol.enrolment import EnrolRequest
from sentra.protocol.errors import ProtocolError
from sentra.web.permissions import public
from syncd.service.inbound.parts import MESSAGE_BYTES_MAX, parts, read_message, write_message

FAILURES_PER_ADDRESS: Final = "20 per 10 minutes"
"""Refused codes from one address: a technician who mistypes a few, and no guessing. A code itself
is burnt after five wrong proofs, wherever they come from."""

blueprint = Blueprint("enrol", __name__)
_log = structlog.get_logger(__name__)


class CertificateRequestRefused(ProtocolError):
    """A router's request for a certificate that is unreadable or not signed by its key."""

    slug = "certificate-request-refused"


@blueprint.post("/v1/enrol")
@public("a new device has no identity yet; it proves that it knows the code")
def enrol() -> Response:
    """Redeem a code. A refused one changes nothing but its count of wrong proofs."""
    request.max_content_length = MESSAGE_BYTES_MAX
    here, asked = parts(), read_message(EnrolRequest)
    now_ms = here.clock()

    def redeem(engine: Engine) -> Enrolment:
        return devices.redeem(
            engine, asked, keys=here.keys, cloud_url=here.cloud_url, now_ms=now_ms
        )

    try:
        enrolment = here.quick.run_with_engine(redeem)
    except RequestRefused as error:
        raise CertificateRequestRefused(str(error)) from error
    answer = enrolment.answer
    _log.info("device enrolled", device=answer.device_id, role=answer.role, name=answer.name)
    feed_moved(here.redis, answer.branch_id, enrolment.revision)
    return write_message(answer)


def limit_guesses(limiter: Limiter) -> None:
    """Count refused codes by address; call it before the blueprint is registered."""
    limiter.limit(FAILURES_PER_ADDRESS, deduct_when=_refused)(blueprint)


def _refused(response: Response) -> bool:
    return response.status_code == 403
