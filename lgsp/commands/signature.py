"""`lgsp signature`: what can be said about the signature on a document. Needs no hub."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lgsp.commands.certificates import certificate_form, certificate_lines, plain
from lgsp.commands.common import Failed, json_option, print_json, say
from lgsp.commands.compose import read_file

if TYPE_CHECKING:
    from signing.paths import Anchors
    from signing.profiles import Profile
    from signing.report import Refusal, SignatureReport

_PROFILES = ("envelope", "envelope-xades", "edxml", "edxml-legacy")
_COLOURS = {"verified_revocation_unknown": "green", "not_verified": "red"}


@click.group(short_help="Chữ ký số · Check digital signatures.")
def signature() -> None:
    """Chữ ký số · Check digital signatures on XML documents."""


@signature.command()
@json_option
@click.argument("file")
@click.option("--anchor", "anchors", multiple=True, help="Certificate(s) to be trusted, in PEM (repeatable).")
@click.option("--profile", "name", type=click.Choice(_PROFILES), help="What the signature must look like; default: by the root.")
@click.option("--at", "time", help="Time of the check, such as 2026-11-18T08:00:00+07:00; default: now.")
@click.pass_context
def check(context: click.Context, file: str, anchors: tuple[str, ...], name: str | None, time: str | None, as_json: bool) -> None:
    """Kiểm tra chữ ký · Check the signature on FILE and say exactly what was checked.

    Exit status 0: valid (the content is intact, and the certificate leads to an anchor); 1: not. Revocation is not looked at, and
    SHA-1 is accepted by the profile edxml-legacy alone, which has to be named.
    """
    from signing.profiles import PROFILES
    from signing.report import Trust
    from signing.trust import TrustBase
    from signing.verify import check as verify

    octets, at = read_file(file), _time(time)
    profile = PROFILES[name or _profile_of(octets)]
    report = verify(octets, profile, TrustBase(documents=_anchors(anchors)), at).report
    if as_json:
        print_json(_form(file, octets, report, at))
    else:
        for line, colour in _lines(file, octets, profile, report, at):
            say(line, colour)
    context.exit(0 if report.trust is Trust.TRUSTED else 1)


def _profile_of(octets: bytes) -> str:
    """A guess for people; whoever has to decide names the profile."""
    if b"edXMLHeader" in octets:
        return "edxml"
    return "envelope-xades" if b"QualifyingProperties" in octets else "envelope"


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time of ISO 8601", param_hint="--at") from None
    if found.tzinfo is None:
        raise click.BadParameter("a zone is missing, such as +07:00 or Z", param_hint="--at")
    return found


def _anchors(files: tuple[str, ...]) -> "Anchors":
    from signing.paths import NO_ANCHORS, Anchors

    found = NO_ANCHORS
    for file in files:
        try:
            found = Anchors((*found.certificates, *Anchors.of_pem(read_file(file)).certificates))
        except ValueError:
            raise Failed(f"{file}: no certificate in PEM", "openssl x509 -inform der -in FILE converts DER") from None
    return found


def _lines(
    file: str, octets: bytes, profile: "Profile", report: "SignatureReport", at: datetime
) -> Iterator[tuple[str, str | None]]:
    """The report for people: the verdict, then each thing that was checked."""
    from signing.words import PARTS, STATES

    def state(label: str, value: Any) -> tuple[str, str | None]:
        return f"\n{label}\n  {STATES[value].vi}.\n  {STATES[value].en}.", None

    yield f"{STATES[report.verdict].vi}\n{STATES[report.verdict].en}", _COLOURS.get(report.verdict, "yellow")
    yield f"\nTệp · File: {file}\n  SHA-256: {hashlib.sha256(octets).hexdigest()}", None
    yield f"Quy cách · Profile: {report.profile}\n  {profile.title_vi}\n  {profile.title_en}", None
    yield f"Thời điểm kiểm tra · Time of the check: {at.isoformat()}", None
    yield state("Nội dung · Content", report.integrity)
    yield from _refusal(report.refusal)
    for part in report.covered:
        words, digest = PARTS[part.what], f"{part.digest_method}: {part.digest.hex()}"
        yield f"  Được ký · Signed: {words.vi} · {words.en}\n    {digest} ({part.octets} octets)", None
    if report.method:
        yield f"  Thuật toán · Methods: {report.method}, {report.canonicalization}", None
    if report.weak:
        yield f"  Lỗi thời · Outdated: {', '.join(report.weak)}", "yellow"
    if report.signer is not None:
        yield f"\nChứng thư kèm theo · Enclosed certificate\n{certificate_lines(report.signer.certificate)}", None
    yield state("Tin cậy · Trust", report.trust)
    if report.path is not None:
        yield from _refusal(report.path.refusal)
        for one in report.path.chain[1:]:
            yield f"  → {plain(one.subject.rfc4514_string())}", None
    yield state("Thu hồi · Revocation", report.revocation)
    yield state("Thời điểm ký · Time of signing", report.time_evidence)
    if report.properties is not None and report.properties.signing_time is not None:
        yield f"  {report.properties.signing_time.isoformat()}", None


def _refusal(refusal: "Refusal | None") -> Iterator[tuple[str, str | None]]:
    if refusal is None:
        return
    rule, found = refusal.rule, ": ".join(filter(None, (refusal.place, refusal.detail)))
    yield f"  {rule.code}  {rule.title_vi} · {rule.title_en}", "red"
    if found:
        yield f"    {plain(found)}", None
    yield f"  → {rule.remedy_vi}\n  → {rule.remedy_en}", None


def _form(file: str, octets: bytes, report: "SignatureReport", at: datetime) -> dict[str, Any]:
    """The report for programs: the same, with codes."""
    signer, properties, path = report.signer, report.properties, report.path
    return {
        "file": file,
        "file_sha256": hashlib.sha256(octets).hexdigest(),
        "profile": report.profile,
        "at": at,
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
        "weak": report.weak,
        "certificate": None if signer is None else certificate_form(signer.certificate),
        "trust": report.trust,
        "trust_refusal": None if path is None else _refusal_form(path.refusal),
        "chain": [] if path is None else [certificate_form(one) for one in path.chain],
        "revocation": report.revocation,
        "time_evidence": report.time_evidence,
        "signing_time": None if properties is None else properties.signing_time,
        "not_evaluated": [] if properties is None else properties.not_evaluated,
    }


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
