"""Parcels as SOAP messages: mapped, secured, packaged; read back by readers that are not ours."""

import base64
import email
import email.policy
import io
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import zeep
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from zeep.wsse.username import UsernameToken

from adapters.soap.mapping import Request, request_of
from adapters.soap.registration import plan_of
from adapters.soap.wsdl import WsdlError, read_wsdl
from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope, Identifier
from contracts.errors import ContractError
from contracts.kinds import find
from contracts.kinds.case import CaseFile
from contracts.kinds.document_examples import PACKET
from contracts.kinds.examples import CASE_FILE, CASE_PROGRESS
from contracts.kinds.xml import to_xml
from contracts.soap.message import inlined, read_message
from signing.profiles import SOAP
from signing.report import Verdict
from signing.trust import TrustBase
from signing.verify import check
from tests.fakes.soap_system import ACCOUNT, OPTIONS, PASSWORD, WSDL
from tests.signatures import AT, Holder, agency, authority, issue, rsa_key, xmlsec_says

CASE = next(example.body for example in CASE_FILE if isinstance(example.body, CaseFile))
NONCE = bytes(range(16))
NOW = AT.timestamp()
FILES = {"sha256:" + "a" * 64: b"%PDF-1.7 " + bytes(range(256)) * 10, "sha256:" + "b" * 64: b"nh\xe1\xbb\x8f"}
PAPERS = (
    Attachment(digest="sha256:" + "a" * 64, size_bytes=2569, media_type="application/pdf", name="Bản vẽ <1>.pdf"),
    Attachment(digest="sha256:" + "b" * 64, size_bytes=5, media_type="text/plain", name="ghi chú.txt"),
)


def parcel(kind: str = "case.file/1", body: bytes = msgspec.json.encode(CASE), **changes: Any) -> Parcel:
    envelope = Envelope(
        message_id="m-1",
        sender=AgencyCode("H01.15"),
        recipients=(AgencyCode("H01.20"),),
        kind=kind,
        created_at=datetime(2026, 11, 18, 1, tzinfo=UTC),
        body=body,
        **changes,
    )
    return Parcel(
        delivery_id=42,
        attempt=2,
        recipient=AgencyCode("H01.20"),
        addressed_as=AgencyCode("H01.20"),
        sequence=7,
        envelope=envelope,
        identifiers=(Identifier("case", CASE.case_number),),
    )


def made(sent: Parcel | None = None, secret: str = PASSWORD, **options: str) -> Request:
    sent = sent or parcel()
    changed = {name.replace("__", "."): value for name, value in options.items()}
    plan = plan_of(read_wsdl(WSDL), {**OPTIONS, **changed}, sent.envelope.kind)
    return request_of(plan, sent, FILES if plan.wants_files else {}, secret, NOW, NONCE)


def content_of(octets: bytes) -> etree._Element:
    root = etree.fromstring(octets)
    return root[-1][0]


def said(octets: bytes) -> list[tuple[str, str]]:
    """Local names and texts of all leaves, in their order."""
    return [(etree.QName(one).localname, one.text or "") for one in content_of(octets).iter("*") if not len(one)]


def test_a_case_is_said_in_their_words() -> None:
    """Elements in the order of the schema, constants, dates, codes; what is not there is left out."""
    request = made(msgspec.structs.replace(parcel(), delivery_id=43))
    assert said(request.body) == [
        ("MaGiaoDich", "LGSP-43"),
        ("Ma_ho_so", CASE.case_number),
        ("TenTTHC", CASE.procedure.name),
        ("ChuHoSo", CASE.applicant.name),
        ("TrichYeu", CASE.abstract),
        ("NgayTiepNhan", CASE.received_at.strftime("%d/%m/%Y %H:%M") if CASE.received_at else ""),
        ("DonViGui", "H01.15"),
        ("Loai", {1: "11", 2: "12", 3: "13"}[CASE.channel]),
    ]
    assert content_of(request.body).tag == "{http://motcua.angiang.gov.vn/}TiepNhanHoSo"
    assert request.headers["SOAPAction"] == '"http://motcua.angiang.gov.vn/TiepNhanHoSo"'
    assert request.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert request.headers["Lgsp-Delivery-Id"] == "43"


def test_json_and_xml_bodies_are_said_alike() -> None:
    """The mapping is of the kind, not of the form that a sender chose."""
    twin = parcel(body=to_xml(find("case.file/1"), CASE), media_type="application/xml")
    assert said(made(twin).body) == said(made().body)


def test_the_second_attempt_says_the_same() -> None:
    """Octet for octet: nothing in it is of the attempt."""
    first = msgspec.structs.replace(parcel(), attempt=1)
    assert made(first) == made(parcel())


