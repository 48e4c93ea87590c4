"""What senders in service get wrong, each over every shape: it is read, noted, and nothing of it is passed on."""

import base64
import io
import zipfile
from collections.abc import Callable
from datetime import date

import pytest

from contracts.agency import AgencyCode
from contracts.edxml.attachments import files_in
from contracts.edxml.envelopes import envelope_of
from contracts.edxml.read import read_packet
from contracts.edxml.slim import slimmed
from contracts.edxml.when import When
from tests.edxml_packets import DOCUMENTS, PDF, SAID, Said, dotnet, java, status, zipped_by_java
from tests.unit.test_edxml_shapes import said_by

ENVELOPE = "<edXML:edXMLEnvelope"


def replaced(*pairs: tuple[str, str]) -> Callable[[bytes], bytes]:
    def change(octets: bytes) -> bytes:
        text = octets.decode()
        for old, new in pairs:
            text = text.replace(old, new)
        return text.encode()

    return change


ANYWHERE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "stray bytes before the declaration": (lambda octets: b"1212" + octets, "stray_bytes"),
    "line breaks before the declaration": (lambda octets: b"\r\n\r\n  " + octets, ""),
    "a byte order mark": (lambda octets: b"\xef\xbb\xbf" + octets, "byte_order_mark"),
    "UTF-16 declared, UTF-8 sent": (replaced(('encoding="UTF-8"', 'encoding="utf-16"')), "encoding_declared"),
    "UTF-16 with its mark": (lambda octets: octets.decode().replace("UTF-8", "utf-16").encode("utf-16"), "utf_16"),
    "UTF-16, other end first": (lambda octets: b"\xfe\xff" + octets.decode().encode("utf-16-be"), "utf_16"),
    "NUL bytes behind": (lambda octets: octets + b"\0\0\0", "stray_bytes_after"),
    "the end of a multipart body behind": (lambda octets: octets + b"\r\n--boundary--\r\n", "stray_bytes_after"),
    "XML 1.1 declared": (replaced(('version="1.0" enc', 'version="1.1" enc')), ""),
    "a control character as a reference": (replaced(("Subject>V/v", "Subject>&#x1F;V/v")), "control_characters"),
    "a control character": (replaced(("Subject>V/v", "Subject>\x02V/v")), "control_characters"),
    "root EdXML": (replaced(("<edXML ", "<EdXML "), ("</edXML>", "</EdXML>")), ""),
    "no namespace": (replaced((' xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"', "")), ""),
    "white space around values": (replaced((">28.22.H17<", ">\n\t 28.22.H17 <")), ""),
    "an addressee twice": (
        replaced(("<edXML:To>", "<edXML:To><edXML:OrganId>H37.02.02</edXML:OrganId></edXML:To><edXML:To>")),
        "",
    ),
    "elements that nobody knows": (replaced(("</edXML:Subject>", "</edXML:Subject><edXML:Secret>x</edXML:Secret>")), ""),
    "a prefix that nobody declared": (replaced(("Subject>V/v", 'Subject ns2:type="x">V/v')), "unbound_prefix:ns2"),
    "comments": (replaced(("<edXML:Subject>", "<!-- trích yếu --><edXML:Subject><!-- x -->")), ""),
    "an instruction": (replaced((ENVELOPE, f"<?xml-stylesheet href='x'?>{ENVELOPE}")), ""),
    "a title as CDATA": (replaced((f">{SAID.subject.replace('&', '&amp;')}<", f"><![CDATA[{SAID.subject}]]><")), ""),
}


@pytest.mark.parametrize("shape", DOCUMENTS)
@pytest.mark.parametrize("trap", ANYWHERE)
def test_habits_and_mistakes_do_not_change_what_is_said(shape: str, trap: str) -> None:
    """Each of these has been seen in packets in service, or is one step from it."""
    change, repair = ANYWHERE[trap]
    octets = DOCUMENTS[shape](SAID)
    changed = change(octets)
    said = said_by(changed)
    assert set(said.recipients) == set(SAID.recipients)
    assert said == Said(recipients=said.recipients)
    if repair and changed != octets:
        assert any(one.startswith(repair) for one in read_packet(changed).repairs)


@pytest.mark.parametrize("repair", ["1212", "\ufeff"])
def test_what_is_put_right_is_not_passed_on(repair: str) -> None:
    """The body that the hub keeps of an unsigned packet is sound."""
    slim = slimmed(repair.encode() + java())
    assert read_packet(slim.body).repairs == ()


