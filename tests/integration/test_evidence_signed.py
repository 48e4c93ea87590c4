"""The sender's signatures verified anew, long after: whatever the hub judged at the door, the same comes out of the evidence."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts import statement
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope
from contracts.kinds import KINDS
from contracts.kinds.xml import to_xml
from lgsp.blobs.directory import DirectoryBlobs
from lgsp.core.directory import Agency
from lgsp.core.signatures.finding import Examined
from lgsp.core.signatures.policy import policy
from lgsp.core.signers import Signer
from lgsp.evidence.findings import Finding, State
from lgsp.evidence.given import Given
from lgsp.evidence.rests_on import Material
from lgsp.evidence.signed import check_signatures
from lgsp.flow.examination import Examiner
from lgsp.flow.signed_files import FileChecks
from lgsp.trust.isolated import PdfChecker
from signing import crl as lists
from signing import ocsp as answers
from signing.jose import jwk_of, thumbprint_of_jwk
from signing.jws_sign import sign_with_certificate
from signing.keys import Algorithm
from signing.local_key import LocalKey
from signing.paths import Anchors
from signing.profiles import ENVELOPE_XADES
from signing.revocation import DEFAULT_GRACE
from signing.snapshot import RevocationSnapshot
from signing.trust import NO_TRUST, TrustBase
from signing.xml_sign import sign_enveloped
from tests import cms_signers, pdf_signers
from tests.evidence import answer, crl
from tests.signatures import AT, agency, authority, issue, rsa_key, stranger
from tests.stamps import stamp_anchors, stamp_root
from tests.unit.test_signing_cms_slow import in_ber

CODE = AgencyCode("H01.101")
SEAL = LocalKey(Algorithm.RSA_SHA256, agency().key, (agency().der,))  # type: ignore[arg-type]
REGISTERED = LocalKey(Algorithm.ED25519, Ed25519PrivateKey.from_private_bytes(b"P" * 32))
JWK = {"alg": "Ed25519"} | {
    name: str(value)
    for name, value in msgspec.to_builtins(jwk_of(REGISTERED.public(), "Ed25519")).items()
    if name in ("kty", "crv", "x", "kid")
}
File = tuple[str, str, bytes]


class Door:
    """The hub's own examination over real files, and what is kept of it."""

    def __init__(self, folder: Path, pdfs: PdfChecker) -> None:
        self._blobs = DirectoryBlobs(folder, max_bytes=2**24)
        self._checks = FileChecks(self._blobs, pdfs.check_pdf)
        self.files: list[bytes] = []

    async def envelope(self, body: bytes, media_type: str = "application/json", files: Sequence[File] = ()) -> Envelope:
        self.files = [octets for _, _, octets in files]
        return Envelope(
            message_id="r-1",
            sender=CODE,
            recipients=(AgencyCode("H01.15"),),
            kind="case.result/1",
            created_at=AT,
            body=body,
            media_type=media_type,
            attachments=tuple([await self._attached(*one) for one in files]),
        )

    async def examine(self, envelope: Envelope, trust: TrustBase) -> Examined:
        caller = Agency(code=CODE, name_vi="Xã Mỹ Hòa", signers=(Signer(holder="seal", jwk=JWK),))
        examiner = Examiner(policy(enforced=False), lambda: trust, self._checks, lambda report: None, lambda: AT)
        found = await examiner.examine(envelope, caller)
        assert found is not None and found.examination.findings
        return found

    async def _attached(self, name: str, media_type: str, octets: bytes) -> Attachment:
        async def chunks() -> AsyncIterator[bytes]:
            yield octets

        upload = await self._blobs.create_upload(CODE, len(octets), {}, datetime.now(UTC))
        await self._blobs.append(upload.upload_id, 0, chunks(), None)
        digest = "sha256:" + hashlib.sha256(octets).hexdigest()
        return Attachment(digest=digest, size_bytes=len(octets), media_type=media_type, name=name)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    pdfs = PdfChecker()
    yield Door(tmp_path, pdfs)
    await pdfs.close()