def test_the_password_goes_into_their_header_block() -> None:
    """And nowhere else."""
    root = etree.fromstring(made().body)
    assert [(etree.QName(one).localname, one.text) for one in root[0][0]] == [("TaiKhoan", ACCOUNT), ("MatKhau", PASSWORD)]
    assert PASSWORD not in etree.tostring(root[1], encoding="unicode")


def test_progress_goes_to_an_operation_of_its_own() -> None:
    """With codes of theirs and a composed text."""
    progress: Any = CASE_PROGRESS[0].body
    found = dict(said(made(parcel("case.progress/1", msgspec.json.encode(progress))).body))
    assert found["TrangThai"] in ("DA_TIEP_NHAN", "DANG_XU_LY", "DA_XONG", "DA_TRA", "KHAC")
    assert found["NoiDungXuLy"] == f"{progress.line.handled_by}: {progress.line.action}"
    assert datetime.fromisoformat(found["ThoiDiem"]) == progress.line.at


def test_a_whole_body_goes_as_octets_as_text_and_as_xml() -> None:
    """Octets that were signed come out of the base64 as they were."""
    content = content_of(made(parcel("document.packet/1", PACKET, media_type="application/edxml+xml")).body)
    number, octets, text, xml = content
    assert number.text == "LGSP-42"
    assert base64.b64decode(octets.text or "") == PACKET
    assert (text.text or "").replace("\r", "") == PACKET.decode().replace("\r", "")
    said_again = [(one.tag, one.text, dict(one.attrib)) for one in xml[0].iter("*")]
    assert said_again == [(one.tag, one.text, dict(one.attrib)) for one in etree.fromstring(PACKET).iter("*")]


def test_files_go_inside() -> None:
    """An element for each, in their order, with octets in base64."""
    found = said(made(parcel(attachments=PAPERS)).body)[8:]
    assert found == [
        pair
        for one in PAPERS
        for pair in (
            ("TenTep", one.name),
            ("KieuTep", one.media_type),
            ("NoiDung", base64.b64encode(FILES[one.digest]).decode()),
        )
    ]


@pytest.mark.parametrize(
    ("port", "version"), [("CongThongTinMotCuaSoap", "text/xml"), ("CongThongTinMotCuaSoap12", "application/soap+xml")]
)
def test_large_files_go_beside(port: str, version: str) -> None:
    """MTOM, read with the standard library: the root says its type twice, and points to a part; small files stay inside."""
    request = made(parcel(attachments=PAPERS), binary="mtom", port=port)
    header = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    whole = email.message_from_bytes(header + request.body, policy=email.policy.HTTP)
    root, part = whole.iter_parts()
    assert root.get_content_type() == "application/xop+xml" and root.get_param("type") == version
    assert whole.get_param("start-info") == version and whole.get_param("type") == "application/xop+xml"
    assert part.get_payload(decode=True) == FILES[PAPERS[0].digest]
    octets = root.get_payload(decode=True)
    includes = list(etree.fromstring(octets).iter("{http://www.w3.org/2004/08/xop/include}Include"))
    assert [one.get("href") for one in includes] == [f"cid:{part['Content-ID'].strip('<>')}"]
    assert ("NoiDung", base64.b64encode(FILES[PAPERS[1].digest]).decode()) in said(octets)


def test_zeep_reads_what_the_schema_promises() -> None:
    """The message obeys the WSDL, by a reader that was given nothing else."""
    client = zeep.Client(io.BytesIO(WSDL.replace(' schemaLocation="http://10.20.30.40/DichVu.asmx?xsd=xsd1"', "").encode()))
    element = client.get_element("{http://motcua.angiang.gov.vn/}TiepNhanHoSo")
    found = element.parse(content_of(made(parcel(attachments=PAPERS)).body), client.wsdl.types)
    assert found.HoSo.Ma_ho_so == CASE.case_number and found.HoSo.Loai in (11, 12, 13)
    assert [one.NoiDung for one in found.HoSo.DanhSachTep.Tep] == list(FILES.values())


def test_what_xml_cannot_carry_is_left_out() -> None:
    """A file name may hold what no XML does."""
    odd = msgspec.structs.replace(PAPERS[1], name="a\x00b\ufffec\ud800d.txt")
    assert ("TenTep", "abcd.txt") in said(made(parcel(attachments=(odd,))).body)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"case.file:field.HoSo.Ma_ho_so": "{body.note}"}, "Ma_ho_so"), ({"case.file:field.HoSo.Loai": "{body.note}"}, "Loai")],
)
def test_what_the_schema_demands_and_this_message_has_not_is_told(changes: dict[str, str], words: str) -> None:
    """Named, before anything is sent."""
    options = dict(OPTIONS) | changes
    without_note = parcel(body=msgspec.json.encode(msgspec.structs.replace(CASE, note=None)))
    with pytest.raises(ContractError) as refused:
        request_of(plan_of(read_wsdl(WSDL), options, "case.file/1"), without_note, {}, PASSWORD, NOW, NONCE)
    assert refused.value.code == "body.invalid" and words in refused.value.detail


