"""The verdict on the signatures of a PDF: what its octets show, what a reader found, and each value held against its range.

What the reader says is not trusted further than this: where signatures are and what changed behind them. Places, digests, values
and paths are verified here, from the octets. Rules of change: the last signature covers the whole file; behind an earlier one
there is evidence that nobody sees, or signatures verified themselves, for who signs last answers for what the file shows.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from signing import pdf, pdf_findings
from signing.cms import Digest, check_cms, digest_method
from signing.cms_profiles import PADES, PDF_CMS, CmsProfile
from signing.pdf import Octets, Place
from signing.pdf_findings import After, Finding
from signing.profiles import SHA256, SHA384, SHA512
from signing.report import Integrity, Refusal, SignatureReport, Verdict
from signing.rules import RULES, Refused
from signing.trust import TrustBase

PROFILE = "pdf/1"
_PROFILES: dict[str, CmsProfile] = {pdf_findings.CADES: PADES, pdf_findings.CMS: PDF_CMS}
_HASHES = {SHA256: hashlib.sha256, SHA384: hashlib.sha384, SHA512: hashlib.sha512}
_ANSWERED_FOR = frozenset({Verdict.VERIFIED, Verdict.VERIFIED_REVOCATION_UNKNOWN})
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
            reports.append(_judge(octets, by_range.get(finding.byte_range), finding, reports, trust, at))
        except Refused as wrong:
            reports.append(refused(wrong.rule.code, wrong.place, wrong.detail))
        except Exception as error:  # noqa: BLE001 - the promise: an exception anywhere means "not verified"
            reports.append(refused("check.failed", finding.name, type(error).__name__))
    return tuple(reversed(reports))


def refused(code: str, place: str = "", detail: str = "", integrity: Integrity = Integrity.NOT_VERIFIABLE) -> SignatureReport:
    """The report on a signature, or on a file, that could not be looked at."""
    return SignatureReport(PROFILE, integrity, Refusal(RULES[code], place, detail))


def _judge(
    octets: Octets, place: Place | None, finding: Finding, later: Sequence[SignatureReport], trust: TrustBase, at: datetime
) -> SignatureReport:
    """`later`: of the signatures behind this one. Raises Refused `pdf.*`."""
    if place is None or hashlib.sha256(place.value).digest() != finding.contents_sha256:
        raise Refused("pdf.byte_range", finding.name, "not where the file shows it")
    pdf.check_holder(octets, place, finding.object_at)
    profile = _PROFILES.get(finding.format)
    if profile is None:
        raise Refused("pdf.format", finding.name, finding.format)
    value = _unpadded(place.value)
    report = check_cms(value, _digest(octets, place, digest_method(value, profile) or SHA256), profile, trust, at).report
    if report.integrity is not Integrity.INTACT:
        return report
    whole = place.covers == len(octets)
    part = replace(report.covered[0], uri=" ".join(map(str, place.byte_range)), what="file" if whole else "revision")
    changed = None if whole else _change(finding, later)
    if changed is None:
        return replace(report, covered=(part,))
    # Who signed the revision is still said; what hangs on it, and whether it is in force, is not.
    return replace(report, covered=(part,), integrity=Integrity.NOT_INTACT, refusal=changed, path=None, revocation_check=None)


def _change(finding: Finding, later: Sequence[SignatureReport]) -> Refusal | None:
    """Why what was added behind the signed revision is not acceptable; None if it is."""
    if not later or later[-1].integrity is not Integrity.INTACT or finding.after not in (After.EVIDENCE, After.SIGNATURES):
        return Refusal(RULES["pdf.changed_after"], finding.name, finding.why)
    if not finding.permitted:
        return Refusal(RULES["pdf.locked"], finding.name, finding.after)
    if finding.after is After.SIGNATURES and not all(one.verdict in _ANSWERED_FOR for one in later):
        return Refusal(RULES["pdf.later_signature"], finding.name, "")
    return None


def _unpadded(value: bytes) -> bytes:
    """The CMS message, without the zeros that fill its place; zeros that are its own are kept, by its length."""
    stripped = value.rstrip(b"\0")
    header = 2 + (value[1] & 0x7F if len(value) > 1 and value[1] > 0x80 else 0)
    size = header + (int.from_bytes(value[2:header]) if header > 2 else value[1]) if len(value) > 1 else 0
    return value[:size] if len(stripped) <= size <= len(value) else stripped


def _digest(octets: Octets, place: Place, method: str) -> Digest:
    hashed = _HASHES[method]()
    for begin, end in ((0, place.start), (place.end, place.covers)):
        for at in range(begin, end, _PIECE_OCTETS):
            hashed.update(octets[at : min(at + _PIECE_OCTETS, end)])
    return Digest(method, hashed.digest(), place.covers - (place.end - place.start))
