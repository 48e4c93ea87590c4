"""Reports on signatures, for people who decide by them and for programs."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lgsp.commands.certificates import certificate_form, certificate_lines, plain

if TYPE_CHECKING:
    from signing.report import Path, Refusal, Revocation, RevocationCheck, SignatureReport, TimeStamp, Trust

Line = tuple[str, str | None]  # and its colour
_COLOURS = {"verified": "green", "verified_revocation_unknown": "green", "not_verified": "red", "revoked": "red"}


def file_lines(file: str, octets: bytes, reports: "Sequence[SignatureReport]", at: datetime) -> Iterator[Line]:
    """For people: the verdicts, then each thing that was checked."""
    from signing.words import STATES

    if len(reports) > 1:
        yield f"{len(reports)} chữ ký · {len(reports)} signatures", None
    for number, one in enumerate(reports, 1):
        prefix = f"[{number}] " if len(reports) > 1 else ""
        words = STATES[one.verdict]
        yield f"{prefix}{words.vi}\n{prefix}{words.en}", _COLOURS.get(one.verdict, "yellow")
    yield f"\nTệp · File: {file}\n  SHA-256: {hashlib.sha256(octets).hexdigest()}", None
    yield f"Thời điểm kiểm tra · Time of the check: {at.isoformat()}", None
    for number, one in enumerate(reports, 1):
        if len(reports) > 1:
            yield f"\n=== Chữ ký {number} · Signature {number} ===", None
        yield from _signature_lines(one)


def _signature_lines(report: "SignatureReport") -> Iterator[Line]:
    from signing.words import PARTS

    yield f"Quy cách · Profile: {report.profile}{_titles(report.profile)}", None
    yield _integrity(report)
    yield from _refusal_lines(report.refusal)
    for part in report.covered:
        words, digest = PARTS[part.what], f"{part.digest_method}: {part.digest.hex()}"
        yield f"  Được ký · Signed: {words.vi} · {words.en}\n    {digest} ({part.octets} octets)", None
    if report.method:
        yield f"  Thuật toán · Methods: {', '.join(filter(None, (report.method, report.canonicalization)))}", None
    if report.re_encoded:
        yield "  Chữ ký ghi bằng BER, đã chuyển sang DER rồi kiểm tra · Written in BER, judged in the DER it stands for", None
    if report.weak:
        yield f"  Lỗi thời · Outdated: {', '.join(report.weak)}", "yellow"
    if report.signer is not None:
        yield f"\nChứng thư kèm theo · Enclosed certificate\n{certificate_lines(report.signer.certificate)}", None
    yield _state("Tin cậy · Trust", report.trust)
    yield from _path_lines(report.path)
    yield _state("Thu hồi · Revocation", revocation_state(report.trust, report.revocation))
    yield from _revocation_lines(report.revocation_check)
    yield _state("Thời điểm ký · Time of signing", report.time_evidence)
    if report.stamp is not None:
        yield f"  {report.stamp.at.isoformat()} ({report.stamp.policy})", None
    yield from _refusal_lines(report.stamp_refusal)
    properties = report.properties
    if properties is not None and properties.signing_time is not None:
        yield f"  Người ký khai · The signer says: {properties.signing_time.isoformat()}", None
    if properties is not None and properties.not_evaluated:
        yield f"  Không xem xét · Not looked at: {', '.join(properties.not_evaluated)}", None


def _titles(name: str) -> str:
    """In both languages, of the profiles that have some."""
    from signing import cms_profiles
    from signing.profiles import PROFILES

    in_cms = (*cms_profiles.CMS_PROFILES.values(), cms_profiles.PADES, cms_profiles.PDF_CMS)
    titles = {one.name: (one.title_vi, one.title_en) for one in PROFILES.values()}
    titles |= {one.name: (one.title_vi, one.title_en) for one in in_cms}
    return "".join(f"\n  {title}" for title in titles.get(name, ()))


def _integrity(report: "SignatureReport") -> Line:
    from signing.pades import CHANGED
    from signing.words import CHANGED_AFTER

    label = "Nội dung · Content"
    if report.refusal is None or report.refusal.rule.code not in CHANGED:
        return _state(label, report.integrity)
    return f"\n{label}\n  {CHANGED_AFTER.vi}.\n  {CHANGED_AFTER.en}.", None


def _state(label: str, value: Any) -> Line:
    from signing.words import STATES

    return f"\n{label}\n  {STATES[value].vi}.\n  {STATES[value].en}.", None


def revocation_state(trust: "Trust", revocation: "Revocation") -> "Trust | Revocation":
    """What is said of revocation: without a path to an anchor nobody has asked for it, so no list is missing."""
    from signing.report import Revocation, Trust

    return Trust.NOT_CHECKED if revocation == Revocation.UNKNOWN and trust != Trust.TRUSTED else revocation


def _path_lines(path: "Path | None") -> Iterator[Line]:
    if path is not None:
        yield from _refusal_lines(path.refusal)
        for one in path.chain[1:]:
            yield f"  → {plain(one.subject.rfc4514_string())}", None


def _revocation_lines(found: "RevocationCheck | None") -> Iterator[Line]:
    if found is None:
        return
    yield from _refusal_lines(found.refusal)
    if found.revoked_at is not None:
        yield f"  Thu hồi lúc · Revoked at: {found.revoked_at.isoformat()} {found.reason}", "red"
    if found.as_of is not None:
        yield f"  Theo dữ liệu · As known on: {found.as_of.isoformat()}", None


def _refusal_lines(refusal: "Refusal | None") -> Iterator[Line]:
    if refusal is None:
        return
    rule, found = refusal.rule, ": ".join(filter(None, (refusal.place, refusal.detail)))
    yield f"  {rule.code}  {rule.title_vi} · {rule.title_en}", "red"
    if found:
        yield f"    {plain(found)}", None
    yield f"  → {rule.remedy_vi}\n  → {rule.remedy_en}", None


def file_form(file: str, octets: bytes, reports: "Sequence[SignatureReport]", at: datetime) -> dict[str, Any]:
    """For programs: the same, with codes."""
    return {
        "file": file,
        "file_sha256": hashlib.sha256(octets).hexdigest(),
        "at": at,
        "signatures": [_signature_form(one) for one in reports],
    }


def _signature_form(report: "SignatureReport") -> dict[str, Any]:
    signer, properties, path = report.signer, report.properties, report.path
    return {
        "profile": report.profile,
        "verdict": report.verdict,
        "integrity": report.integrity,
        "refusal": _refusal_form(report.refusal),
        "covered": [
            {
                "what": one.what,
                "uri": one.uri,
                "digest_method": one.digest_method,
                "digest": one.digest.hex(),
                "octets": one.octets,
            }
            for one in report.covered
        ],
        "method": report.method,
        "canonicalization": report.canonicalization,
        "re_encoded": report.re_encoded,
        "weak": report.weak,
        "certificate": None if signer is None else certificate_form(signer.certificate),
        "trust": report.trust,
        "trust_refusal": None if path is None else _refusal_form(path.refusal),
        "chain": [] if path is None else [certificate_form(one) for one in path.chain],
        "revocation": report.revocation,
        "revocation_check": _revocation_form(report.revocation_check),
        "time_evidence": report.time_evidence,
        "signing_time": None if properties is None else properties.signing_time,
        "stamp": _stamp_form(report.stamp),
        "stamp_refusal": _refusal_form(report.stamp_refusal),
        "not_evaluated": [] if properties is None else properties.not_evaluated,
    }


def _revocation_form(found: "RevocationCheck | None") -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "as_of": found.as_of,
        "in_grace": found.in_grace,
        "revoked_at": found.revoked_at,
        "reason": found.reason,
        "refusal": _refusal_form(found.refusal),
    }


def _stamp_form(stamp: "TimeStamp | None") -> dict[str, Any] | None:
    if stamp is None:
        return None
    return {"at": stamp.at, "policy": stamp.policy, "serial": f"{stamp.serial_number:x}", "trust": stamp.path.trust}


def _refusal_form(refusal: "Refusal | None") -> dict[str, str] | None:
    if refusal is None:
        return None
    rule = refusal.rule
    return {
        "code": rule.code,
        "title": rule.title_en,
        "title_vi": rule.title_vi,
        "field": refusal.place,
        "detail": refusal.detail,
        "remedy": rule.remedy_en,
        "remedy_vi": rule.remedy_vi,
    }
