"""SOAP messages with their files, as octets: read with caps, written so that others can read them, refused with codes."""

import email
import email.policy
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from contracts.errors import ContractError
from contracts.receipt import Refusal
from contracts.soap.faults import fault_code, http_status, write_fault
from contracts.soap.message import Version, inlined, not_understood, octets_of, read_message, write_message
from contracts.soap.mime import MAX_PARTS, Part, read_related, write_related

S11, S12 = Version.SOAP_11.value, Version.SOAP_12.value
TYPES = {Version.SOAP_11: "text/xml; charset=utf-8", Version.SOAP_12: "application/soap+xml"}


def envelope(body: str, header: str = "", namespace: str = S11) -> bytes:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return f'<s:Envelope xmlns:s="{namespace}">{head}<s:Body>{body}</s:Body></s:Envelope>'.encode()


def code_of(content_type: str, octets: bytes) -> str:
    with pytest.raises(ContractError) as refused:
        read_message(content_type, octets)
    return refused.value.code


# --- messages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", Version)
def test_a_message_is_read_as_what_it_says_it_is(version: Version) -> None:
    message = read_message(TYPES[version], envelope('<a xmlns="urn:x">Hồ sơ</a>', "<b/>", version.value))
    assert (message.version, message.content.tag, message.content.text) == (version, "{urn:x}a", "Hồ sơ")
    assert [one.tag for one in message.headers] == ["b"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "soap.malformed"),
        (b"<a/>", "soap.malformed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "soap.malformed"),
        (envelope("", namespace="http://www.w3.org/2001/12/soap-envelope"), "soap.version_mismatch"),
        (b"<Envelope><Body/></Envelope>", "soap.version_mismatch"),
        (f'<s:Envelope xmlns:s="{S11}"><s:Body/><s:Body/></s:Envelope>'.encode(), "soap.malformed"),
        (f'<s:Envelope xmlns:s="{S11}"><s:Body/><x/></s:Envelope>'.encode(), "soap.malformed"),
        (envelope("<a>" * 100 + "</a>" * 100), "soap.malformed"),
    ],
)
def test_what_is_no_message_is_refused_with_a_code(body: bytes, code: str) -> None:
    assert code_of("text/xml", body) == code


def test_other_media_types_are_refused() -> None:
    assert code_of("application/json", envelope("<a/>")) == "request.media_type_unsupported"


def test_a_body_of_two_elements_has_no_content() -> None:
    with pytest.raises(ContractError, match=r"soap\.malformed"):
        _ = read_message("text/xml", envelope("<a/><b/>")).content


@pytest.mark.parametrize("version", Version)
def test_blocks_that_must_be_understood_are_told_when_they_are_for_us(version: Version) -> None:
    namespace = version.value
    role = "actor" if version is Version.SOAP_11 else "role"
    blocks = (
        '<a xmlns="urn:x" s:mustUnderstand="1"/><b xmlns="urn:x"/><known xmlns="urn:x" s:mustUnderstand="1"/>'
        f'<other xmlns="urn:x" s:mustUnderstand="1" s:{role}="urn:somebody"/>'
    )
    message = read_message(TYPES[version], envelope("<c/>", blocks, namespace))
    assert [one.tag for one in not_understood(message, {"{urn:x}known"})] == ["{urn:x}a"]


# --- files --------------------------------------------------------------------------------------------------------------


@given(
    files=st.lists(st.binary(max_size=300), max_size=5),
    root=st.sampled_from([envelope("<a/>"), envelope("<a/>", namespace=S12)]),
)
def test_what_is_written_is_read_again_octet_for_octet(files: list[bytes], root: bytes) -> None:
    parts = tuple(Part(content_id=f"{place}@x", octets=octets, name=f"giấy tờ {place}.pdf") for place, octets in enumerate(files))
    kind, octets = write_related(root, "text/xml", parts)
    found = read_related(kind, octets)
    assert (found.root, found.parts) == (root, parts)
    assert write_related(root, "text/xml", parts) == (kind, octets)  # the same again


