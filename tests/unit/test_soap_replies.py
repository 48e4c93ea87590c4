"""What SOAP answers mean."""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from adapters.answers import Answer
from adapters.soap.registration import Plan, plan_of
from adapters.soap.replies import outcome_of
from adapters.soap.wsdl import read_wsdl
from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from contracts.replies import Reply
from contracts.soap.mime import Part, write_related
from tests.fakes.soap_system import OPTIONS, WSDL

SOAP_11, SOAP_12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
RULES = ("answer.field", "answer.delivered", "answer.retry", "answer.reference")
UNRULED = {name: value for name, value in OPTIONS.items() if name not in RULES}


def plan(options: Mapping[str, str] = OPTIONS) -> Plan:
    return plan_of(read_wsdl(WSDL), options, "case.file/1")


def enveloped(content: str, soap: str = SOAP_11) -> bytes:
    return f'<?xml version="1.0"?><s:Envelope xmlns:s="{soap}"><s:Body>{content}</s:Body></s:Envelope>'.encode()


def result(code: str, text: str = "", name: str = "TiepNhanHoSoResponse") -> bytes:
    return enveloped(
        f'<{name} xmlns="http://motcua.angiang.gov.vn/"><TiepNhanHoSoResult xmlns:k="urn:motcua:ketqua">'
        f"<k:MaLoi> {code}\n</k:MaLoi>"
        f"<k:MoTa>{escape(text)}</k:MoTa><k:SoBienNhan>BN-7</k:SoBienNhan></TiepNhanHoSoResult></{name}>"
    )


def fault(code: str, text: str = "boom", soap: str = SOAP_11, sub: str = "") -> bytes:
    if soap == SOAP_11:
        return enveloped(f"<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring></s:Fault>")
    below = f"<s:Subcode><s:Value>{sub}</s:Value></s:Subcode>" if sub else ""
    return enveloped(
        f"<s:Fault><s:Code><s:Value>{code}</s:Value>{below}</s:Code><s:Reason><s:Text>{text}</s:Text></s:Reason></s:Fault>", soap
    )


def outcome(
    body: bytes, status: int = 200, *, options: Mapping[str, str] = OPTIONS, replies: tuple[Reply, ...] = (), **more: Any
) -> Outcome:
    headers = CIMultiDict({"Content-Type": more.pop("content_type", "text/xml; charset=utf-8"), **more.pop("headers", {})})
    return outcome_of(Answer(status, headers, body, more.pop("whole", True)), plan(options), replies, 0.0)


@pytest.mark.parametrize(("code", "kind"), [("00", Delivered), ("01", Delivered), ("99", Retry), ("12", Refused), ("", Refused)])
def test_the_element_that_says_how_it_went_decides(code: str, kind: type) -> None:
    """By its local name, whatever is around its text."""
    found = outcome(result(code, "Thiếu trích yếu"))
    assert isinstance(found, kind)
    if isinstance(found, Delivered):
        assert found.remote_ref == "BN-7"
    else:
        assert isinstance(found, Retry | Refused) and "Thiếu trích yếu" in found.detail


def test_without_rules_the_answer_that_the_wsdl_promises_is_a_yes() -> None:
    """And any other is none."""
    assert outcome(result("12"), options=UNRULED) == Delivered()
    found = outcome(result("00", name="XinChao"), options=UNRULED)
    assert isinstance(found, Retry) and "XinChao instead of TiepNhanHoSoResponse" in found.detail


def test_an_answer_without_the_element_says_nothing() -> None:
    """Delivered, perhaps; asked again, it says that it has it."""
    found = outcome(enveloped("<TiepNhanHoSoResponse/>"))
    assert isinstance(found, Retry) and found.reason == "delivery.garbled_answer"


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("code", "sub", "soap", "kind"),
    [
        ("s:Client", "", SOAP_11, Refused),
        ("Client", "", SOAP_11, Refused),
        ("s:Client.Address", "", SOAP_11, Refused),
        ("s:Server", "", SOAP_11, Retry),
        ("s:Server.Busy", "", SOAP_11, Retry),
        ("s:MustUnderstand", "", SOAP_11, Retry),
        ("E-0815", "", SOAP_11, Retry),
        ("wsse:FailedAuthentication", "", SOAP_11, Retry),
        ("s:Sender", "", SOAP_12, Refused),
        ("s:Sender", "app:NoSuchCase", SOAP_12, Refused),
        ("s:Sender", "wsse:InvalidSecurity", SOAP_12, Retry),
        ("s:Receiver", "", SOAP_12, Retry),
        ("s:VersionMismatch", "", SOAP_12, Retry),
    ],
)
def test_faults_are_read_by_their_codes(code: str, sub: str, soap: str, kind: type, status: int) -> None:
    """Whatever the HTTP status: who is to mend it stands in the code, and what is unknown loses nothing."""
    found = outcome(fault(code, "thiếu trường", soap, sub), status)
    assert isinstance(found, kind) and isinstance(found, Retry | Refused) and "thiếu trường" in found.detail


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_a_fault_behind_a_closed_door_is_no_refusal(status: int) -> None:
    """The npm package soap answers a wrong password with a 401 and blames the client: the operator has to mend it."""
    assert isinstance(outcome(fault("soap:Client", "Invalid username or password"), status), Retry)