@pytest.mark.parametrize(
    ("text", "at", "strict"),
    [
        ("2026/11/18", "2026-11-18T00:00:00+07:00", "2026/11/18"),
        ("18/11/2026", "2026-11-18T00:00:00+07:00", "2026/11/18"),
        ("2026/11/18 09:30:00", "2026-11-18T09:30:00+07:00", "2026/11/18 09:30:00"),
        ("18/11/2026 9:30", "2026-11-18T09:30:00+07:00", "2026/11/18 09:30:00"),
        ("2026-11-18T02:30:00.125Z", "2026-11-18T02:30:00+00:00", "2026/11/18 09:30:00"),
        ("2026-11-18T09:30:00+0700", "2026-11-18T09:30:00+07:00", "2026/11/18 09:30:00"),
        ("2014/02/30", None, "2014/02/30"),
        ("0000/00/00", None, "0000/00/00"),
        ("18/13/2026", None, "18/13/2026"),
        ("2026/11/18 25:00:00", None, "2026/11/18 25:00:00"),
        ("ngày 18 tháng 11", None, "ngày 18 tháng 11"),
        ("0001/01/01 00:00:00+1400", None, "0001/01/01 00:00:00+1400"),
        ("2026/11/18 09:30:00+99:99", None, "2026/11/18 09:30:00+99:99"),
        ("٢٠٢٦/11/18", None, "٢٠٢٦/11/18"),
    ],
)
def test_dates_are_kept_as_written_and_understood_where_they_can_be(text: str, at: str | None, strict: str) -> None:
    """In all the ways of writing them that occur; a day that does not exist stays a text."""
    when = When(text)
    assert (when.at.isoformat() if when.at else None, when.strict) == (at, strict)


def test_a_day_that_does_not_exist_is_noted() -> None:
    """A vendor's sample says "2014/02/30"."""
    found = read_packet(java().replace(b"Date>2025/09/30<", b"Date>2014/02/30<"))
    info = found.header.promulgation_info
    assert info is not None
    assert info.promulgation_date == When("2014/02/30")
    assert found.repairs == ("no_date:PromulgationDate",)


def with_file(name: str, octets: bytes, kind: str = "application/pdf", encoded: str | None = None) -> bytes:
    """A packet with this one file, in base64 or as `encoded` says."""
    packet = dotnet(Said(files=((name, octets),))).decode().replace("application/octet-stream", kind)
    plain = base64.b64encode(octets).decode()
    return packet.replace(plain, plain if encoded is None else encoded).encode()


