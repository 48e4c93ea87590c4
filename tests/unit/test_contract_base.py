"""Text, agency codes, the catalogue of refusals and the envelope: what everything else is built on."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.agency import AgencyCode, agency_code, scheme_of, to_qd20
from contracts.envelope import Attachment, Envelope, Identifier, checked
from contracts.errors import ContractError
from contracts.problems import CATALOGUE, Problem
from contracts.text import identifier_key, is_plain_token, nfc, search_key

VIETNAMESE = "aăâbcdđeêghiklmnoôơpqrstuưvxyàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ"
# Words without marks, as somebody with an English keyboard would type them, give no such text.
MARKED = set(unicodedata.normalize("NFC", VIETNAMESE)) - set("abcdefghijklmnopqrstuvwxyz")
words = st.text(VIETNAMESE + VIETNAMESE.upper() + " 0123456789/-.", max_size=60)


# --- text --------------------------------------------------------------------------------------------------------------


@given(words)
def test_composed_and_decomposed_text_have_one_key(text: str) -> None:
    """The two encodings of one Vietnamese text look alike and are found alike."""
    composed, decomposed = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert identifier_key(composed) == identifier_key(decomposed)
    assert search_key(composed) == search_key(decomposed)


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    """A key made of a key is the key, so that stored keys and fresh ones can be compared."""
    assert nfc(nfc(text)) == nfc(text)


@given(words)
def test_case_and_spacing_do_not_make_another_identifier(text: str) -> None:
    """Typed in capitals or with doubled spaces it is still the same number."""
    assert identifier_key(f"  {text.upper()}\t") == identifier_key(text.replace(" ", "  "))


def test_a_name_is_found_without_its_marks() -> None:
    """Typing "ho dac" finds "Hồ Đắc", in either form."""
    assert search_key("Hồ Đắc") == search_key(unicodedata.normalize("NFD", "HỒ ĐẮC")) == "ho dac"


def test_marks_make_another_identifier() -> None:
    """Searching forgives marks, identity does not."""
    assert identifier_key("Hồ") != identifier_key("Ho")


@pytest.mark.parametrize(
    ("text", "plain"), [("a-1", True), ("", False), ("a b", False), ("ồ", False), ("a\n", False), ("a" * 9, False)]
)
def test_plain_tokens_are_short_printable_ascii_without_spaces(text: str, plain: bool) -> None:
    """Message ids stand in URLs and headers as they are."""
    assert is_plain_token(text, 8) is plain


# --- agency codes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "scheme"),
    [
        ("H01.15.20", "qd20"),
        ("H37.DN.001", "qd20"),
        ("G22", "qd20"),
        ("000.00.15.H01", "qcvn102"),
        ("00.14.H29", "qcvn102"),
        ("1600100001", "tax"),
        ("1600100001-001", "tax"),
        ("vxp.saas.03", "opaque"),
        ("H01" + ".AAAA" * 8, "opaque"),
    ],
)
def test_the_schemes_in_use_are_told_apart(code: str, scheme: str) -> None:
    """Both generations of agency codes, tax codes, and others that circulate."""
    assert agency_code(f" {code} ") == code
    assert scheme_of(code) == scheme


@pytest.mark.parametrize("text", ["", " ", "H01 15", "H01/15", ".H01", "H01.", "Sở Tư pháp", "a" * 51, "H01\n.15"])
def test_what_no_scheme_could_contain_is_no_code(text: str) -> None:
    """The refusal names the field and has the code of the catalogue."""
    with pytest.raises(ContractError) as refusal:
        agency_code(text, "/sender")
    assert (refusal.value.code, refusal.value.field) == ("agency.code_malformed", "/sender")


@pytest.mark.parametrize(
    ("old", "new"),
    [("000.00.15.H01", "H01.15"), ("000.20.15.H01", "H01.15.20"), ("00.14.H29", "H29.14"), ("000.00.00.H49", "H49")],
)
def test_a_code_of_the_first_generation_hints_at_the_second(old: str, new: str) -> None:
    """Groups reversed, empty ones dropped."""
    assert to_qd20(old) == new


def test_other_schemes_have_no_computed_successor() -> None:
    """Nothing is guessed."""
    assert to_qd20("H01.15") is to_qd20("1600100001") is None


# --- the catalogue of refusals -------------------------------------------------------------------------------------------


def test_every_code_names_its_area_and_reason() -> None:
    """Programs branch on codes: lower case, one dot, no accidents."""
    for code in CATALOGUE:
        area, dot, reason = code.partition(".")
        assert dot, code
        assert (area + reason).replace("_", "").isalpha(), code
        assert code == code.lower(), code


def test_codes_and_titles_are_unique() -> None:
    """Two refusals with one text could not be told apart by people. A code that stands twice would hide a row."""
    from contracts import problems

    assert len(CATALOGUE) == len(problems._TABLE)
    for texts in ([entry.title_vi for entry in CATALOGUE.values()], [entry.title_en for entry in CATALOGUE.values()]):
        assert len(texts) == len(set(texts))


@pytest.mark.parametrize("problem", CATALOGUE.values(), ids=lambda problem: problem.code)
def test_every_refusal_explains_itself_in_both_languages(problem: Problem) -> None:
    """Vietnamese with its marks, composed; English in ASCII; the remedy is a sentence."""
    for vietnamese in (problem.title_vi, problem.remedy_vi):
        assert set(vietnamese.lower()) & MARKED, vietnamese
        assert unicodedata.is_normalized("NFC", vietnamese)
    for english in (problem.title_en, problem.remedy_en):
        assert english.isascii()
    assert problem.remedy_vi.endswith(".")
    assert problem.remedy_en.endswith(".")
    assert 400 <= problem.status < 600
    assert len(problem.remedy_vi) <= 255
    assert len(problem.remedy_en) <= 255


@pytest.mark.parametrize("problem", CATALOGUE.values(), ids=lambda problem: problem.code)
def test_a_problem_of_the_callers_making_is_not_retried(problem: Problem) -> None:
    """A client error may only be retryable when time mends it: too slow (408), locked by somebody else (423), too often (429)."""
    if problem.status < 500:
        assert problem.retryable is (problem.status in (408, 423, 429))


# --- the envelope -----------------------------------------------------------------------------------------------------------

ENVELOPE = Envelope(
    message_id="hs-1",
    sender=AgencyCode("H01.134"),
    recipients=(AgencyCode("H01.10.01"), AgencyCode("000.00.15.H01")),
    kind="case.file/1",
    created_at=datetime(2026, 11, 22, 1, tzinfo=UTC),
    body=b'{"a":1}',
    order_key="H01.134-261122-0001",
    identifiers=(Identifier("case", "H01.134-261122-0001"),),
    attachments=(Attachment(digest="sha256:" + "0" * 64, size_bytes=3, name="đơn.pdf"),),
)

# One other value for every field that the sender says; trace headers are the road's, not the sender's.
OTHER: dict[str, Any] = {
    "message_id": "hs-2",
    "sender": AgencyCode("H01.135"),
    "recipients": ENVELOPE.recipients[::-1],
    "kind": "case.progress/1",
    "created_at": ENVELOPE.created_at + timedelta(microseconds=1),
    "body": b'{"a": 1}',
    "media_type": "application/xml",
    "order_key": None,
    "priority": 1,
    "identifiers": (),
    "expires_at": ENVELOPE.created_at + timedelta(days=1),
    "correlation_id": "hs-0",
    "attachments": (),
    "signature": "e30.e30.AA",
}
TRACE = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "vendor=1"}


def changed(**fields: Any) -> Envelope:
    return msgspec.structs.replace(ENVELOPE, **fields)


def test_the_lists_above_name_every_field() -> None:
    """A new field must be decided on: said by the sender or not."""
    assert {*OTHER, *TRACE} == set(Envelope.__struct_fields__)


def test_a_resend_with_other_trace_headers_is_the_same_message() -> None:
    """Retries carry new trace ids; the digest must not notice."""
    assert changed(**TRACE).digest() == ENVELOPE.digest()


@pytest.mark.parametrize("field", OTHER)
def test_one_changed_field_is_another_message(field: str) -> None:
    """Nothing the sender said can be changed behind its back under the same digest."""
    assert changed(**{field: OTHER[field]}).digest() != ENVELOPE.digest()


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_digests_tell_bodies_apart(one: bytes, other: bytes) -> None:
    """Same octets, same digest; other octets, another one."""
    assert (changed(body=one).digest() == changed(body=other).digest()) is (one == other)


def test_a_good_envelope_passes_with_codes_trimmed_and_texts_composed() -> None:
    """What is compared later is normalised at the door; the body is not touched."""
    sloppy = changed(
        sender=AgencyCode(" H01.134 "),
        order_key=unicodedata.normalize("NFD", "hồ sơ 1"),
        identifiers=(Identifier("notation", unicodedata.normalize("NFD", "12/QĐ-TTĐT ")),),
    )
    assert checked(ENVELOPE) == ENVELOPE
    passed = checked(sloppy)
    assert (passed.sender, passed.order_key, passed.identifiers[0].value) == ("H01.134", "hồ sơ 1", "12/QĐ-TTĐT")
    assert passed.body is sloppy.body


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"message_id": "a b"}, "/message_id"),
        ({"message_id": ""}, "/message_id"),
        ({"message_id": "x" * 129}, "/message_id"),
        ({"kind": "case.file"}, "/kind"),
        ({"kind": "Case.File/1"}, "/kind"),
        ({"kind": "case.file/0"}, "/kind"),
        ({"priority": 5}, "/priority"),
        ({"priority": -1}, "/priority"),
        ({"media_type": "json"}, "/media_type"),
        ({"created_at": datetime(2026, 1, 1)}, "/created_at"),  # noqa: DTZ001 - the very mistake that is refused
        ({"created_at": datetime(1999, 12, 31, tzinfo=UTC)}, "/created_at"),
        ({"expires_at": datetime(2201, 1, 1, tzinfo=UTC)}, "/expires_at"),
        ({"correlation_id": "\x00"}, "/correlation_id"),
        ({"traceparent": f"00-{'0' * 32}-{'b' * 16}-01"}, "/traceparent"),
        ({"tracestate": "ồ"}, "/tracestate"),
        ({"recipients": ()}, "/recipients"),
        ({"recipients": ("H01", " H01")}, "/recipients"),
        ({"recipients": ("H01", "H 01")}, "/recipients/1"),
        ({"sender": ""}, "/sender"),
        ({"order_key": ""}, "/order_key"),
        ({"order_key": "a\x00"}, "/order_key"),
        ({"identifiers": (Identifier("Case", "1"),)}, "/identifiers/0/scheme"),
        ({"identifiers": (Identifier("case", " "),)}, "/identifiers/0/value"),
        ({"identifiers": (Identifier("case", "1"),) * 33}, "/identifiers"),
        ({"attachments": (Attachment(digest="md5:0", size_bytes=0),)}, "/attachments/0/digest"),
        ({"attachments": (Attachment(digest="sha256:" + "0" * 64, size_bytes=-1),)}, "/attachments/0/size_bytes"),
        ({"attachments": (Attachment(digest="sha256:" + "0" * 64, size_bytes=1, name="../a"),)}, "/attachments/0/name"),
        ({"attachments": (Attachment(digest="sha256:" + "0" * 64, size_bytes=1, name="a\r\nX: 1"),)}, "/attachments/0/name"),
        ({"attachments": (Attachment(digest="sha256:" + "0" * 64, size_bytes=1, name="fdp.\u202eexe"),)}, "/attachments/0/name"),
        (
            {"attachments": (Attachment(digest="sha256:" + "0" * 64, size_bytes=1, media_type="pdf"),)},
            "/attachments/0/media_type",
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_field(fields: dict[str, Any], field: str) -> None:
    """Every rule of the envelope has an offender, and the sender learns where it is."""
    with pytest.raises(ContractError) as refusal:
        checked(changed(**fields), "/envelope")
    assert refusal.value.field == f"/envelope{field}"
    assert refusal.value.code in ("envelope.field_invalid", "agency.code_malformed")


def test_identifiers_are_found_by_key_in_any_form() -> None:
    """One identifier, composed or not, in capitals or not."""
    assert Identifier("notation", "12/qđ").key == Identifier("notation", unicodedata.normalize("NFD", "12/QĐ")).key
