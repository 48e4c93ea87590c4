"""The document buses' own grammar: signed headers, the file in a request, codes, answers."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.answers import Answer
from adapters.edxml_bus import codes, national_wire, provincial_wire
from adapters.edxml_bus.answers import outcome_of
from adapters.edxml_bus.delivery import addressed_to, check_endpoint, send_edoc
from adapters.edxml_bus.form import MAX_PARTS, Part, file_part, multipart, parts_of
from adapters.edxml_bus.headers import (
    check_fresh,
    file_hash,
    is_hash_of,
    java_file_hash,
    read_parameters,
    signed_headers,
    timestamp,
)
from adapters.edxml_bus.sent import receive_state
from contracts.adapter import Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.desk import SentDelivery
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from contracts.problems import CATALOGUE
from contracts.receipt import Refusal
from contracts.replies import Reply
from lgsp.core.lifecycle import State

NOW = datetime(2026, 11, 28, 2, 30, 5, 123_000, tzinfo=UTC)
SECRET = "A7TKG/r2gOKTEpe1MhWx6zw8O4JfzN0KkCRS6HZY81Ve"


def test_headers_are_signed_as_the_library_signs_them() -> None:
    """Every header but Content-Type is named with the prefix, in a JSON object whose HMAC goes beside it."""
    headers = signed_headers({"docId": "1", "to": '["H01.15"]'}, "vxp.saas.03", SECRET, NOW)
    said = json.loads(headers["XroadVnpt-sign-header"])
    assert said == {
        "XroadVnpt-systemid": "vxp.saas.03",
        "XroadVnpt-timestamp": "28112026T093005+0123",
        "XroadVnpt-docId": "1",
        "XroadVnpt-to": '["H01.15"]',
    }
    assert said.items() <= headers.items()
    assert headers["XroadVnpt-sign-header-key"] == "systemid;timestamp;docId;to"
    mac = hmac.new(SECRET.encode(), headers["XroadVnpt-sign-header"].encode(), hashlib.sha256)
    assert headers["XroadVnpt-hash-header"] == mac.hexdigest()
    assert headers["User-Agent"] == "JAVASDKAgent/1.0.0 XRoad/VPCP" and headers["XroadVnpt-version"] == "3.0.201608"


def test_what_is_signed_is_what_is_read() -> None:
    found = read_parameters(signed_headers({"docId": "1", "docid": "2"}, "hub", SECRET, NOW) | {"XroadVnpt-status": "done"})
    assert (found.get("systemid"), found.get("status"), found.get("DOCID")) == ("hub", "", "1")
    assert (found.get("docId"), found.get("docid"), found.get("docid", "docId")) == ("1", "2", "2")
    assert hmac.digest(SECRET.encode(), found.message, "sha256") == found.mac


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "auth.missing"),
        ({"XroadVnpt-sign-header": "{}"}, "auth.missing"),
        ({"XroadVnpt-sign-header": "{}", "XroadVnpt-hash-header": "00"}, "auth.invalid"),
        ({"XroadVnpt-sign-header": "{", "XroadVnpt-hash-header": "0" * 64}, "auth.invalid"),
        ({"XroadVnpt-sign-header": '{"a": []}', "XroadVnpt-hash-header": "0" * 64}, "auth.invalid"),
        ({"XroadVnpt-sign-header": "\ud800", "XroadVnpt-hash-header": "0" * 64}, "auth.invalid"),
        ({"XroadVnpt-sign-header": "[" * 100_000, "XroadVnpt-hash-header": "0" * 64}, "auth.invalid"),
    ],
)
def test_headers_that_cannot_be_credentials_are_refused(headers: dict[str, str], code: str) -> None:
    with pytest.raises(ContractError) as refused:
        read_parameters(headers)
    assert refused.value.code == code


@given(st.text(), st.text())
@settings(max_examples=200, derandomize=True, database=None)
def test_no_header_is_an_error_of_ours(signed: str, mac: str) -> None:
    for found in (mac, "0" * 64):
        try:
            read_parameters({"XroadVnpt-sign-header": signed, "XroadVnpt-hash-header": found})
        except ContractError as refused:
            assert refused.code in ("auth.missing", "auth.invalid")


def test_a_timestamp_is_fresh_within_its_bounds() -> None:
    """The four digits behind the plus are milliseconds, though they look like a zone."""
    day = timedelta(days=1)
    for moment in (NOW, NOW - 29 * day, NOW + timedelta(hours=23)):
        check_fresh(read_parameters(signed_headers({}, "hub", SECRET, moment)), NOW, 30 * day, day)
    for text in (timestamp(NOW - 31 * day), timestamp(NOW + 2 * day), "", "32132026T093005+0123", "20261128093005", "9" * 200):
        with pytest.raises(ContractError, match="XroadVnpt-timestamp"):
            check_fresh(read_parameters(signed_headers({"timestamp": text}, "hub", SECRET, NOW)), NOW, 30 * day, day)


def test_the_hash_of_a_file_is_taken_in_both_spellings() -> None:
    """The Java library leaves out the zero of a byte below 16."""
    octets = next(one for one in (str(number).encode() for number in range(100)) if "0" in file_hash(one)[::2])
    assert len(java_file_hash(octets)) < 64 == len(file_hash(octets))
    assert is_hash_of(file_hash(octets).upper(), octets) and is_hash_of(java_file_hash(octets), octets)
    assert not is_hash_of(file_hash(octets), octets + b"\r\n") and not is_hash_of("", octets)


@given(st.binary(max_size=300), st.sampled_from(["file_doc", "edocFile", "a b"]))
@settings(max_examples=100, derandomize=True, database=None)
def test_a_file_in_a_form_comes_out_octet_for_octet(octets: bytes, name: str) -> None:
    body = multipart(name, "văn bản.edxml", "application/xml", octets, "lgsp-0123")
    assert parts_of("multipart/form-data; boundary=lgsp-0123", body) == (Part(name, octets),)
    assert parts_of('Multipart/Form-Data; charset=utf-8; boundary="lgsp-0123"', b"preamble\r\n" + body + b"epilogue") == (
        Part(name, octets),
    )


@given(
    st.lists(
        st.sampled_from([b"--b", b"\r\n", b"--", b"\r\n\r\n", b'Content-Disposition: form-data; name="x"', b"z"]), max_size=12
    )
)
@settings(max_examples=300, derandomize=True, database=None)
def test_no_form_is_an_error_of_ours(pieces: list[bytes]) -> None:
    try:
        parts_of("multipart/form-data; boundary=b", b"".join(pieces))
    except ContractError as refused:
        assert refused.code == "request.malformed"


def test_a_form_is_bounded_and_names_one_file() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
    with pytest.raises(ContractError, match=f"more than {MAX_PARTS}"):
        parts_of("multipart/form-data; boundary=b", part * (MAX_PARTS + 1) + b"--b--")
    for content_type, body in (("multipart/form-data", part), ("multipart/form-data; boundary=c", part), ("boundary=b", part)):
        with pytest.raises(ContractError, match=r"request\.malformed"):
            parts_of(content_type, body)
    with pytest.raises(ContractError, match="there are 2"):
        file_part((Part("x", b"1"), Part("x", b"2")), "x")


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_refusal_has_a_code_of_the_buses(code: str) -> None:
    """Come again is 20 and nothing else is; the text says it in both languages and names the hub's own code."""
    refusal = Refusal.of(code, "/x", "y" * 5000)
    found = codes.error_code(refusal)
    assert found in codes.REFUSALS | {codes.BUS_ERROR, codes.WRONG_SECRET}
    assert (found == codes.BUS_ERROR) == (refusal.retryable or refusal.status >= 500)
    text = codes.description(refusal)
    assert refusal.title_vi in text and refusal.remedy_en in text and text.endswith(f"({code})") and len(text) < 2000