def known(revoked: int | None = None) -> TrustBase:
    """Lists of both authorities, an answer about the agency."""
    entries = {} if revoked is None else {revoked: x509.ReasonFlags.key_compromise}
    by = ((authority(), entries), (stamp_root(), {}))
    facts = tuple(lists.read(crl(one, entries), one.certificate, AT) for one, entries in by)
    about = () if revoked else (answers.read(answer(agency(), authority()), agency().certificate, authority().certificate, AT),)
    return TrustBase(authority().anchors(), stamp_anchors(), snapshot=RevocationSnapshot(AT, facts, about))


def material(found: Examined, files: Sequence[bytes], partners: tuple[dict[str, str], ...] = (JWK,)) -> Material:
    def kept(what: str) -> tuple[bytes, ...]:
        return tuple(one.octets for one in found.exhibits if one.what == what)

    return Material(
        certificates=kept("certificate"),
        lists=kept("crl"),
        answers=kept("ocsp"),
        partners=partners,
        grace=DEFAULT_GRACE,
        octets=lambda index: files[index] if index < len(files) else None,
        pieces=lambda index: [files[index]] if index < len(files) else None,
    )


def again(envelope: Envelope, found: Examined, files: Sequence[bytes], given: Given) -> list[Finding]:
    return list(check_signatures(envelope, found.examination, material(found, files), given))


BROUGHT = Given(
    documents=authority().anchors(),
    time_stamps=stamp_anchors(),
    partners=frozenset({thumbprint_of_jwk(msgspec.json.encode(JWK))}),
)


def with_statement(envelope: Envelope, by: LocalKey = SEAL) -> Envelope:
    token = sign_with_certificate(statement.encode(statement.statement_of(envelope)), by, statement.TYPE)
    return msgspec.structs.replace(envelope, signature=token)


def xml_body() -> bytes:
    kind = KINDS["case.result/1"]
    return sign_enveloped(to_xml(kind, kind.examples[0].body), SEAL, AT, ENVELOPE_XADES)


PAPER = cms_signers.CONTENT
PDF, DETACHED, ATTACHED = "application/pdf", "application/pkcs7-signature", "application/pkcs7-mime"
SIGNED: dict[str, tuple[bytes, str, tuple[File, ...]]] = {
    "xml": (xml_body(), "application/xml", ()),
    "pdf": (b"{}", "application/json", (("a.pdf", PDF, pdf_signers.sign(pdf_signers.document())),)),
    "pdf with a time-stamp over it": (
        b"{}",
        "application/json",
        (("a.pdf", PDF, pdf_signers.stamped(pdf_signers.sign(pdf_signers.document()))),),
    ),
    "cms beside its file": (
        b"{}",
        "application/json",
        (("a.docx", "application/octet-stream", PAPER), ("a.docx.p7s", DETACHED, cms_signers.sign(PAPER))),
    ),
    "cms in BER, its file inside": (
        b"{}",
        "application/json",
        (("a.p7m", ATTACHED, in_ber(cms_signers.sign(recipe=cms_signers.CmsRecipe(attached=True)))),),
    ),
}


@pytest.mark.parametrize("way", SIGNED)
async def test_what_was_verified_at_the_door_is_verified_again(door: Door, way: str) -> None:
    """By the anchors of whoever checks; by those inside the bundle alone it is consistent and no more."""
    body, media_type, files = SIGNED[way]
    envelope = with_statement(await door.envelope(body, media_type, files))
    found = await door.examine(envelope, known())
    assert {one.verdict for one in found.examination.findings} == {"verified"}, found.examination
    assert {one.state for one in again(envelope, found, door.files, BROUGHT)} == {State.FITS}
    inside = again(envelope, found, door.files, Given())
    assert len(inside) == len(found.examination.findings) and {one.state for one in inside} == {State.UNCONFIRMED}


