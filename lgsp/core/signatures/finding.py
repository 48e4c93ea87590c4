"""What was found out about one signature of an envelope, and about all of them: the verdicts as they are kept for ever."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from contracts.errors import ContractError
from signing.binding import Binding
from signing.report import Evidence, Integrity, Refusal, SignatureReport, Verdict

# `message`: the SOAP message that brought the envelope; it is not kept, so no rule of a kind goes by it.
FoundIn = Literal["envelope", "body", "attachments", "message"]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A broken rule of `signing.rules`, with what was found."""

    code: str
    title_vi: str
    title_en: str
    place: str = ""
    detail: str = ""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A part that the signature covers. `digest`: hex, by `digest_method`."""

    what: str
    digest_method: str
    digest: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The signer's certificate, by name; its octets are evidence. `serial`, `sha256`: hex."""

    subject: str
    issuer: str
    serial: str
    sha256: str
    not_before: datetime
    not_after: datetime


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One signature. `place`: JSON pointer into the envelope; `profile`: what it was verified as; states as in
    `signing/README.md`.

    `holder`: seal, person or unclear; `bound`: its certificate is registered for the sender; `name` to `on_behalf_of` are those
    of the registration. `rules`: what was broken, of the signature itself, of its path, of revocation, of the binding.
    """

    part: FoundIn
    place: str
    profile: str
    verdict: str
    integrity: str
    trust: str
    revocation: str
    time_evidence: str
    holder: str = "unclear"
    bound: bool = False
    name: str = ""
    title: str = ""
    capacity: str = ""
    on_behalf_of: str = ""
    signing_time: datetime | None = None
    stamped_at: datetime | None = None
    revocation_as_of: datetime | None = None
    in_grace: bool = False
    method: str = ""
    weak: tuple[str, ...] = ()
    covered: tuple[Signed, ...] = ()
    certificate: Certificate | None = None
    key: str = ""  # RFC 7638 thumbprint of a registered key without certificate
    rules: tuple[Rule, ...] = ()
    evidence: tuple[str, ...] = ()  # "sha256:" + hex of octets that the statement rests on, the signer's certificate first


class Exhibit(msgspec.Struct, frozen=True, kw_only=True):
    """Octets kept as evidence, once however many verdicts rest on them. `digest`: "sha256:" + hex; `what`: as in `Evidence`."""

    digest: str
    what: str
    octets: bytes

    @classmethod
    def of(cls, evidence: Evidence) -> "Exhibit":
        return _exhibit(evidence.what, evidence.octets)


class Examination(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All signatures of one envelope, and under which policy and trust they were judged, at what time."""

    at: datetime
    policy: str
    trust: str
    findings: tuple[Finding, ...]
    objection: str = ""  # why it would have been refused, had the policy been enforced: a code of the catalogue


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal keeps with an envelope."""

    examination: Examination
    exhibits: tuple[Exhibit, ...]


def finding_of(part: FoundIn, place: str, report: SignatureReport, binding: Binding | None, evidence: Iterable[str]) -> Finding:
    """`binding`: None where nobody asked whose it is, or where there is no certificate that could be bound."""
    properties, stamp, checked = report.properties, report.stamp, report.revocation_check
    registered = None if binding is None else binding.registered
    return Finding(
        part=part,
        place=place,
        profile=report.profile,
        verdict=report.verdict,
        integrity=report.integrity,
        trust=report.trust,
        revocation=report.revocation,
        time_evidence=report.time_evidence,
        holder="unclear" if binding is None else binding.holder,
        bound=registered is not None,
        name="" if registered is None else registered.name,
        title="" if registered is None else registered.title,
        capacity="" if registered is None else registered.capacity,
        on_behalf_of="" if registered is None else registered.on_behalf_of,
        signing_time=None if properties is None else properties.signing_time,
        stamped_at=None if stamp is None else stamp.at,
        revocation_as_of=None if checked is None else checked.as_of,
        in_grace=checked is not None and checked.in_grace,
        method=report.method,
        weak=report.weak,
        covered=tuple(Signed(what=one.what, digest_method=one.digest_method, digest=one.digest.hex()) for one in report.covered),
        certificate=None if report.signer is None else certificate_of(report.signer.certificate),
        key=report.registered_key,
        rules=_rules(report, binding),
        evidence=tuple(evidence),
    )


def of_another(one: Finding, error: ContractError) -> Finding:
    """The signature is in order and speaks of another envelope: of this one it says nothing."""
    problem = error.problem
    rule = Rule(code=error.code, title_vi=problem.title_vi, title_en=problem.title_en, detail=error.detail)
    return msgspec.structs.replace(
        one, verdict=Verdict.NOT_VERIFIED, integrity=Integrity.NOT_INTACT, covered=(), rules=(rule, *one.rules)
    )


@lru_cache(maxsize=4096)
def certificate_of(one: x509.Certificate) -> Certificate:
    return Certificate(
        subject=one.subject.rfc4514_string(),
        issuer=one.issuer.rfc4514_string(),
        serial=f"{one.serial_number:x}",
        sha256=one.fingerprint(SHA256()).hex(),
        not_before=one.not_valid_before_utc,
        not_after=one.not_valid_after_utc,
    )


def exhibits_of(report: SignatureReport) -> tuple[Exhibit, ...]:
    """The octets that must be kept so that the verdict can be reached again: certificates, CRLs, OCSP answers, the time-stamp."""
    path, checked, stamp = report.path, report.revocation_check, report.stamp
    signer = () if report.signer is None else (_exhibit("certificate", report.signer.der),)
    chain = () if path is None else path.chain[1:]
    stamp_chain = () if stamp is None else stamp.path.chain
    return (
        *signer,
        *(_exhibit("certificate", _der(one)) for one in (*chain, *stamp_chain)),
        *(() if checked is None else map(Exhibit.of, checked.evidence)),
        *(() if stamp is None else (_exhibit("timestamp", stamp.token),)),
    )


@lru_cache(maxsize=256)  # the same few certificates and lists on every envelope; a list may be large, so not too many
def _exhibit(what: str, octets: bytes) -> Exhibit:
    return Exhibit(digest="sha256:" + hashlib.sha256(octets).hexdigest(), what=what, octets=octets)


@lru_cache(maxsize=4096)
def _der(one: x509.Certificate) -> bytes:
    return one.public_bytes(Encoding.DER)


def _rules(report: SignatureReport, binding: Binding | None) -> tuple[Rule, ...]:
    broken = (
        report.refusal,
        None if report.path is None else report.path.refusal,
        None if report.revocation_check is None else report.revocation_check.refusal,
        None if binding is None else binding.refusal,
    )
    return tuple(_rule(one) for one in broken if one is not None)


def _rule(one: Refusal) -> Rule:
    rule = one.rule
    return Rule(code=rule.code, title_vi=rule.title_vi, title_en=rule.title_en, place=one.place, detail=one.detail)