def said(status: str, code: object, text: object = "", **more: object) -> Answer:
    body = json.dumps({"status": status, "ErrorCode": code, "ErrorDesc": text} | more, ensure_ascii=False).encode()
    return Answer(200, {"Content-Type": "application/json"}, body)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (said("OK", "0", "Thành công", DocId="d-1"), Delivered("d-1")),
        (said("OK", 0, None, DocId=None), Delivered()),
        (said("FAIL", "21", "Văn bản ĐÃ TỒN TẠI trên trục"), Delivered()),
        (Answer(500, {}, "Văn bản đã tồn tại".encode()), Delivered()),
        (said("FAIL", "18", "Đơn vị nhận không tồn tại"), Refused("delivery.refused_by_recipient")),
        (said("FAIL", "22", "Format edXML"), Refused("delivery.refused_by_recipient")),
        (said("FAIL", "20", "Lỗi hệ thống"), Retry("delivery.server_error")),
        (said("FAIL", "15", "Sai SecretKey"), Retry("delivery.server_error")),
        (said("FAIL", "4711", "?"), Retry("delivery.server_error")),
        (said("OK", "99", "?"), Retry("delivery.server_error")),
        (Answer(200, {}, b"<html>Login</html>"), Retry("delivery.garbled_answer")),
        (Answer(200, {}, b'{"status": "OK", "Err', False), Retry("delivery.garbled_answer")),
        (Answer(503, {"Retry-After": "7"}, b"busy"), Retry("delivery.server_error", not_before_s=7)),
        (Answer(413, {}, b"<html>nginx</html>"), Refused("delivery.refused_by_recipient")),
        (Answer(410, {}, b""), Gone()),
    ],
    ids=str,
)
def test_what_the_national_bus_answers_means(answer: Answer, outcome: Outcome) -> None:
    """Nothing is lost by a code that nobody has published, and "already there" is what was wanted."""
    found = outcome_of(answer, NOW.timestamp(), ())
    assert type(found) is type(outcome)
    if isinstance(found, Delivered):
        assert found == outcome
    else:
        assert not isinstance(outcome, Delivered) and found.reason == outcome.reason
    if isinstance(found, Retry) and isinstance(outcome, Retry):
        assert found.not_before_s == outcome.not_before_s