async def test_a_registered_key_is_confirmed_by_who_knows_it(door: Door) -> None:
    """It has no certificate; where it is no longer registered nothing can be said anew."""
    from signing.jws import sign

    plain = await door.envelope(b"{}")
    token = sign(statement.encode(statement.statement_of(plain)), REGISTERED, JWK["kid"], statement.TYPE)
    envelope = msgspec.structs.replace(plain, signature=token)
    found = await door.examine(envelope, known())
    assert [one.key for one in found.examination.findings] == [JWK["kid"]]
    assert [one.state for one in again(envelope, found, (), BROUGHT)] == [State.FITS]
    assert [one.state for one in again(envelope, found, (), replace(BROUGHT, partners=frozenset()))] == [State.UNCONFIRMED]
    gone = check_signatures(envelope, found.examination, material(found, (), ()), BROUGHT)
    assert [one.state for one in gone] == [State.NOT_HERE]


@pytest.mark.parametrize("trust", [known(agency().certificate.serial_number), TrustBase(authority().anchors()), NO_TRUST])
async def test_what_was_not_verified_then_is_not_now(door: Door, trust: TrustBase) -> None:
    """Revoked, revocation unknown, not checked: the verdict of then is reached again."""
    envelope = with_statement(await door.envelope(b"{}"))
    found = await door.examine(envelope, trust)
    assert found.examination.findings[0].verdict != "verified"
    assert [one.state for one in again(envelope, found, (), BROUGHT)] == [State.FITS]


async def test_a_stranger_or_a_statement_about_something_else(door: Door) -> None:
    foreign = LocalKey(Algorithm.RSA_SHA256, stranger().key, (stranger().der,))  # type: ignore[arg-type]
    plain = await door.envelope(b"{}")
    other = msgspec.structs.replace(plain, signature=with_statement(msgspec.structs.replace(plain, priority=3)).signature)
    for envelope, verdict in ((with_statement(plain, foreign), "intact_not_trusted"), (other, "not_verified")):
        found = await door.examine(envelope, known())
        assert [one.verdict for one in found.examination.findings] == [verdict]
        assert [one.state for one in again(envelope, found, (), BROUGHT)] == [State.FITS]


async def test_who_trusts_another_authority_is_told(door: Door) -> None:
    envelope = with_statement(await door.envelope(b"{}"))
    found = await door.examine(envelope, known())
    another = replace(BROUGHT, documents=Anchors((issue("Gốc khác", rsa_key(), ca=True).certificate,)))
    assert [one.state for one in again(envelope, found, (), another)] == [State.UNCONFIRMED]


async def test_without_its_evidence_a_verdict_does_not_stand(door: Door) -> None:
    """The list that said "not revoked" is missing, or the signature was exchanged: the hub's word alone is not enough."""
    envelope = with_statement(await door.envelope(b"{}"))
    found = await door.examine(envelope, known())
    fewer = msgspec.structs.replace(found, exhibits=tuple(one for one in found.exhibits if one.what == "certificate"))
    assert [one.state for one in again(envelope, fewer, (), BROUGHT)] == [State.WRONG]
    changed = msgspec.structs.replace(envelope, body=b"[]")
    assert [one.state for one in again(changed, found, (), BROUGHT)] == [State.WRONG]
    unsigned = msgspec.structs.replace(envelope, signature=None)
    assert [one.state for one in again(unsigned, found, (), BROUGHT)] == [State.WRONG]


async def test_an_erased_file_is_not_looked_at(door: Door) -> None:
    body, media_type, files = SIGNED["cms beside its file"]
    envelope = with_statement(await door.envelope(body, media_type, files))
    found = await door.examine(envelope, known())
    assert [one.state for one in again(envelope, found, (), BROUGHT)] == [State.NOT_HERE, State.FITS]
