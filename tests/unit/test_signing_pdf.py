"""Signatures in PDF: what is accepted, what was changed afterwards, and attacks on what a signature covers and what is seen."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.signers import PdfSigner

from signing import pdf, pdf_review
from signing.pades import judge, refused
from signing.pdf import PdfCaps
from signing.report import Integrity, SignatureReport, TimeEvidence, Trust, Verdict
from signing.rules import Refused
from signing.trust import TrustBase
from tests.cms_signers import CmsRecipe
from tests.cms_signers import sign as sign_cms
from tests.pdf_signers import Stamper, changed, document, name, prepared, sign, stamped
from tests.signatures import AT, agency, authority, holder, issue, rsa_key, stranger
from tests.stamps import stamp_anchors

TRUST = TrustBase(documents=authority().anchors())
BOX = (50, 650, 300, 720)
GOOD = Verdict.VERIFIED_REVOCATION_UNKNOWN


def look(octets: bytes, trust: TrustBase = TRUST, at: datetime | None = None) -> tuple[SignatureReport, ...]:
    """As the process that judges and the one that reads do together."""
    at = at or AT
    try:
        places = pdf.find(octets, PdfCaps())
        findings = pdf_review.review(octets)
    except Refused as wrong:
        return (refused(wrong.rule.code, wrong.place, wrong.detail),)
    except Exception as error:  # noqa: BLE001 - as the worker does
        return (refused("pdf.structure", "", f"{type(error).__name__}"),)
    return judge(octets, places, findings, trust, at)


def codes(octets: bytes) -> list[str]:
    """Of each signature: by which rule it is refused, or its verdict."""
    return [one.verdict.value if one.refusal is None else one.refusal.rule.code for one in look(octets)]


ONE = sign(document())


# --- what is accepted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("subfilter", [SigSeedSubFilter.PADES, SigSeedSubFilter.ADOBE_PKCS7_DETACHED])
def test_a_signature_over_the_whole_file_is_verified(compressed: bool, subfilter: SigSeedSubFilter) -> None:
    """With tables or streams of references, in both formats; the report says what is covered."""
    octets = sign(document(compressed=compressed), box=BOX, subfilter=subfilter)
    (report,) = look(octets)
    assert (report.verdict, report.refusal) == (GOOD, None)
    assert report.profile == {SigSeedSubFilter.PADES: "pades/1"}.get(subfilter, "pdf-cms/1")
    (part,) = report.covered
    assert (part.what, part.octets) == ("file", len(octets) - len(gap(octets)))
    assert report.signer is not None and report.signer.der == agency().der


@pytest.mark.parametrize("kind", ["P-256", "3072"])
def test_other_keys_sign_pdf_too(kind: str) -> None:
    """The CMS rules say which."""
    assert codes(sign(document(), holder=holder(kind))) == [GOOD]


def test_several_signatures_have_a_verdict_each() -> None:
    """Those who sign later answer for what the file shows; each report says which revision was signed."""
    octets = sign(sign(ONE, "Second", holder("P-256"), box=BOX), "Third", holder("3072"))
    reports = look(octets)
    assert [one.verdict for one in reports] == [GOOD] * 3
    assert [one.covered[0].what for one in reports] == ["revision", "revision", "file"]


def test_a_field_that_was_there_is_filled() -> None:
    """The first signer has seen where the second one will sign."""
    octets = sign(prepared(document(), "Second", BOX))
    assert codes(sign(octets, "Second")) == [GOOD, GOOD]


def test_a_stranger_who_signs_later_takes_the_verdict_of_the_first_one() -> None:
    """What a stranger put on the page may lie over the text."""
    assert codes(sign(ONE, "Second", stranger(), box=BOX)) == ["pdf.later_signature", "intact_not_trusted"]
    untrusted_between = sign(sign(ONE, "Second", stranger()), "Third")
    assert codes(untrusted_between) == ["pdf.later_signature", "intact_not_trusted", GOOD]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("D:20261118150000+07'00'", datetime(2026, 11, 18, 8, tzinfo=UTC)),
        ("D:20261118150000+07'00", datetime(2026, 11, 18, 8, tzinfo=UTC)),
        ("D:20261117150000-0300", datetime(2026, 11, 17, 18, tzinfo=UTC)),
        ("D:20261118080000Z", datetime(2026, 11, 18, 8, tzinfo=UTC)),
        ("D:20261118080000Z00'00'", datetime(2026, 11, 18, 8, tzinfo=UTC)),
        ("D:20261118080000", None),
        ("D:20261318080000Z", None),
        ("20261118", None),
        ("", None),
    ],
)
def test_the_time_that_the_signer_claims_is_said(text: str, said: datetime | None) -> None:
    """Out of the dictionary, which is signed; it proves nothing."""
    (finding,) = pdf_review.review(ONE)
    (report,) = judge(ONE, pdf.find(ONE, PdfCaps()), [replace(finding, claimed_at=text)], TRUST, AT)
    assert report.properties is not None
    assert (report.verdict, report.properties.signing_time) == (GOOD, said)


def test_a_time_to_come_is_refused() -> None:
    """As in CMS."""
    (report,) = look(ONE, at=AT - timedelta(minutes=10))
    assert report.refusal is not None and report.refusal.rule.code == "cms.signing_time"


def test_without_a_signature_there_is_none() -> None:
    """A state of its own."""
    assert codes(document()) == ["signature.absent"]
    assert codes(prepared(document(), "Empty", BOX)) == ["signature.absent"]


# --- changed after it was signed ----------------------------------------------------------------------------------------------


def page(writer: IncrementalPdfFileWriter) -> Any:
    return writer.root["/Pages"]["/Kids"][0]


def _text(writer: IncrementalPdfFileWriter, text: bytes) -> generic.IndirectObject:
    return writer.add_object(generic.StreamObject(stream_data=b"BT /F1 18 Tf 50 700 Td (" + text + b") Tj ET"))


def replace_content(writer: IncrementalPdfFileWriter) -> None:
    page(writer)[name("/Contents")] = _text(writer, b"Quyet dinh khac")
    writer.mark_update(writer.root["/Pages"]["/Kids"].raw_get(0))


def override_content(writer: IncrementalPdfFileWriter) -> None:
    """The very object, under its own number."""
    content = page(writer).raw_get("/Contents").get_object()
    content._data = b"BT /F1 18 Tf 50 700 Td (Quyet dinh khac) Tj ET"
    content._encoded_data = None
    writer.mark_update(page(writer).raw_get("/Contents"))


def override_font(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack, replace: the same codes, other shapes."""
    fonts = page(writer)["/Resources"]["/Font"]
    fonts[name("/F1")] = generic.DictionaryObject(
        {name("/Type"): name("/Font"), name("/Subtype"): name("/Type1"), name("/BaseFont"): name("/Symbol")}
    )
    writer.update_container(fonts)