def test_a_body_of_another_kind_is_refused() -> None:
    """As the hub's own reader does."""
    with pytest.raises(ContractError) as refused:
        made(parcel(body=b"{}"))
    assert refused.value.code == "body.invalid"


def test_http_headers_stay_one_line() -> None:
    """Whatever is put into one."""
    options = {"http.X-Key": "{secret}", "http.X-From": "{envelope.sender}\r\nX-Evil: 1"}
    plan = plan_of(read_wsdl(WSDL), {**OPTIONS, **options}, "case.file/1")
    headers = request_of(plan, parcel(), {}, "khóa\r\n", NOW, NONCE).headers
    assert headers["X-Key"] == "kha" and headers["X-From"] == "H01.15X-Evil: 1"


# --- WS-Security


def test_a_digest_of_the_password_is_what_the_profile_says() -> None:
    """Verified by zeep's own maker of it, given the same nonce and time."""
    options = {"security": "username-digest", "security__username": ACCOUNT}
    block = etree.fromstring(made(**options).body)[0][-1]
    ours = {etree.QName(one).localname: one.text for one in block.iter("*")}
    theirs = UsernameToken(ACCOUNT, PASSWORD, use_digest=True, created=AT, zulu_timestamp=True)
    envelope = etree.fromstring('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>')
    theirs.nonce = NONCE.decode("latin-1")
    theirs.apply(envelope, {})
    expected = {etree.QName(one).localname: one.text for one in envelope[0][0].iter("*")}
    assert {name: ours[name] for name in expected if name != "Security"} == {
        name: text for name, text in expected.items() if name != "Security"
    }


def key_of(holder: Holder) -> str:
    return base64.b64encode(holder.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


@pytest.mark.parametrize("port", ["CongThongTinMotCuaSoap", "CongThongTinMotCuaSoap12"])
def test_a_signature_is_verified_by_the_hubs_verifier_and_by_xmlsec(port: str) -> None:
    """Body and Timestamp, with the certificate as a token. The hub asks no more of those who send to it."""
    plain = {name: value for name, value in OPTIONS.items() if not name.startswith("header.")}
    holder = agency()
    options = {**plain, "port": port, "security": "x509", "security.certificate": base64.b64encode(holder.der).decode()}
    plan = plan_of(read_wsdl(WSDL), options, "case.file/1")
    octets = request_of(plan, parcel(attachments=PAPERS), FILES, key_of(holder), NOW, NONCE).body
    report = check(octets, SOAP, TrustBase(documents=authority().anchors()), AT).report
    assert report.refusal is None and report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert {"soap_body", "soap_timestamp"} <= {one.what for one in report.covered}
    assert xmlsec_says(octets, holder)
    assert not xmlsec_says(octets.replace(b"LGSP-42", b"LGSP-43"), holder)


def test_a_signature_covers_files_that_travel_beside() -> None:
    """As if they stood in the message (XOP 1.0, 3.2): whoever puts them back can verify it, and a changed file is noticed."""
    plain = {name: value for name, value in OPTIONS.items() if not name.startswith("header.")}
    holder = agency()
    more = {"binary": "mtom", "security": "x509", "security.certificate": base64.b64encode(holder.der).decode()}
    plan = plan_of(read_wsdl(WSDL), plain | more, "case.file/1")
    request = request_of(plan, parcel(attachments=PAPERS), FILES, key_of(holder), NOW, NONCE)
    assert FILES[PAPERS[0].digest] in request.body
    for body, verdict in (
        (request.body, Verdict.VERIFIED_REVOCATION_UNKNOWN),
        (request.body.replace(b"%PDF-1.7", b"%PDF-1.8"), Verdict.NOT_VERIFIED),
    ):
        whole = inlined(read_message(request.headers["Content-Type"], body))
        assert check(whole, SOAP, TrustBase(documents=authority().anchors()), AT).report.verdict is verdict


def test_a_certificate_of_another_key_is_told_at_once() -> None:
    """Recipients would say only that the signature is wrong."""
    other = issue("another", rsa_key())
    with pytest.raises(WsdlError, match="not that of the key"):
        made(secret=key_of(agency()), security="x509", security__certificate=base64.b64encode(other.der).decode())


@pytest.mark.parametrize("secret", ["", "not base64!", base64.b64encode(b"no key").decode()])
def test_a_secret_that_is_no_key_is_told_without_it(secret: str) -> None:
    """In words, never with the secret in them."""
    certificate = base64.b64encode(agency().der).decode()
    with pytest.raises(WsdlError, match="PKCS #8 DER") as told:
        made(secret=secret, security="x509", security__certificate=certificate)
    assert not secret or secret not in str(told.value)
