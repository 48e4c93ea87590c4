"""The sender's own signatures, verified anew by the code that judged them at the door: at that time, from the evidence inside."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.kinds import find
from contracts.statement import FIELD, TYPE, check_statement
from lgsp.core.signatures.finding import Examination
from lgsp.core.signatures.finding import Finding as Verdict
from lgsp.core.signatures.places import SignedFile, body_profile, signed_files
from lgsp.evidence.findings import Finding, State
from lgsp.evidence.given import Given
from lgsp.evidence.rests_on import Material, trust_of
from signing import pades, pdf
from signing.cms import Digest, digest_method
from signing.cms_profiles import CMS
from signing.cms_slow import check_cms_slowly, der_of
from signing.jws_partner import RegisteredKey, check_jws
from signing.pdf import PdfCaps
from signing.profiles import SHA256
from signing.report import Integrity, SignatureReport, Trust
from signing.rules import Refused
from signing.trust import TrustBase
from signing.verify import check

_CHECK = "signature"


def check_signatures(envelope: Envelope, examination: Examination, material: Material, given: Given) -> Iterator[Finding]:
    """One finding for each signature that the hub judged."""
    trust = trust_of(material, given, examination.at)
    where = f"{envelope.sender}/{envelope.message_id}"
    missing = [one for one in examination.findings if _is_missing(one, envelope, material)]
    for one in missing:
        yield Finding(what=_CHECK, state=State.NOT_HERE, place=f"{where}{one.place}", detail=one.verdict)
    places = {one.place for one in missing}
    stated = [one for one in examination.findings if one.place not in places]
    found = [each for each in _reports(envelope, examination, material, trust) if each[0] not in places]
    if [place for place, _ in found] != [one.place for one in stated]:
        yield Finding(what=_CHECK, state=State.WRONG, place=where, detail="other signatures than the hub judged")
        return
    for one, (_, report) in zip(stated, found, strict=True):
        state, detail = _compared(one, report, given, material)
        yield Finding(what=_CHECK, state=state, place=f"{where}{one.place}", detail=detail)


def _compared(stated: Verdict, report: SignatureReport, given: Given, material: Material) -> tuple[State, str]:
    """The hub's verdict then and ours now."""
    rule = "" if report.refusal is None else report.refusal.rule.code
    if report.integrity != stated.integrity:
        return State.WRONG, f"{stated.integrity} then, {report.integrity} now {rule}".rstrip()
    if stated.trust != Trust.TRUSTED:
        return State.FITS, stated.verdict  # rests on nobody
    if report.trust is not Trust.TRUSTED:
        refusal = None if report.path is None else report.path.refusal
        return State.UNCONFIRMED, f"{stated.verdict}; {'' if refusal is None else refusal.rule.code}"
    if report.verdict != stated.verdict:
        return State.WRONG, f"{stated.verdict} then, {report.verdict} now"
    return (State.FITS if _confirmed(report, given, material) else State.UNCONFIRMED), stated.verdict


def _confirmed(report: SignatureReport, given: Given, material: Material) -> bool:
    """Whether nothing is relied on that nobody brought."""
    if not report.registered_key:
        return bool(given.documents.certificates)
    keys = (_registered(one) for one in material.partners)
    return next(one.key.thumbprint() for one in keys if one.kid == report.registered_key) in given.partners


def _is_missing(one: Verdict, envelope: Envelope, material: Material) -> bool:
    """Whether what it was judged by is not here any more: the file, the SOAP message that brought it (which is never kept), or a
    key that is no longer registered."""
    if one.part == "message":
        return True
    if one.key:
        return one.key not in {_registered(jwk).kid for jwk in material.partners}
    if one.part != "attachments":
        return False
    index = int(one.place.rpartition("/")[2])
    return index < len(envelope.attachments) and material.pieces(index) is None


def _reports(
    envelope: Envelope, examination: Examination, material: Material, trust: TrustBase
) -> Iterator[tuple[str, SignatureReport]]:
    """In the order of `lgsp.flow.examination`."""
    at = examination.at
    if envelope.signature is not None:
        keys = tuple(_registered(one) for one in material.partners)
        checked = check_jws(envelope.signature, typ=TYPE, keys=keys, trust=trust, at=at)
        yield FIELD, _of_this(checked.report, checked.payload, envelope)
    profile = body_profile(find(envelope.kind), envelope)
    if profile is not None:
        report = check(envelope.body, profile, trust, at).report
        if report.integrity is not Integrity.ABSENT:
            yield "/body", report
    for file in signed_files(envelope):
        for report in _of_file(file, material, trust, at):
            if report.integrity is not Integrity.ABSENT:
                yield f"/attachments/{file.place}", report


def _of_this(report: SignatureReport, payload: bytes | None, envelope: Envelope) -> SignatureReport:
    """A statement about another envelope says nothing of this one."""
    if payload is None:
        return report
    try:
        check_statement(payload, envelope)
    except ContractError:
        return msgspec.structs.replace(report, integrity=Integrity.NOT_INTACT, covered=())
    return report


def _of_file(file: SignedFile, material: Material, trust: TrustBase, at: datetime) -> tuple[SignatureReport, ...]:
    octets = material.octets(file.place)
    if octets is None:
        return ()
    if file.form == "pdf":
        return _of_pdf(octets, trust, at)
    content = None if file.content is None else _digest(octets, file.content, material)
    return (check_cms_slowly(octets, content, CMS, trust, at).report,)


def _of_pdf(octets: bytes, trust: TrustBase, at: datetime) -> tuple[SignatureReport, ...]:
    from signing.pdf_review import review

    if b"/ByteRange" not in octets:
        return ()
    try:
        places = pdf.find(octets, PdfCaps())
        return pades.judge(octets, places, review(octets), trust, at)
    except Refused as wrong:
        state = Integrity.ABSENT if wrong.rule.code == "signature.absent" else Integrity.NOT_VERIFIABLE
        return (pades.refused(wrong.rule.code, wrong.place, wrong.detail, state),)
    except Exception as error:  # noqa: BLE001 - whatever the reader stumbles over, the file is not verified
        return (pades.refused("pdf.structure", "", type(error).__name__),)


def _digest(signature: bytes, content: int, material: Material) -> Digest | None:
    """Of the file that a detached signature is over, by the method that the signature names."""
    pieces = material.pieces(content)
    if pieces is None:
        return None
    method = digest_method(signature, CMS) or digest_method(der_of(signature, CMS), CMS) or SHA256
    running, size = hashlib.new(method.rpartition("#")[2]), 0
    for piece in pieces:
        running.update(piece)
        size += len(piece)
    return Digest(method, running.digest(), size)


def _registered(jwk: Mapping[str, str]) -> RegisteredKey:
    return RegisteredKey.of(msgspec.json.encode(jwk), jwk.get("alg", ""), jwk.get("kid", ""))