def archive(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as written:
        for name, octets in entries:
            written.writestr(zipfile.ZipInfo(name, (2026, 11, 18, 9, 30, 0)), octets, method)
    return stream.getvalue()


def zip64(name: str, octets: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written, written.open(name, "w", force_zip64=True) as entry:
        entry.write(octets)
    return stream.getvalue()


def encrypted(octets: bytes) -> bytes:
    """The flag of encryption set in both headers."""
    plain = bytearray(octets)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        plain[plain.index(signature) + flags] |= 1
    return bytes(plain)


DOCX = archive(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>"))
ZIP = "application/zip"
RARE = archive(("a.pdf", PDF), method=zipfile.ZIP_LZMA)
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "sent", "kept", "kind"),
    [
        ("cv.pdf", PDF, PDF, "application/pdf"),
        ("cv.pdf", zipped_by_java("cv.pdf", PDF), PDF, "application/pdf"),
        ("CV.SIGNED.PDF", zipped_by_java("CV.SIGNED.PDF", PDF), PDF, "application/pdf"),
        ("cv.docx", DOCX, DOCX, WORD),
        ("cv.docx", zipped_by_java("cv.docx", DOCX), DOCX, WORD),
        ("khong-duoi", zipped_by_java("a.pdf", PDF), PDF, "application/pdf"),
        ("cv.pdf", archive(("../../etc/cron.d/x", PDF)), PDF, "application/pdf"),
        ("cv.pdf", archive(("C:\\cv.pdf", PDF), method=zipfile.ZIP_STORED), PDF, "application/pdf"),
        ("cv.pdf", zip64("x.pdf", PDF), PDF, "application/pdf"),
        ("cv.pdf", b"PK\x03\x04 and no more", b"PK\x03\x04 and no more", ZIP),
        ("ho-so.zip", archive(("a.pdf", PDF)), archive(("a.pdf", PDF)), ZIP),
        ("ho-so.zip", archive(("lon.bin", bytes(12_000_000))), archive(("lon.bin", bytes(12_000_000))), ZIP),
        ("ho-so.zip", zipped_by_java("x.zip", archive(("a.pdf", PDF))), archive(("a.pdf", PDF)), ZIP),
        ("ho-so.zip", archive(("a.pdf", PDF), ("b.pdf", PDF)), archive(("a.pdf", PDF), ("b.pdf", PDF)), ZIP),
        ("cv.pdf", archive(("folder/", b"")), archive(("folder/", b"")), ZIP),
        ("cv.pdf", encrypted(archive(("a.pdf", PDF))), encrypted(archive(("a.pdf", PDF))), ZIP),
        ("cv.pdf", RARE, RARE, ZIP),
        ("cv.pdf", archive(("a.pdf", PDF))[:-30], archive(("a.pdf", PDF))[:-30], ZIP),
        ("cv.txt", "Kính gửi".encode(), "Kính gửi".encode(), "text/plain"),
        ("cv.pdf.p7s", b"\x30\x82\x01\x00" + bytes(256), b"\x30\x82\x01\x00" + bytes(256), "application/pkcs7-signature"),
        ("scan.jpg", b"\xff\xd8\xff\xe0" + bytes(64), b"\xff\xd8\xff\xe0" + bytes(64), "image/jpeg"),
        ("cv.pdf", b"\x00\x01 no PDF", b"\x00\x01 no PDF", "application/octet-stream"),
        ("rong.pdf", zipped_by_java("rong.pdf", b""), b"", "application/octet-stream"),
    ],
)
def test_a_file_is_what_its_octets_are(name: str, sent: bytes, kept: bytes, kind: str) -> None:
    """An archive of one plain file is that file, under the name that the packet gives it; any other stays as it came. What is
    broken or locked is carried too: the recipient may know how to open it."""
    (file,) = files_in(read_packet(with_file(name, sent)))
    assert file is not None
    assert (file.name, file.octets, file.media_type) == (name, kept, kind)


@pytest.mark.parametrize("encoded", ["{0}\n\n", "\r\n{0}", "{1}", "{2}"], ids=["after", "before", "in lines", "no padding"])
def test_base64_is_read_however_it_is_laid_out(encoded: str) -> None:
    """In lines, with spaces, without its padding."""
    plain = base64.b64encode(PDF).decode()
    laid_out = encoded.format(plain, base64.encodebytes(PDF).decode().replace("\n", "&#13;\n  "), plain.rstrip("="))
    (file,) = files_in(read_packet(with_file("cv.pdf", PDF, encoded=laid_out)))
    assert file is not None
    assert file.octets == PDF


@pytest.mark.parametrize("lines", ["{}&#13;\n", "{}&#xD;\n", "<![CDATA[{}\r\n]]>"])
def test_a_large_file_in_lines_is_a_file(lines: str) -> None:
    """Java writes the end of every line of base64 as a reference, others put it all into CDATA."""
    large = PDF + bytes(6_000_000)
    text = "".join(map(lines.format, base64.encodebytes(large).decode().splitlines()))
    if "CDATA" in lines:
        text = lines.format("\r\n".join(base64.encodebytes(large).decode().splitlines()))
    (file,) = files_in(read_packet(with_file("cv.pdf", large, encoded=text)))
    assert file is not None
    assert file.octets == large


def test_what_is_put_right_of_a_status_is_not_passed_on_either() -> None:
    """It has no files to be taken out, and its octets stay where nothing is wrong with them."""
    day = date(2026, 11, 28)
    wrong, right = (envelope_of(one, sender=AgencyCode("H17"), received_on=day) for one in (b"1212" + status(), status()))
    assert right.envelope.body == status()
    assert wrong.envelope.body.startswith(b"<?xml")
    assert wrong.envelope.message_id == right.envelope.message_id


@pytest.mark.parametrize(
    ("written", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\Users\\x\\cv.pdf", "cv.pdf"), ("a\u202efdp.exe", "afdp.exe"), ("..", "tep-1.pdf"),
     ("", "tep-1.pdf"), ("x" * 300 + ".pdf", "x" * 180 + ".pdf"), ("  Công văn.pdf ", "Công văn.pdf")],
)  # fmt: skip
def test_names_of_files_are_names_and_nothing_else(written: str, kept: str) -> None:
    """No folders, no control characters, no more than 200 characters, and one is made up where there is none."""
    packet = with_file("NAME", PDF).decode().replace(">NAME<", f">{written}<")
    (file,) = files_in(read_packet(packet.encode()))
    assert file is not None
    assert file.name == kept


def test_files_are_matched_by_id_then_name_then_position() -> None:
    """Ids with "cid:" on one side only, in other orders, or missing."""
    two = Said(files=(("a.pdf", PDF), ("b.pdf", PDF + b"b")))
    plain = dotnet(two).decode()
    turned = plain.replace("<ContentId>1<", "<ContentId>X<").replace("<ContentId>2<", "<ContentId>1<")
    turned = (
        turned.replace("<ContentId>X<", "<ContentId>2<").replace("<AttachmentName>", "<N>").replace("</AttachmentName>", "</N>")
    )
    assert [file.name for file in files_in(read_packet(turned.encode())) if file] == ["b.pdf", "a.pdf"]
    bare = plain.replace("<ContentId>1<", "<ContentId><").replace("<ContentId>2<", "<ContentId><").replace(
        "<AttachmentName>a.pdf</AttachmentName>", "").replace("<AttachmentName>b.pdf</AttachmentName>", "")  # fmt: skip
    assert [file.name for file in files_in(read_packet(bare.encode())) if file] == ["a.pdf", "b.pdf"]