def test_the_endpoints_own_table_comes_first() -> None:
    table = (Reply(means="retry", text="ngoài giờ", not_before_s=60),)
    assert outcome_of(said("FAIL", "22", "Ngoài giờ làm việc"), 0, table) == Retry(
        "delivery.server_error", 'HTTP 200: {"status": "FAIL", "ErrorCode": "22", "ErrorDesc": "Ngoài giờ làm việc"}', 60
    )


def parcel(*recipients: str, addressed_as: str = "") -> Parcel:
    envelope = Envelope(
        message_id="0" * 24,
        sender=AgencyCode("H01.15"),
        recipients=tuple(map(AgencyCode, recipients)),
        kind="document.packet/1",
        created_at=NOW,
        body=b"<edXML/>",
        media_type="application/xml",
    )
    own = AgencyCode(addressed_as or recipients[0])
    return Parcel(delivery_id=1, attempt=1, recipient=AgencyCode("VXP"), addressed_as=own, sequence=1, envelope=envelope)


def test_the_bus_serves_only_whom_it_reaches() -> None:
    """One delivery stands for all addressees beyond it; those of this hub got the document here."""
    mixed = parcel("H01.134", "G22", "G22.01", "H29.1", addressed_as="G22")
    assert addressed_to(mixed, ["G*", "H29.1"]) == ["G22", "G22.01", "H29.1"]
    assert addressed_to(mixed, []) == []
    assert addressed_to(parcel("G22"), []) == ["G22"]


def test_a_packet_goes_out_as_a_form_or_as_the_java_library_sends_it() -> None:
    endpoint = Endpoint(adapter="edxml_bus", url="https://vxp.example.vn", options={"systemid": "hub"})
    form = send_edoc(parcel("G22"), b"<edXML/>", "hub", endpoint)
    assert file_part(parts_of(form.content_type, form.body), "file_doc") == b"<edXML/>"
    assert form.parameters == {
        "from": "hub",
        "servicetype": "eDoc",
        "messagetype": "edoc",
        "hash-file": file_hash(b"<edXML/>"),
        "to": '["G22"]',
    }
    java = Endpoint(adapter="edxml_bus", url=endpoint.url, options={"systemid": "hub", "wire": "java"})
    bare = send_edoc(parcel("G22"), b"<edXML/>", "hub", java)
    assert (bare.body, bare.content_type) == (b"<edXML/>\r\n", "application/octet-stream")
    assert bare.parameters["hash-file"] == java_file_hash(b"<edXML/>")


@given(st.binary(max_size=100), st.text(max_size=100))
@settings(max_examples=50, derandomize=True, database=None)
def test_packets_of_any_size_are_rendered_as_small_ones_are(octets: bytes, text: str) -> None:
    """In steps, and yet one JSON document."""
    large, long = octets * 20_000, text * 20_000
    assert base64.b64decode(json.loads(national_wire.content(large).body)["data"]) == large
    packet = provincial_wire.Packet(doc_id="d", from_="H01", from_name="", edoc_code="", edoc_abstract="", edxml="")
    said = json.loads(provincial_wire.fetched(packet, long).body)
    assert said == {"success": True, "message": "OK", "data": {**said["data"], "edxml": long}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"options": {}}, "systemid"),
        ({"options": {"systemid": "hub", "organ": "H01"}}, "there is no option organ"),
        ({"options": {"systemid": "hub", "wire": "dotnet"}}, "wire"),
        ({"options": {"systemid": "hub"}, "secret": ""}, "--secret-file"),
    ],
)
def test_an_endpoint_that_cannot_be_right_is_told_when_it_is_registered(changes: dict[str, Any], told: str) -> None:
    good = Endpoint(adapter="edxml_bus", url="https://vxp.example.vn", secret=SECRET, options={"systemid": "hub", "to": "G*,H29"})
    check_endpoint(good)
    with pytest.raises(ValueError, match=told):
        check_endpoint(msgspec.structs.replace(good, **changes))


FETCHED = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("fetched_at", [None, FETCHED])
def test_every_state_of_a_delivery_has_one_on_the_bus(state: State, fetched_at: datetime | None) -> None:
    """What ended without being delivered was not received, whatever the hub calls it."""
    code = AgencyCode("H01.15")
    delivery = SentDelivery(delivery_id=1, recipient=code, addressed_as=code, state=state.label, fetched_at=fetched_at)
    if state is State.DELIVERED:
        expected = "done"
    elif state.is_final:
        expected = "fail"
    else:
        expected = "processing" if fetched_at else "inbox"
    assert receive_state(delivery) == expected