def test_mail_programs_read_what_is_written() -> None:
    files = (Part(content_id="1@x", octets=b"\x00\xff\r\n--\r\n", media_type="image/png", name="bản đồ.png"),)
    kind, octets = write_related(envelope("<a/>"), 'application/xop+xml; type="text/xml"', files, start_info="text/xml")
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + octets, policy=email.policy.HTTP)
    root, file = message.iter_parts()
    assert root.get_content() if root.get_content_type() == "text/xml" else root.get_payload(decode=True) == envelope("<a/>")
    assert (file["Content-ID"], file.get_filename(), file.get_payload(decode=True)) == ("<1@x>", "bản đồ.png", files[0].octets)


def test_line_feeds_alone_base64_and_a_preamble_are_read() -> None:
    octets = b"preamble\n--b\nContent-ID: <a>\n\n<x/>\n--b\nContent-ID: <f>\nContent-Transfer-Encoding: BASE64\n\naGk=\n\n--b--\n"
    found = read_related('multipart/related; boundary=b; start="<a>"', octets)
    assert (found.root, found.parts[0].octets) == (b"<x/>", b"hi")
    assert found.part("cid:f") is found.parts[0] and found.part("cid:g") is None


def test_the_message_may_stand_behind_its_files() -> None:
    octets = b"--b\r\nContent-ID: <f>\r\n\r\nfile\r\n--b\r\nContent-ID: <a>\r\n\r\n<x/>\r\n--b--"
    assert read_related('multipart/related; boundary=b; start="<a>"', octets).root == b"<x/>"


def test_a_boundary_inside_a_file_does_not_end_it() -> None:
    octets = b"--b\r\n\r\n<x/>\r\n--b\r\n\r\nfoo--b\r\n--bc\r\n--b--x\r\n\r\n--b--\r\n"
    assert read_related("multipart/related; boundary=b", octets).parts[0].octets == b"foo--b\r\n--bc\r\n--b--x\r\n"


@pytest.mark.parametrize(
    ("kind", "octets"),
    [
        ("multipart/related", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/related; boundary=" + "b" * 71, b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/related; boundary=b", b""),
        ("multipart/related; boundary=b", b"--b--"),
        ("multipart/related; boundary=b", b"--b\r\n\r\nno end"),
        ("multipart/related; boundary=b", b"--b\r\nno head"),
        ("multipart/related; boundary=b", b"--b\r\n" + b"A: b\r\n" * 4000 + b"\r\nx\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\nnonsense\r\n\r\nx\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\nContent-ID: <a>\r\n\r\nx\r\n--b\r\nContent-ID: a\r\n\r\nx\r\n--b--"),
        ("multipart/related; boundary=b; start=c", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\nContent-Transfer-Encoding: gzip\r\n\r\nx\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 1) + b"--b--"),
        ("multipart/related; boundary=b; x=" + "y" * 3000, b"--b\r\n\r\nx\r\n--b--"),
    ],
)
def test_broken_parts_are_refused(kind: str, octets: bytes) -> None:
    with pytest.raises(ContractError) as refused:
        read_related(kind, octets)
    assert refused.value.code == "soap.malformed"


