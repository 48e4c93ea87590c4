"""The verdict on the signatures of a PDF: what its octets show, what a reader found, and each value held against its range.

What the reader says is not trusted further than this: where signatures are and what changed behind them. Places, digests, values
and paths are verified here, from the octets. Rules of change: the last signature covers the whole file; behind an earlier one
there is evidence that nobody sees, or signatures verified themselves, for who signs last answers for what the file shows.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from signing import cms_parts, pdf, pdf_findings
from signing.ber import to_der
from signing.cms import Digest, digest_method
from signing.cms_profiles import PADES, PDF_CMS, CmsProfile
from signing.cms_slow import check_cms_slowly, der_of
from signing.pdf import Octets, Place
from signing.pdf_findings import After, Finding
from signing.profiles import SHA256, SHA384, SHA512
from signing.report import Integrity, Path, Refusal, SignatureReport, SignedPart, TimeStamp, Trust, Verdict
from signing.rules import RULES, Refused
from signing.timestamps import TOKEN, verify_stamp
from signing.trust import TrustBase

PROFILE, STAMP_PROFILE = "pdf/1", "pdf-time-stamp/1"
_PROFILES: dict[str, CmsProfile] = {pdf_findings.CADES: PADES, pdf_findings.CMS: PDF_CMS}
_HASHES = {SHA256: hashlib.sha256, SHA384: hashlib.sha384, SHA512: hashlib.sha512}
_ANSWERED_FOR = frozenset({Verdict.VERIFIED, Verdict.VERIFIED_REVOCATION_UNKNOWN})
_NOT_INTACT = frozenset({"signature.value", "signature.digest", "timestamp.imprint"})
CHANGED = frozenset({"pdf.changed_after", "pdf.later_signature", "pdf.locked"})  # the signed revision is intact all the same
_DATE = re.compile(r"D:(\d{8})(\d{6})(?:(Z)(?:00'?(?:00'?)?)?|([+-]\d\d)'?(\d\d)?'?)", re.ASCII)
_PIECE_OCTETS = 2**20


def judge(
    octets: Octets, places: Sequence[Place], findings: Sequence[Finding], trust: TrustBase, at: datetime
) -> tuple[SignatureReport, ...]:
    """One report for each signature that is reached, in the order of the file. `places`: of the same octets. Never raises."""
    if not findings:
        return (refused("signature.absent", "/AcroForm", "no field holds a signature", Integrity.ABSENT),)
    by_range = {one.byte_range: one for one in places}
    reports: list[SignatureReport] = []  # from the last one to the first, for the first ones depend on the last ones
    for finding in sorted(findings, key=lambda one: one.byte_range, reverse=True):
        try:
            place = _checked_place(octets, by_range.get(finding.byte_range), finding)
            look = _look_at_stamp if finding.format == pdf_findings.TIME_STAMP else _look_at_signature
            report = look(octets, place, finding, _existed(reports), trust, at)
            reports.append(_with_changes(report, len(octets), place, finding, reports))
        except Refused as wrong:
            reports.append(refused(wrong.rule.code, wrong.place, wrong.detail))
        except Exception as error:  # noqa: BLE001 - the promise: an exception anywhere means "not verified"
            reports.append(refused("check.failed", finding.name, type(error).__name__))
    return tuple(reversed(reports))


def refused(code: str, place: str = "", detail: str = "", integrity: Integrity = Integrity.NOT_VERIFIABLE) -> SignatureReport:
    """The report on a signature, or on a file, that could not be looked at."""
    return SignatureReport(PROFILE, integrity, Refusal(RULES[code], place, detail))


def _checked_place(octets: Octets, place: Place | None, finding: Finding) -> Place:
    """That the reader means what the octets show. Raises Refused `pdf.*`."""
    if place is None or hashlib.sha256(place.value).digest() != finding.contents_sha256:
        raise Refused("pdf.byte_range", finding.name, "not where the file shows it")
    pdf.check_holder(octets, place, finding.object_at)
    return place


def _existed(later: Sequence[SignatureReport]) -> TimeStamp | None:
    """The first time-stamp over the document behind this place that is believed: all before it existed by then."""
    for one in reversed(later):
        if one.profile == STAMP_PROFILE and one.integrity is Integrity.INTACT and one.stamp is not None:
            return one.stamp
    return None


def _look_at_signature(
    octets: Octets, place: Place, finding: Finding, existed: TimeStamp | None, trust: TrustBase, at: datetime
) -> SignatureReport:
    profile = _PROFILES.get(finding.format)
    if profile is None:
        raise Refused("pdf.format", finding.name, finding.format)
    value = _unpadded(place.value)
    method = digest_method(der_of(value, profile), profile) or SHA256
    content = Digest(method, _digest(octets, place, method), place.covers - (place.end - place.start))
    report = check_cms_slowly(value, content, profile, trust, at, existed).report
    claimed = _time(finding.claimed_at)
    if report.integrity is not Integrity.INTACT or report.properties is None or claimed is None:
        return report
    if claimed > at + timedelta(seconds=profile.clock_skew_s):
        raise Refused("cms.signing_time", "/M", f"{claimed.isoformat()} is after {at.isoformat()}")
    if report.properties.signing_time is not None:
        return report
    return replace(report, properties=replace(report.properties, signing_time=claimed))


def _time(text: str) -> datetime | None:
    """A date of PDF (7.9.4) with seconds and a zone: PAdES has the signer claim its time there (EN 319 142-1, 5.3)."""
    found = _DATE.fullmatch(text)
    try:
        return None if found is None else datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or found[4]}{found[5] or ''}")
    except ValueError:
        return None


def _look_at_stamp(
    octets: Octets, place: Place, finding: Finding, _: TimeStamp | None, trust: TrustBase, at: datetime
) -> SignatureReport:
    """Of a time-stamp over the document (EN 319 142-1, 5.4.3). One that is intact is, whoever made it."""
    token = _unpadded(place.value)
    found = verify_stamp(token, partial(_digest, octets, place), trust, at)
    if isinstance(found, Refusal) and not found.rule.code.startswith(("path.", "revocation.")):
        state = Integrity.NOT_INTACT if found.rule.code in _NOT_INTACT else Integrity.NOT_VERIFIABLE
        return SignatureReport(STAMP_PROFILE, state, found)
    parts = cms_parts.read(token, TOKEN)
    covered = SignedPart("", "file", SHA256, _digest(octets, place, SHA256), place.covers - (place.end - place.start))
    report = SignatureReport(STAMP_PROFILE, Integrity.INTACT, covered=(covered,), method=parts.method, signer=parts.signer.signer)
    if isinstance(found, Refusal):
        return replace(report, path=Path(Trust.NOT_TRUSTED, at, refusal=found))
    return replace(report, path=found.path, revocation_check=found.revocation_check, stamp=found)


def _with_changes(
    report: SignatureReport, size: int, place: Place, finding: Finding, later: Sequence[SignatureReport]
) -> SignatureReport:
    """The report, with what is covered and what became of the file behind it."""
    if report.integrity is not Integrity.INTACT:
        return report
    whole = place.covers == size
    part = replace(report.covered[0], uri=" ".join(map(str, place.byte_range)), what="file" if whole else "revision")
    changed = None if whole else _change(finding, later)
    if changed is None:
        return replace(report, covered=(part,))
    # Who signed the revision is still said; what hangs on it, and whether it is in force, is not.
    return replace(
        report, covered=(part,), integrity=Integrity.NOT_INTACT, refusal=changed, path=None, revocation_check=None, stamp=None
    )


def _change(finding: Finding, later: Sequence[SignatureReport]) -> Refusal | None:
    """Why what was added behind the signed revision is not acceptable; None if it is."""
    if not later or later[-1].integrity is not Integrity.INTACT or finding.after not in (After.EVIDENCE, After.SIGNATURES):
        return Refusal(RULES["pdf.changed_after"], finding.name, finding.why)
    if not finding.permitted:
        return Refusal(RULES["pdf.locked"], finding.name, finding.after)
    if finding.after is After.SIGNATURES and not all(
        one.verdict in _ANSWERED_FOR or one.profile == STAMP_PROFILE for one in later
    ):
        return Refusal(RULES["pdf.later_signature"], finding.name, "")
    return None


def _unpadded(value: bytes) -> bytes:
    """The CMS message, without the zeros that fill its place; zeros that are its own are kept, by its length."""
    try:
        _, size = to_der(value)
    except Refused:
        return value.rstrip(b"\0")
    return value.rstrip(b"\0") if value[size:].strip(b"\0") else value[:size]


def _digest(octets: Octets, place: Place, method: str) -> bytes:
    """Of all that is signed, which is everything but the gap."""
    hashed = _HASHES[method]()
    for begin, end in ((0, place.start), (place.end, place.covers)):
        for at in range(begin, end, _PIECE_OCTETS):
            hashed.update(octets[at : min(at + _PIECE_OCTETS, end)])
    return hashed.digest()
