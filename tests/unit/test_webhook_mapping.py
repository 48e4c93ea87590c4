"""A parcel as a signed request, an answer as an outcome."""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from adapters import answers
from adapters.webhook import mapping
from contracts import wire
from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from contracts.replies import Reply

NOW = 1_795_312_800.0
KEY_A, KEY_B = b"a key of 24 octets.. ...", b"another key"
SECRET = " ".join("whsec_" + base64.b64encode(key).decode() for key in (KEY_A, KEY_B))
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def parcel(**changes: Any) -> Parcel:
    fields: dict[str, Any] = {
        "message_id": "m-1",
        "sender": AgencyCode("H01.15"),
        "recipients": (AgencyCode("H01.20"),),
        "kind": "case.file/1",
        "created_at": datetime(2026, 11, 22, 8, tzinfo=UTC),
        "body": '{"ten": "Hồ sơ",   "so":1.50}'.encode(),
    }
    return Parcel(
        delivery_id=42,
        attempt=3,
        recipient=AgencyCode("H01.20"),
        addressed_as=AgencyCode("H01.20.1"),
        sequence=7,
        envelope=Envelope(**(fields | changes)),
    )


def verifies(request: mapping.Request, signature: str, key: bytes) -> bool:
    """An independent reading of Standard Webhooks, section "Verifying signatures"."""
    version, _, encoded = signature.partition(",")
    check = HMAC(key, hashes.SHA256())
    check.update(f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body)
    try:
        check.verify(base64.b64decode(encoded))
    except InvalidSignature:
        return False
    return version == "v1"


def test_the_vector_of_the_standard() -> None:
    """The example of the Standard Webhooks libraries is signed as there."""
    [key] = mapping.keys_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = mapping.signature_of("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}', [key])
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_one_signature_per_secret() -> None:
    """While a secret is replaced the request bears one signature of each, and each verifies with its own key only."""
    request = mapping.request_of(parcel(), mapping.keys_of(SECRET), NOW)
    first, second = request.headers["webhook-signature"].split(" ")
    assert verifies(request, first, KEY_A) and verifies(request, second, KEY_B)
    assert not verifies(request, first, KEY_B)
    assert not verifies(request._replace(body=request.body + b" "), first, KEY_A)


def test_the_id_is_the_same_in_every_attempt() -> None:
    """webhook-id names the delivery, webhook-timestamp this attempt."""
    request = mapping.request_of(parcel(), (), NOW)
    assert request.headers["webhook-id"] == "dlv_42"
    assert request.headers["webhook-timestamp"] == "1795312800"
    assert "webhook-signature" not in request.headers


def test_the_document_holds_the_body_octet_for_octet() -> None:
    """A JSON body stands in the document as the sender wrote it, and the envelope reads back equal."""
    sent = parcel()
    document = mapping.document_of(sent)
    assert sent.envelope.body in document
    found = json.loads(document)
    assert found["delivery"] == {
        "delivery_id": 42,
        "attempt": 3,
        "sequence": 7,
        "recipient": "H01.20",
        "addressed_as": "H01.20.1",
    }
    assert wire.parse(document[document.index(b'"envelope":') + len(b'"envelope":') : -1]) == sent.envelope


def test_a_body_that_is_not_json_travels_as_base64() -> None:
    """An XML body arrives unchanged after base64."""
    found = json.loads(mapping.document_of(parcel(body=b"<a/>", media_type="application/xml")))
    assert base64.b64decode(found["envelope"]["body_base64"]) == b"<a/>"


def test_the_trace_goes_on_with_a_parent_of_this_attempt() -> None:
    """Same trace id and flags, a parent id that is new for each attempt; tracestate is handed on."""
    first = mapping.request_of(parcel(traceparent=TRACEPARENT, tracestate="a=1"), (), NOW).headers
    version, trace_id, parent, flags = first["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", "0af7651916cd43dd8448eb211c80319c", "01")
    assert len(parent) == 16 and parent != "b7ad6b7169203331"
    assert first["tracestate"] == "a=1"
    again = mapping.request_of(msgspec.structs.replace(parcel(traceparent=TRACEPARENT), attempt=4), (), NOW)
    assert again.headers["traceparent"] != first["traceparent"]


def test_no_trace_without_one_and_no_header_is_smuggled_in() -> None:
    """Without traceparent there are no trace headers; a tracestate with a line break is left out."""
    assert not {"traceparent", "tracestate"} & mapping.request_of(parcel(tracestate="a=1"), (), NOW).headers.keys()
    assert "tracestate" not in mapping.request_of(parcel(traceparent=TRACEPARENT, tracestate="a=1\r\nX: 1"), (), NOW).headers


@pytest.mark.parametrize("secret", ["MfKQ9r8GKYqrTwjU", "whsec_", "whsec_%%%", "whsec_MfKQ MfKQ"])
def test_a_wrong_secret_is_refused_without_being_told(secret: str) -> None:
    """What is not whsec_ and base64 raises ValueError, and the message does not hold the secret."""
    with pytest.raises(ValueError, match="webhook secret") as caught:
        mapping.keys_of(secret)
    assert "MfKQ" not in str(caught.value) and "%%%" not in str(caught.value)


def outcome(status: int, body: bytes = b"", replies: Sequence[Reply] = (), *, whole: bool = True, **headers: str) -> Outcome:
    fields = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return answers.outcome_of(answers.Answer(status, fields, body, whole), NOW, replies)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    """Success is success, whatever the body says; a short reference of the far side is kept."""
    assert outcome(status, b'{"error": true}') == Delivered()
    assert outcome(status, lgsp_remote_ref=" REF-1\x00 ") == Delivered(remote_ref="REF-1")
    assert outcome(status, lgsp_remote_ref="x" * 500) == Delivered(remote_ref="x" * 128)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 408, 425, 429, 500, 502, 503, 504, 599])