def annotate(writer: IncrementalPdfFileWriter) -> None:
    """An annotation over the text."""
    box = generic.ArrayObject([generic.NumberObject(one) for one in BOX])
    note = generic.DictionaryObject({name("/Type"): name("/Annot"), name("/Subtype"): name("/Square"), name("/Rect"): box})
    page(writer)[name("/Annots")] = generic.ArrayObject([*page(writer).get("/Annots", []), writer.add_object(note)])
    writer.mark_update(writer.root["/Pages"]["/Kids"].raw_get(0))


def other_pages(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack, hide and replace: the catalogue leads to other pages."""
    leaf = generic.DictionaryObject(page(writer))
    leaf[name("/Contents")] = _text(writer, b"Quyet dinh khac")
    kids = generic.ArrayObject([writer.add_object(leaf)])
    pages = {name("/Type"): name("/Pages"), name("/Kids"): kids, name("/Count"): generic.NumberObject(1)}
    writer.root[name("/Pages")] = writer.add_object(generic.DictionaryObject(pages))
    writer.update_root()


def orphan(writer: IncrementalPdfFileWriter) -> None:
    """An object that nothing refers to: some readers find it."""
    writer.add_object(generic.TextStringObject("?"))


def add_text_field(writer: IncrementalPdfFileWriter) -> None:
    box = generic.ArrayObject([generic.NumberObject(one) for one in BOX])
    field = {
        name("/FT"): name("/Tx"),
        name("/T"): generic.TextStringObject("Amount"),
        name("/V"): generic.TextStringObject("1"),
        name("/Subtype"): name("/Widget"),
        name("/Rect"): box,
    }
    made = writer.add_object(generic.DictionaryObject(field))
    if "/AcroForm" not in writer.root:
        writer.root[name("/AcroForm")] = generic.DictionaryObject({name("/Fields"): generic.ArrayObject()})
        writer.update_root()
    fields = writer.root["/AcroForm"]["/Fields"]
    fields.append(made)
    writer.update_container(fields)


def fill_text_field(writer: IncrementalPdfFileWriter) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    field[name("/V")] = generic.TextStringObject("1000000")
    writer.update_container(field)


WITH_FORM = sign(changed(document(), add_text_field))

CHANGES: dict[str, tuple[bytes, Callable[[IncrementalPdfFileWriter], None]]] = {
    "other content": (ONE, replace_content),
    "content overridden": (ONE, override_content),
    "font replaced": (ONE, override_font),
    "annotation": (ONE, annotate),
    "other pages": (ONE, other_pages),
    "orphan": (ONE, orphan),
    "text field added": (ONE, add_text_field),
    "text field filled": (WITH_FORM, fill_text_field),
    "empty field": (ONE, lambda writer: append_signature_field(writer, SigFieldSpec("Next", box=BOX, on_page=0))),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("signed_again", [False, True], ids=["alone", "signed again"])
def test_what_is_changed_after_signing_is_not_what_was_signed(what: str, signed_again: bool) -> None:
    """Also where somebody who is trusted signs the changed file: the first signature is not over it."""
    octets, change = CHANGES[what]
    altered = changed(octets, change)
    if not signed_again:
        assert codes(altered) == ["pdf.changed_after"]
        (report,) = look(altered)
        assert (report.integrity, report.path, report.verdict) == (Integrity.NOT_INTACT, None, Verdict.NOT_VERIFIED)
        assert report.covered[0].what == "revision"
    elif what == "empty field":
        assert codes(sign(altered, "Next")) == [GOOD, GOOD]  # a signature after all
    else:
        assert codes(sign(altered, "Second")) == ["pdf.changed_after", GOOD]


@pytest.mark.parametrize("tail", [b"\n", b" ", b"%%EOF", b"junk", ONE])
def test_octets_behind_the_signature_are_a_change(tail: bytes) -> None:
    """Whatever a reader makes of them."""
    assert set(codes(ONE + tail)) <= {"pdf.changed_after", "pdf.structure", "pdf.byte_range"}


def test_a_certified_document_keeps_its_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """DocMDP: no changes at all, or signatures but nothing else."""
    strict = sign(document(), certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    lenient = sign(document(), certify=True, docmdp_permissions=MDPPerm.FILL_FORMS)
    assert codes(strict) == codes(lenient) == [GOOD]
    monkeypatch.setattr(PdfSigner, "_enforce_certification_constraints", lambda *_: None)  # as an attacker's program would
    assert codes(sign(strict, "Second")) == ["pdf.locked", GOOD]
    assert codes(sign(lenient, "Second")) == [GOOD, GOOD]
    assert codes(sign(lenient, "Second", box=BOX)) == ["pdf.changed_after", GOOD]  # sneaky signature: it may lie over the text


def test_a_locked_field_stays_empty() -> None:
    """FieldMDP of the first signer, over a field that is to be signed later."""
    fields = prepared(document(), "Second", BOX)
    lock = FieldMDPSpec(FieldMDPAction.ALL)
    spec = SigFieldSpec("First", box=(10, 10, 40, 40), on_page=0, field_mdp_spec=lock, doc_mdp_update_value=MDPPerm.FILL_FORMS)
    first = sign(changed(fields, lambda writer: append_signature_field(writer, spec)), "First")
    assert codes(first) == [GOOD]
    assert codes(sign(first, "Second"))[0] in {"pdf.locked", "pdf.changed_after"}


# --- time-stamps --------------------------------------------------------------------------------------------------------------

WITH_STAMPS = replace(TRUST, time_stamps=stamp_anchors())
YEARS_LATER = agency().certificate.not_valid_after_utc + timedelta(days=1)


def test_a_time_stamp_on_a_signature_says_when_it_existed() -> None:
    """PAdES-B-T."""
    octets = sign(document(), stamper=Stamper())
    (report,) = look(octets, WITH_STAMPS)
    assert (report.verdict, report.time_evidence) == (GOOD, TimeEvidence.STAMPED)
    (report,) = look(octets)
    assert (report.verdict, report.stamp) == (GOOD, None)
    assert report.stamp_refusal is not None and report.stamp_refusal.rule.code == "path.no_anchors"


def test_a_time_stamp_on_the_document_stands_for_all_before_it() -> None:
    """PAdES-B-LTA: certificates that have ended since were in force then."""
    octets = stamped(sign(ONE, "Second", holder("P-256"), box=BOX))
    reports = look(octets, WITH_STAMPS)
    assert [one.profile for one in reports] == ["pades/1", "pades/1", "pdf-time-stamp/1"]
    assert [one.verdict for one in reports] == [GOOD] * 3
    assert [one.time_evidence for one in reports] == [TimeEvidence.STAMPED] * 3
    assert [one.trust for one in look(octets, WITH_STAMPS, YEARS_LATER)] == [Trust.TRUSTED] * 3
    assert [one.trust for one in look(ONE, WITH_STAMPS, YEARS_LATER)] == [Trust.NOT_TRUSTED]


def test_a_time_stamp_of_a_stranger_proves_no_time_and_changes_nothing() -> None:
    """It is seen by nobody, and intact."""
    first, second = look(stamped(ONE))
    assert (first.verdict, first.time_evidence) == (GOOD, TimeEvidence.CLAIMED)
    assert (second.verdict, second.stamp) == (Verdict.INTACT_NOT_TRUSTED, None)


def test_a_time_stamp_over_other_octets_is_none() -> None:
    """And what stands before it is changed after."""
    octets = stamped(ONE)
    at = octets.rindex(b"/DocTimeStamp")
    assert codes(octets[:at] + b"/DocTimeStamp"[:-1] + b"P" + octets[at + 13 :])[-1] not in {GOOD.value, "intact_not_trusted"}
    tail = octets.rindex(b"%%EOF")
    changed_tail = octets[: tail - 2] + bytes((octets[tail - 2] ^ 1,)) + octets[tail - 1 :]
    assert all(one not in {GOOD.value, "intact_not_trusted"} for one in codes(changed_tail))


# --- what the octets cover ----------------------------------------------------------------------------------------------------

_RANGE = re.compile(rb"/ByteRange\s*\[[^\]]*\]")


def numbers(octets: bytes) -> tuple[int, int, int, int]:
    match = re.search(rb"/ByteRange\s*\[\s*(\d+) (\d+) (\d+) (\d+)", octets)
    assert match is not None
    one, two, three, four = map(int, match.groups())
    return one, two, three, four


def gap(octets: bytes) -> bytes:
    _, start, end, _ = numbers(octets)
    return octets[start:end]


def with_range(octets: bytes, written: bytes) -> bytes:
    """Of the same length, so that nothing else moves."""
    found = _RANGE.search(octets)
    assert found is not None and len(written) <= len(found[0])
    return octets.replace(found[0], written.ljust(len(found[0])))


def _ranges(octets: bytes) -> dict[str, bytes]:
    _, start, end, rest = numbers(octets)
    return {
        "null": b"/ByteRange null",
        "empty": b"/ByteRange []",
        "zeros": b"/ByteRange [0 0 0 0]",
        "negative": b"/ByteRange [0 -1 -1 -1]",
        "two numbers": b"/ByteRange [0 %d]" % start,
        "six numbers": b"/ByteRange [0 1 2 %d 4 5]" % start,
        "late start": b"/ByteRange [1 %d %d %d]" % (start - 1, end, rest),
        "short": b"/ByteRange [0 %d %d %d]" % (start, end, rest - 1),
        "beyond the end": b"/ByteRange [0 %d %d %d]" % (start, end, rest + 9),
        "wider gap": b"/ByteRange [0 %d %d %d]" % (start - 9, end, rest),
        "gap at its end": b"/ByteRange [0 %d %d %d]" % (start, end + 9, rest - 9),
        "narrow gap": b"/ByteRange [0 %d %d %d]" % (start + 2, end, rest),
        "no gap": b"/ByteRange [0 %d %d %d]" % (end, end, rest),
        "overlapping": b"/ByteRange [0 %d %d %d]" % (end, start, rest),
        "other name": b"/ByteRang [0 %d %d %d]" % (start, end, rest),
    }


@pytest.mark.parametrize("what", _ranges(ONE))
def test_a_byte_range_leaves_out_the_value_and_nothing_else(what: str) -> None:
    """Universal signature forgery, incremental saving and signature wrapping begin with another range."""
    refusals = {"pdf.byte_range", "pdf.contents", "signature.absent", "pdf.structure", "signature.digest"}
    assert codes(with_range(ONE, _ranges(ONE)[what]))[0] in refusals


def with_gap(octets: bytes, value: bytes) -> bytes:
    return octets.replace(gap(octets), value.ljust(len(gap(octets)))[: len(gap(octets))])


@pytest.mark.parametrize(
    "value",
    [
        b"<>",
        b"null",
        b"<00>",
        b"()",
        gap(ONE)[:-3] + b">>>",
        gap(ONE)[:100] + b" " + gap(ONE)[101:],
        gap(ONE)[:-20] + b"> /X <" + gap(ONE)[-14:],
        gap(ONE)[:-2] + b"g>",
        b"(" + gap(ONE)[1:-1] + b")",
        gap(ONE)[:-5] + b"0001>",
        gap(ONE).replace(b"00>", b"ff>"),
    ],
)
def test_the_gap_holds_one_hexadecimal_string(value: bytes) -> None:
    """No white space, no other objects, no padding but zeros."""
    assert codes(with_gap(ONE, value))[0] not in {GOOD.value, "intact_not_trusted"}


def test_a_wrapped_signature_is_refused() -> None:
    """Signature wrapping: the signed end moves behind what the attacker writes into a wider gap."""
    _, start, end, rest = numbers(ONE)
    evil = b"\n9 0 obj\n<< /Type /Catalog >>\nendobj\n"
    moved = ONE[:end] + evil + ONE[end:]
    written = b"/ByteRange [0 %d %d %d]" % (start, end + len(evil), rest)
    assert codes(with_range(moved, written))[0] in {"pdf.contents", "pdf.structure"}


def test_the_gap_is_the_contents_of_the_very_signature() -> None:
    """Not of an object that only looks like it, and under no second name."""
    place = pdf.find(ONE, PdfCaps())[0]
    (finding,) = pdf_review.review(ONE)
    pdf.check_holder(ONE, place, finding.object_at)
    for at in (0, 15, place.start, finding.object_at + 1, len(ONE)):
        with pytest.raises(Refused, match=r"pdf\.contents"):
            pdf.check_holder(ONE, place, at)
    pdf.check_holder(ONE.replace(b"/Adobe.PPKLite", b"/Adobe#20PPKLi"), place, finding.object_at)
    for instead in (b"/C#6fntents 1 ", b"/#42yteRange 1", b"/Contents (ab)"):
        with pytest.raises(Refused, match=r"pdf\.contents"):
            pdf.check_holder(ONE.replace(b"/Adobe.PPKLite", instead), place, finding.object_at)


def test_findings_of_a_liar_are_held_against_the_octets() -> None:
    """The process that reads says what it likes: values and ranges are verified where trust is."""
    places = pdf.find(ONE, PdfCaps())
    (finding,) = pdf_review.review(ONE)
    for lie in ({"byte_range": (0, 1, 2, 3)}, {"contents_sha256": bytes(32)}, {"object_at": 15}, {"format": "/x"}):
        (report,) = judge(ONE, places, [replace(finding, **lie)], TRUST, AT)
        assert report.verdict is Verdict.NOT_VERIFIED


def test_files_are_capped_before_they_are_read() -> None:
    """Octets, signatures, the length of a value."""
    for caps, code in (
        (PdfCaps(octets=len(ONE) - 1), "pdf.too_large"),
        (PdfCaps(signatures=0), "pdf.too_many"),
        (PdfCaps(contents=100), "pdf.contents"),
    ):
        with pytest.raises(Refused) as wrong:
            pdf.find(ONE, caps)
        assert wrong.value.rule.code == code


# --- other ways to show something else ----------------------------------------------------------------------------------------


def _action(kind: str, **more: Any) -> generic.DictionaryObject:
    return generic.DictionaryObject({name("/S"): name(kind), **{name(f"/{key}"): value for key, value in more.items()}})


def _in_catalogue(key: str, value: generic.PdfObject) -> Callable[[IncrementalPdfFileWriter], None]:
    def put(writer: IncrementalPdfFileWriter) -> None:
        writer.root[name(key)] = value
        writer.update_root()

    return put


SCRIPT = _action("/JavaScript", JS=generic.pdf_string("app.alert(1)"))
FORM_IN_XML = generic.DictionaryObject({name("/XFA"): generic.ArrayObject(), name("/Fields"): generic.ArrayObject()})


def _on_page(writer: IncrementalPdfFileWriter) -> None:
    page(writer)[name("/AA")] = generic.DictionaryObject({name("/O"): SCRIPT})
    writer.mark_update(writer.root["/Pages"]["/Kids"].raw_get(0))


ACTIVE = {
    "opens a script": _in_catalogue("/OpenAction", SCRIPT),
    "opens a program": _in_catalogue("/OpenAction", _action("/Launch")),
    "script by name": _in_catalogue("/Names", generic.DictionaryObject({name("/JavaScript"): generic.DictionaryObject()})),
    "form in XML": _in_catalogue("/AcroForm", FORM_IN_XML),
    "script on a page": _on_page,
}


@pytest.mark.parametrize("what", ACTIVE)
def test_what_acts_by_itself_is_refused(what: str) -> None:
    """However well it is signed."""
    assert codes(sign(changed(document(), ACTIVE[what]))) == ["pdf.active_content"]


def test_links_are_no_scripts() -> None:
    """A destination that the document opens with, and a link to the web."""
    opened = changed(document(), _in_catalogue("/OpenAction", _action("/GoTo")))
    assert codes(sign(opened)) == [GOOD]


def test_encrypted_files_are_refused() -> None:
    """What is signed cannot be seen without the password."""
    writer = copy_into_new_writer(PdfFileReader(BytesIO(document())))
    writer.encrypt(owner_pass="a", user_pass="b")
    out = BytesIO()
    writer.write(out)
    with pytest.raises(Refused, match=r"pdf\.encrypted"):
        pdf_review.review(out.getvalue())


def hybrid(octets: bytes) -> bytes:
    """With a second table of references beside the first one (7.5.8.4)."""
    at = len(octets)
    stream = (
        b"\n90 0 obj\n<< /Type /XRef /Size 91 /W [1 2 1] /Index [90 1] /Length 4 >>\nstream\n"
        b"\x01" + (at + 1).to_bytes(2) + b"\0\nendstream\nendobj\n"
    )
    previous = octets[octets.rindex(b"startxref") :].split()[1]
    root = re.search(rb"/Root (\d+ \d+ R)", octets)
    identity = re.search(rb"/ID \[[^\]]*\]", octets, re.DOTALL)
    assert root is not None and identity is not None
    table = at + len(stream)
    trailer = b"trailer\n<< /Size 91 /Root %s /Prev %s %s /XRefStm %d >>\n" % (root[1], previous, identity[0], at + 1)
    return octets + stream + b"xref\n0 1\n0000000000 65535 f \n" + trailer + b"startxref\n%d\n%%%%EOF\n" % table


def test_hybrid_files_are_refused() -> None:
    """Old readers and new ones see two documents."""
    octets = hybrid(document())
    assert PdfFileReader(BytesIO(octets)).xrefs.hybrid_xrefs_present
    assert codes(hybrid(ONE)) == ["pdf.hybrid"]


def test_what_stands_before_the_header_is_refused() -> None:
    """A file may be a PDF and something else at the same time."""
    assert codes(b"GIF89a" + ONE) == ["pdf.type"]


@pytest.mark.parametrize("old", [b"/adbe.pkcs7.sha1", b"/adbe.x509.rsa_sha1", b"/Anything"])
def test_old_formats_are_refused(old: bytes) -> None:
    """They are by SHA-1, or nobody knows them."""
    plain = sign(document(), subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED)
    assert codes(plain.replace(b"/adbe.pkcs7.detached", old.ljust(len(b"/adbe.pkcs7.detached")))) == ["pdf.format"]


def test_the_rules_of_cms_hold_inside_pdf() -> None:
    """PAdES needs the binding of the certificate; a weak key is weak here too."""
    assert codes(sign(document(), holder=issue("Khóa yếu", rsa_key(1024), authority()))) == ["key.strength"]
    _, start, end, _ = numbers(ONE)
    signed = ONE[:start] + ONE[end:]
    value = sign_cms(signed, recipe=CmsRecipe(bound="none")).hex().encode()
    forged = ONE[: start + 1] + value.ljust(end - start - 2, b"0") + ONE[end - 1 :]
    assert codes(forged) == ["cms.not_bound"]
    value = sign_cms(signed, recipe=CmsRecipe()).hex().encode()
    assert codes(ONE[: start + 1] + value.ljust(end - start - 2, b"0") + ONE[end - 1 :]) == [GOOD]


def test_a_quick_reader_of_hexadecimal_reads_what_the_slow_one_does() -> None:
    """Odd digits, white space, strangers' signs, an end that is missing."""
    from pyhanko.pdf_utils.misc import PdfReadError, PdfStreamError

    for text in (b"<>", b"<00ff>", b"<00FF>x", b"<0 0>", b"<abc>", b"<ab", b"<zz>", b"<" + b"ab" * 20_000 + b">", b"<fe ff 00>"):
        results = []
        for read in (pdf_review._read_slowly, pdf_review._read_hex_string):
            stream = BytesIO(text)
            try:
                results.append((read(stream), stream.tell()))
            except (PdfReadError, PdfStreamError) as error:
                results.append((type(error), -1))
        assert results[0] == results[1], text[:20]