@pytest.mark.parametrize("piece", [b"\r\n--", b"--b", b"\r\n--bx", b"\n--b-", b"\r\n--b \t"])
def test_no_pattern_of_octets_makes_reading_slow(piece: bytes) -> None:
    octets = b"--b\r\n\r\n" + piece * (4_000_000 // len(piece))
    started = time.process_time()
    with pytest.raises(ContractError):
        read_related("multipart/related; boundary=b", octets)
    assert time.process_time() - started < 2.0  # a million false delimiters; quadratic would be hours


def test_an_element_stands_for_its_file_in_place_or_beside_the_message() -> None:
    include = '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:1%40x"/>'
    body = f"<a><m>{include}</m><s>cid:1@x</s><i>aG\nk=</i><w>cid:no</w><b>?</b></a>"
    kind, octets = write_related(
        envelope(body), 'application/xop+xml; type="text/xml"', [Part(content_id="1@x", octets=b"hi")], start_info="text/xml"
    )
    message = read_message(kind, octets)
    mtom, swa, in_place, missing, broken = message.content
    assert [octets_of(one, message.related) for one in (mtom, swa, in_place)] == [b"hi"] * 3
    for element, code in ((missing, "soap.attachment_missing"), (broken, "body.malformed")):
        with pytest.raises(ContractError) as refused:
            octets_of(element, message.related)
        assert refused.value.code == code
    assert b"<m>aGk=</m>" in inlined(message)


# --- faults -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "in_11", "in_12", "statuses"),
    [
        ("body.invalid", "Client", "Sender", (500, 400)),
        ("hub.overloaded", "Server", "Receiver", (500, 500)),
        ("hub.internal", "Server", "Receiver", (500, 500)),
        ("request.timeout", "Server", "Receiver", (500, 500)),
        ("soap.must_understand", "MustUnderstand", "MustUnderstand", (500, 500)),
        ("soap.version_mismatch", "VersionMismatch", "VersionMismatch", (500, 500)),
    ],
)
def test_a_refusal_is_the_fault_of_whoever_can_mend_it(code: str, in_11: str, in_12: str, statuses: tuple[int, int]) -> None:
    refusal = Refusal.of(code)
    assert (fault_code(Version.SOAP_11, refusal), fault_code(Version.SOAP_12, refusal)) == (in_11, in_12)
    assert tuple(http_status(version, refusal) for version in Version) == statuses


def test_a_fault_says_in_both_languages_what_is_wrong() -> None:
    detail = etree.Element("{urn:x}problem")
    old = etree.fromstring(write_fault(Version.SOAP_11, Refusal.of("body.invalid"), [detail]))
    fault = old[0][0]
    assert [one.tag for one in fault] == ["faultcode", "faultstring", "detail"]
    assert fault[0].text == "soap:Client" and fault[2][0].tag == "{urn:x}problem"
    assert "Nội dung không đúng" in (fault[1].text or "") and "does not match" in (fault[1].text or "")
    new = etree.fromstring(write_fault(Version.SOAP_12, Refusal.of("body.invalid"), [etree.Element("x")]))
    subcode = new.find(f".//{{{S12}}}Subcode/{{{S12}}}Value")
    assert subcode is not None and subcode.text == "problem:body.invalid"
    texts = [(one.get("{http://www.w3.org/XML/1998/namespace}lang"), one.text) for one in new.iter(f"{{{S12}}}Text")]
    assert [language for language, _ in texts] == ["vi", "en"] and all(text for _, text in texts)


def test_soap_12_names_the_blocks_it_did_not_understand_and_the_versions_it_does() -> None:
    refusal = Refusal.of("soap.must_understand")
    root = etree.fromstring(write_fault(Version.SOAP_12, refusal, not_understood=["{urn:x}block"]))
    block = root[0][0]
    prefix, _, name = block.get("qname", "").partition(":")
    assert (block.tag, block.nsmap[prefix], name) == (f"{{{S12}}}NotUnderstood", "urn:x", "block")
    upgrade = etree.fromstring(write_fault(Version.SOAP_11, Refusal.of("soap.version_mismatch")))[0][0]
    offered = [one.nsmap[one.get("qname", "").partition(":")[0]] for one in upgrade]
    assert offered == [S12, S11]


def test_a_written_message_is_a_message() -> None:
    content = etree.Element("{urn:x}a")
    octets = write_message(Version.SOAP_12, [content], [etree.Element("{urn:x}h")])
    assert read_message("application/soap+xml", octets).content.tag == "{urn:x}a"