def test_trouble_that_passes_is_tried_again(status: int) -> None:
    """Too early, too many, server errors: Retry, not before Retry-After."""
    assert outcome(status) == Retry("delivery.server_error", f"HTTP {status}")
    assert outcome(status, retry_after="120") == Retry("delivery.server_error", f"HTTP {status}", 120.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_redirects_are_not_followed(status: int) -> None:
    """A redirect is tried again and says what the recipient has to do."""
    found = outcome(status, location="http://169.254.169.254/")
    assert isinstance(found, Retry)
    assert found.reason == "delivery.server_error" and "redirects are not followed" in found.detail


def test_gone_is_gone() -> None:
    """410 disables the endpoint."""
    assert outcome(410) == Gone(detail="HTTP 410")


@pytest.mark.parametrize("status", [100, 199, 600, 999, 0])
def test_a_status_that_does_not_exist_is_garbled(status: int) -> None:
    """Numbers outside 200 to 599 are no answer."""
    assert outcome(status) == Retry("delivery.garbled_answer", f"HTTP status {status}")


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("text/plain; charset=utf-8", "Thiếu mã hồ sơ\r\n\x1b[31m(trường 3)".encode(), ": Thiếu mã hồ sơ [31m(trường 3)"),
        ("application/problem+json", b'{"title":"No","detail":"field 3","x":1}', ": No: field 3"),
        ("application/json", b'{"error":"x"}', ': {"error":"x"}'),
        ("application/json", b"[" * 4000, ": " + "[" * 300),
        ("text/html", b"<html><body><h1>404 Not Found</h1></body></html>", ": 404 Not Found"),
        ("text/plain", b"\xff\xfe", ": \ufffd\ufffd"),
        ("application/octet-stream", b"\x00\x01", ""),
        ("text/plain", b"x" * 4096, ": " + "x" * 300),
        ("text/plain", b"  \r\n", ""),
    ],
)
def test_other_4xx_are_refusals_with_their_reason(content_type: str, body: bytes, said: str) -> None:
    """The recipient's own words reach the sender on one line of at most 300 printable characters."""
    assert outcome(422, body, content_type=content_type) == Refused("delivery.refused_by_recipient", f"HTTP 422{said}")


def test_a_compressed_reason_is_not_shown() -> None:
    """Octets in a content coding are not mistaken for text."""
    assert outcome(400, b"\x1f\x8b", content_type="text/plain", content_encoding="gzip").detail == "HTTP 400"  # type: ignore[union-attr]


HAVE_IT = Reply(means="delivered", text="đã tồn tại")
FULL = Reply(means="retry", text="queue full", not_before_s=60)


