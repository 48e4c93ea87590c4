"""Changed CMS messages and PDFs: none is accepted with other content; others agree; whatever arrives, an answer comes at once."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing import pdf
from signing.cms import check_cms
from signing.cms_profiles import CADES, CMS
from signing.der import OCTET_STRING, SEQUENCE, SET, Reader, context, dotted, identifier, natural, written
from signing.pdf import PdfCaps
from signing.report import Integrity, Verdict
from signing.rules import Refused
from signing.trust import NO_TRUST
from tests.cms_signers import CONTENT, openssl_says, pyhanko_says
from tests.file_mutants import of_message
from tests.signatures import AT, agency
from tests.soak.files import Base, File, Message, bases, judge


@pytest.mark.parametrize("base", bases(), ids=lambda one: one.name)
@pytest.mark.filterwarnings("ignore")
def test_no_mutant_is_accepted_with_other_content(base: Base) -> None:
    """Mutants that still verify say exactly what was signed, by whom it was signed."""
    assert judge(base, seed=2026, count=round(2000 * base.share)) == []


@pytest.mark.parametrize("base", [one for one in bases() if isinstance(one, Message)], ids=lambda one: one.name)
@pytest.mark.filterwarnings("ignore")
def test_others_accept_what_we_accept(base: Message) -> None:
    """pyHanko and OpenSSL refuse nothing that we accept. Often it is the other way round, for they read BER and no attributes."""
    intact, content = 0, None if base.attached else CONTENT
    for mutant in of_message(base.octets, seed=7, count=4000):
        if check_cms(mutant, content, base.profile, NO_TRUST, AT).report.integrity is Integrity.INTACT:
            intact += 1
            assert openssl_says(mutant, content, agency()), mutant
            assert pyhanko_says(mutant, content), mutant
            if intact == 5:
                break


@settings(max_examples=300, deadline=None)
@given(st.data())
@pytest.mark.filterwarnings("ignore")
def test_no_edit_is_accepted_with_other_content(data: st.DataObject) -> None:
    """Hypothesis chooses where octets are replaced, and by what."""
    base = data.draw(st.sampled_from([one for one in bases() if isinstance(one, Message)]))
    at = data.draw(st.integers(0, len(base.octets)))
    cut, put = data.draw(st.integers(0, 40)), data.draw(st.binary(max_size=40))
    assert base.wrongly_accepted(base.octets[:at] + put + base.octets[at + cut :]) is None


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_edit_of_a_pdf_is_accepted_with_other_content(data: st.DataObject) -> None:
    """The same for PDF."""
    base = data.draw(st.sampled_from([one for one in bases() if isinstance(one, File)]))
    at = data.draw(st.integers(0, len(base.octets)))
    cut, put = data.draw(st.integers(0, 40)), data.draw(st.binary(max_size=40))
    assert base.wrongly_accepted(base.octets[:at] + put + base.octets[at + cut :]) is None


@given(st.binary(max_size=300))
def test_whatever_arrives_a_report_comes_back(octets: bytes) -> None:
    """No octets raise an exception."""
    for content in (None, b""):
        assert check_cms(octets, content, CMS, NO_TRUST, AT).report.verdict is Verdict.NOT_VERIFIED


@given(st.binary(max_size=300))
def test_places_of_a_pdf_are_found_or_refused(octets: bytes) -> None:
    """Nothing else is raised."""
    with pytest.raises(Refused):
        pdf.find(b"%PDF-1.7\n/ByteRange [0 9 " + octets, PdfCaps())


@given(st.integers(0, 255), st.binary(max_size=300))
def test_what_is_written_is_read_again(tag: int, content: bytes) -> None:
    """And nothing shorter or longer."""
    octets = written(tag, content)
    if tag:
        assert Reader(octets).only(tag) == content
        for wrong in (octets[:-1], octets + b"\0", bytes((tag, 0x80)) + content + b"\0\0"):
            with pytest.raises(Refused):
                Reader(wrong).only(tag)


@given(st.integers(0, 2**70))
def test_numbers_have_one_encoding(number: int) -> None:
    """As short as can be, not negative."""
    octets = number.to_bytes(number.bit_length() // 8 + 1)
    assert natural(octets) == number
    with pytest.raises(Refused):
        natural(b"\0" + octets)


@pytest.mark.parametrize("name", ["1.2.840.113549.1.7.2", "2.16.840.1.101.3.4.2.1", "0.4.0.1733.2.1", "2.999.1"])
def test_names_of_objects_are_read_as_they_are_written(name: str) -> None:
    """With dots, for people."""
    assert dotted(identifier(name)[2:]) == name


def _message(*parts: bytes) -> bytes:
    inner = written(SEQUENCE, *parts)
    return written(SEQUENCE, identifier("1.2.840.113549.1.7.2"), written(context(0), inner))


HOSTILE = {
    "nested sequences": b"\x30\x80" * 500_000,
    "nested definite lengths": b"".join(b"\x30\x84" + (2**24 - 6 * n).to_bytes(4) for n in range(100_000)),
    "length of 2^32": b"\x30\x84\xff\xff\xff\xff" + b"\0" * 1000,
    "length of length": b"\x30\xff" + b"\xff" * 127,
    "algorithms without end": _message(b"\2\1\1", written(SET, written(SEQUENCE, b"\6\1\1") * 200_000)),
    "certificates without end": _message(
        b"\2\1\1",
        written(SET),
        written(SEQUENCE, identifier("1.2.840.113549.1.7.1")),
        written(context(0), agency().der * 800),
        written(SET),
    ),
    "large unknown content": _message(b"\2\1\1", written(SET), written(OCTET_STRING, bytes(2**23))),
    "zeros": bytes(2**23),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_messages_are_answered_at_once(name: str) -> None:
    """Within 50 ms, the best of three."""
    took = []
    for _ in range(3):
        began = time.process_time()
        assert check_cms(HOSTILE[name], None, CADES, NO_TRUST, AT).report.verdict is Verdict.NOT_VERIFIED
        took.append(time.process_time() - began)
    assert min(took) < 0.05


@pytest.mark.parametrize(
    "octets",
    [
        b"%PDF-1.7" + b"/ByteRange" * 1_000_000,
        b"%PDF-1.7" + b"/ByteRange [" * 30 + b"1 " * 5_000_000,
        b"%PDF-1.7 /ByteRange [0 5 9000000 3]" + b"<" + b"0" * 9_000_000,
        b"%PDF-1.7" + b"/ByteRange" + b" " * 10_000_000,
    ],
)
def test_hostile_pdfs_are_refused_at_once(octets: bytes) -> None:
    """Within 50 ms, the best of three, before any process is asked."""
    took = []
    for _ in range(3):
        began = time.process_time()
        with pytest.raises(Refused):
            pdf.find(octets, PdfCaps())
        took.append(time.process_time() - began)
    assert min(took) < 0.05