def test_rows_of_the_table_come_before_faults() -> None:
    """A fault that says "đã tồn tại" is a success, however it is escaped."""
    table = (Reply(means="delivered", text="đã tồn tại"), Reply(means="refused", text="thiếu trường"))
    assert outcome(fault("s:Server", "Giao dịch &#273;&#227; tồn tại"), 500, replies=table) == Delivered()
    assert isinstance(outcome(fault("s:Server", "thiếu trường"), 500, replies=table), Refused)
    assert isinstance(outcome(result("00", "thiếu trường"), replies=table), Refused)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Retry), (401, Retry), (410, Gone), (422, Refused), (503, Retry), (302, Retry), (200, Retry)]
)
def test_what_is_no_soap_is_read_by_its_status(status: int, kind: type) -> None:
    """A proxy, a login page, a wrong address."""
    assert isinstance(outcome(b"<html>nginx</html>", status, content_type="text/html"), kind)
    assert isinstance(outcome(result("00"), status), kind if status != 200 else Delivered)


def test_half_an_answer_says_nothing() -> None:
    """Even where its half would say yes."""
    assert isinstance(outcome(result("00"), whole=False), Retry)
    assert isinstance(outcome(result("00")[:-20]), Retry)
    assert isinstance(outcome(result("00"), headers={"Content-Encoding": "gzip"}), Retry)


def test_an_empty_answer_is_one_only_where_none_was_promised() -> None:
    """One-way operations are answered 202 and nothing."""
    assert isinstance(outcome(b"", 202), Retry)
    one_way = WSDL.replace('      <wsdl:output message="tns:TiepNhanHoSoSoapOut"/>\n', "", 1)
    found = plan_of(read_wsdl(one_way), UNRULED, "case.file/1")
    assert found.operation.answer == ""
    assert outcome_of(Answer(202, CIMultiDict()), found, (), 0.0) == Delivered()


def test_answers_with_mtom_are_read() -> None:
    """Services that package every answer, with files or without."""
    inner = 'application/xop+xml; charset=UTF-8; type="text/xml"'
    content_type, octets = write_related(result("01"), inner, (Part(content_id="1@x", octets=b"x"),), start_info="text/xml")
    assert outcome(octets, content_type=content_type) == Delivered(remote_ref="BN-7")
    assert isinstance(outcome(octets[:-30], content_type=content_type), Retry)


def test_what_decides_stands_in_the_body() -> None:
    """However much stands in the header blocks before it, and whatever it says there."""
    block = f"<s:Header><w:Security xmlns:w='urn:w'>{'thiếu trường ' * 1000}</w:Security></s:Header>".encode()
    octets = fault("s:Server", "Giao dịch đã tồn tại").replace(b"<s:Body>", block + b"<s:Body>")
    table = (Reply(means="refused", text="thiếu trường"), Reply(means="delivered", text="đã tồn tại"))
    assert outcome(octets, 500, replies=table) == Delivered()


def test_an_answer_in_the_other_version_is_read() -> None:
    """Some services answer every version in theirs."""
    content = result("00").decode().partition("<s:Body>")[2].partition("</s:Body>")[0]
    assert isinstance(outcome(enveloped(content, SOAP_12), content_type="application/soap+xml"), Delivered)


def test_text_of_an_answer_never_reaches_a_log_whole() -> None:
    """One line, and short."""
    found = outcome(result("12", "a\r\nb\x1b" + "c" * 5000).replace(b"\x1b", b""))
    assert isinstance(found, Refused) and len(found.detail) < 400 and "\n" not in found.detail


@settings(deadline=None)
@given(st.data(), st.sampled_from([200, 202, 400, 500]), st.sampled_from(["text/xml", "application/json", "multipart/related"]))
def test_any_octets_are_some_outcome(data: st.DataObject, status: int, media_type: str) -> None:
    """An answer changed anywhere is read as what it then says, or as garbage; never raised."""
    octets = bytearray(data.draw(st.sampled_from([result("00"), fault("s:Client"), fault("s:Sender", "x", SOAP_12), b""])))
    for place in data.draw(st.lists(st.integers(0, max(0, len(octets) - 1)), max_size=4)):
        octets[place : place + 1] = data.draw(st.binary(max_size=3))
    found = outcome(bytes(octets), status, content_type=data.draw(st.sampled_from([media_type, f"{media_type}; boundary=b", ""])))
    assert isinstance(found, Delivered | Retry | Refused)