def test_the_table_of_replies_comes_before_the_status() -> None:
    """A server error that says "exists already" is a success, a 200 that says "queue full" is none; all else is as without."""
    table = (HAVE_IT, FULL, Reply(means="refused", text="sai mã"), Reply(means="gone", text="ngừng kết nối"))
    assert outcome(500, "Hồ sơ đã tồn tại".encode(), table, lgsp_remote_ref="REF-1") == Delivered(remote_ref="REF-1")
    text = "text/plain"
    assert outcome(200, b"ERROR: queue full", table, content_type=text) == Retry(
        "delivery.server_error", "HTTP 200: ERROR: queue full", 60.0
    )
    assert outcome(503, "Sai mã".encode(), table, content_type=text) == Refused(
        "delivery.refused_by_recipient", "HTTP 503: Sai mã"
    )
    assert outcome(200, "Đã ngừng kết nối".encode(), table) == Gone(detail="HTTP 200")
    for status in (200, 302, 404, 410, 422, 500):
        assert outcome(status, b"something else", table) == outcome(status, b"something else")


def test_the_longer_of_two_waits_counts() -> None:
    """That of the row and that of Retry-After."""
    assert outcome(503, b"queue full", (FULL,), retry_after="7") == Retry("delivery.server_error", "HTTP 503", 60.0)
    assert outcome(503, b"queue full", (FULL,), retry_after="700") == Retry("delivery.server_error", "HTTP 503", 700.0)


def test_a_success_whose_deciding_text_cannot_be_read_is_asked_for_again() -> None:
    """It might have said "queue full". Without a row that could take it back, a success is a success."""
    broken = Retry("delivery.garbled_answer", "HTTP 200: the text that decides could not be read")
    assert outcome(200, b"ERR", (HAVE_IT, FULL), whole=False) == broken
    assert outcome(200, b"\x1f\x8b", (HAVE_IT, FULL), content_encoding="gzip") == broken
    assert outcome(200, b"queue full, sor", (FULL,), whole=False) == outcome(200, b"queue full", (FULL,))
    assert outcome(200, b"ERR", (HAVE_IT,), whole=False) == Delivered()
    assert outcome(200, b"ERR", (msgspec.structs.replace(FULL, status=(500, 599)),), whole=False) == Delivered()
    assert outcome(200, b"ERR", whole=False) == Delivered()
    assert outcome(500, b"ERR", (FULL,), whole=False) == outcome(500, b"ERR")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("86401", 86400.0),
        ("9" * 400, 86400.0),
        ("-1", 0.0),
        ("1.5", 0.0),
        ("²", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0.0),
        ("Sun, 06 Nov 9999 08:49:37 GMT", 86400.0),
        ("Sun, 99 Nov 2026 08:49:37 GMT", 0.0),
    ],
)
def test_retry_after(value: str, seconds: float) -> None:
    """Seconds or an HTTP date, between now and a day; nonsense counts as nothing."""
    assert answers.retry_after_s(value, NOW) == seconds


@given(st.integers(-10, 1200), st.text(max_size=60), st.text(max_size=60), st.binary(max_size=600))
def test_no_answer_makes_the_mapping_fail(status: int, retry_after: str, content_type: str, body: bytes) -> None:
    """Every answer has an outcome, on one printable line, whatever it holds."""
    headers = CIMultiDict({"Retry-After": retry_after, "Content-Type": content_type, "Lgsp-Remote-Ref": content_type})
    found = answers.outcome_of(answers.Answer(status, headers, body), NOW, (HAVE_IT, FULL))
    match found:
        case Delivered(remote_ref):
            assert remote_ref.isprintable()
        case Retry() | Refused() | Gone():
            assert found.detail.isprintable() and len(found.detail) <= 320


def test_the_signature_covers_the_octets_sent() -> None:
    """A digest over body, id and time, so that none of them can be exchanged."""
    request = mapping.request_of(parcel(), [KEY_A], NOW)
    signed = b"dlv_42.1795312800." + request.body
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in KEY_A.ljust(64, b"\0")) + signed).digest()  # RFC 2104, by hand
    expected = hashlib.sha256(bytes(b ^ 0x5C for b in KEY_A.ljust(64, b"\0")) + inner).digest()
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
