"""A bundle of evidence for tests, made without a hub: a small log, one message with signatures and their evidence, all keys."""

import hashlib
import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope, Identifier
from contracts.kinds import find
from contracts.kinds.xml import to_xml
from contracts.receipt import DeliveryRef, LogEntry, Receipt
from contracts.statement import TYPE as STATEMENT
from lgsp.core.log import record
from lgsp.core.log.checkpoint import Checkpoint, sign_checkpoint
from lgsp.core.log.merkle import leaf_hash, node_hash
from lgsp.core.log.note import NoteVerifier
from lgsp.core.log.proof import LogProof
from lgsp.core.signatures.finding import Examination, exhibits_of, finding_of
from lgsp.core.signatures.sealing import sealed
from lgsp.evidence.asic import CADES_SEAL, JWS_SEAL
from lgsp.evidence.build import build
from lgsp.evidence.content import BundleContent, LogContent, MessageContent
from lgsp.evidence.findings import Result
from lgsp.evidence.given import Given
from lgsp.evidence.manifest import Leaf
from lgsp.evidence.receipts import TYPE as RECEIPT
from lgsp.evidence.seals import TYPE as SEAL
from lgsp.evidence.seals import statement
from lgsp.evidence.verify import verify
from signing import crl as lists
from signing.cms import check_cms
from signing.cms_profiles import CMS
from signing.cms_sign import sign_detached
from signing.jose import JwkSet, thumbprint
from signing.jws import published, sign
from signing.jws_partner import check_jws
from signing.keys import Algorithm
from signing.local_key import LocalKey
from signing.profiles import ENVELOPE_XADES
from signing.report import SignatureReport
from signing.snapshot import RevocationSnapshot
from signing.trust import TrustBase
from signing.xml_sign import sign_enveloped
from tests.evidence import crl
from tests.signatures import AT, agency, authority, issue
from tests.stamps import stamp, stamp_anchors, stamp_root

MADE_AT = AT + timedelta(hours=2)
NOW = AT + timedelta(hours=3)
HUB, SENDER, ORIGIN = "H15", AgencyCode("H15.21"), "lgsp/H15"
RECIPIENTS = (AgencyCode("H15.21.7"), AgencyCode("VNPOST.66"))
PAPER = "Giấy phép xây dựng số 12/GPXD\n".encode()
_SALT, _OTHER_SALT = b"s" * 16, b"o" * 16
_LOG_SEED, _STATEMENT_SEED, _WITNESS_SEED = b"L" * 32, b"S" * 32, b"W" * 32


def local(seed: bytes) -> LocalKey:
    return LocalKey(Algorithm.ED25519, Ed25519PrivateKey.from_private_bytes(seed))


def raw(key: LocalKey) -> bytes:
    return key.public()[-32:]


@cache
def sealer() -> LocalKey:
    """The hub's key with a certificate."""
    key = LocalKey.new(Algorithm.ECDSA_P256_SHA256)
    return key.with_certificates((issue("Trục liên thông tỉnh Đắk Lắk", key.key, authority()).der,))


def log_verifier(seed: bytes = _LOG_SEED) -> NoteVerifier:
    return NoteVerifier(ORIGIN, raw(local(seed)))


def jwks() -> bytes:
    keys = [local(_STATEMENT_SEED), sealer()]
    return msgspec.json.encode(JwkSet(keys=[published(one.public(), one.algorithm, one.certificates) for one in keys]))


def hub_keys() -> frozenset[str]:
    return frozenset(thumbprint(one.public()) for one in (local(_STATEMENT_SEED), sealer()))


def everything() -> Given:
    """What somebody has who can confirm all of it."""
    return Given((log_verifier(),), hub_keys(), None, authority().anchors(), stamp_anchors())


@cache
def envelope() -> Envelope:
    signature = sign_detached(PAPER, LocalKey(Algorithm.RSA_SHA256, agency().key, (agency().der,)), AT - timedelta(minutes=1))
    files = (("giấy phép.txt", "text/plain", PAPER), ("giấy phép.txt.p7s", "application/pkcs7-signature", signature))
    plain = Envelope(
        message_id="kq-2026-0001",
        sender=SENDER,
        recipients=RECIPIENTS,
        kind="case.result/1",
        created_at=AT - timedelta(minutes=2),
        body='{"ghi chú": "đã giải quyết xong"}'.encode(),
        identifiers=(Identifier("case", "H15.21.7-261118-0012"),),
        attachments=tuple(
            Attachment(digest=f"sha256:{hashlib.sha256(octets).hexdigest()}", size_bytes=len(octets), media_type=kind, name=name)
            for name, kind, octets in files
        ),
    )
    return sealed(plain, LocalKey(Algorithm.RSA_SHA256, agency().key, (agency().der,)))


@cache
def attachments() -> dict[str, bytes]:
    """By digest."""
    one = envelope()
    signature = sign_detached(PAPER, LocalKey(Algorithm.RSA_SHA256, agency().key, (agency().der,)), AT - timedelta(minutes=1))
    return dict(zip((file.digest for file in one.attachments), (PAPER, signature), strict=True))


@cache
def examined() -> tuple[Examination, tuple[SignatureReport, ...]]:
    """As the hub judges at the door."""
    one = envelope()
    facts = lists.read(crl(authority()), authority().certificate, AT)
    trust = TrustBase(documents=authority().anchors(), snapshot=RevocationSnapshot(AT, (facts,)))
    assert one.signature is not None
    statement_report = check_jws(one.signature, typ=STATEMENT, keys=(), trust=trust, at=AT).report
    file_report = check_cms(attachments()[one.attachments[1].digest], PAPER, CMS, trust, AT).report
    places = (("envelope", "/signature", statement_report), ("attachments", "/attachments/1", file_report))
    findings = tuple(
        finding_of(part, place, report, None, [each.digest for each in exhibits_of(report)])  # type: ignore[arg-type]
        for part, place, report in places
    )
    return Examination(at=AT, policy="sha256:p", trust="t", findings=findings), (statement_report, file_report)


def examination_octets() -> bytes:
    return msgspec.json.encode(examined()[0])


HEADER = b'{"message_id":"kq-2026-0001"}'


@cache
def records() -> tuple[bytes, ...]:
    """The leaves of the message, in their order."""
    accepted = record.Accepted(
        at=AT,
        sequence=7,
        sender=SENDER,
        message_id=envelope().message_id,
        kind=envelope().kind,
        digest=record.salted(_SALT, envelope().digest().encode()),
        header=record.salted(_SALT, HEADER),
        expires_at=AT + timedelta(days=30),
        directory=3,
        first_delivery=11,
        deliveries=2,
        verdict="verified",
        examination=record.salted(_SALT, examination_octets()),
    )
    routed = (
        record.Routed(
            at=AT,
            sequence=7,
            delivery=delivery,
            sender=SENDER,
            recipient=recipient,
            number=number,
            state=state,
            blind=record.blind_of(_SALT, delivery),
        )
        for delivery, recipient, number, state in ((11, RECIPIENTS[0], 5, "ready"), (12, RECIPIENTS[1], 2, "available"))
    )
    detail = record.salted(_OTHER_SALT, b"HTTP 503 Service Unavailable")
    moved = (
        record.Moved(at=AT + timedelta(seconds=1), name="attempted", sequence=7, delivery=11, attempt=1, detail=detail),
        record.Moved(at=AT + timedelta(seconds=9), name="delivered", sequence=7, delivery=11, attempt=2, took_ms=31),
        record.Moved(at=AT + timedelta(minutes=9), name="fetched", sequence=7, delivery=12),
    )
    return tuple(map(record.encode, (accepted, *routed, *moved)))


FIRST_LEAF, LEAVES = 20, 53


@cache
def leaves() -> tuple[bytes, ...]:
    """Of the whole log: others' records around ours, the last of ours apart."""
    others = [
        record.encode(record.Action(at=AT, name="login", by="người vận hành", subject=str(number))) for number in range(LEAVES)
    ]
    own = records()
    return (*others[:FIRST_LEAF], *own[:-1], *others[FIRST_LEAF + len(own) - 1 : -4], own[-1], *others[-3:-1], erasure())


def erasure() -> bytes:
    """The last leaf: the body of the message is erased."""
    return record.encode(record.Moved(at=AT + timedelta(days=1), name="body_erased", sequence=7, reason="retention"))


def root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written there."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(root(hashes[:half]), root(hashes[half:]))


def proof(index: int, hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """RFC 6962, 2.1.1."""
    if len(hashes) == 1:
        return ()
    half = 1 << (len(hashes) - 1).bit_length() - 1
    if index < half:
        return (*proof(index, hashes[:half]), root(hashes[half:]))
    return (*proof(index - half, hashes[half:]), root(hashes[:half]))


def proven(one: bytes) -> Leaf:
    hashes, index = [leaf_hash(each) for each in leaves()], leaves().index(one)
    detail = "HTTP 503 Service Unavailable" if b"attempted" in one else ""
    return Leaf(
        index=index,
        leaf=one.decode(),
        hashes=proof(index, hashes),
        salt=_OTHER_SALT if detail else b"",
        detail=detail,
    )


@cache
def note(seed: bytes = _LOG_SEED) -> bytes:
    head = Checkpoint(ORIGIN, len(leaves()), root([leaf_hash(one) for one in leaves()]))
    return sign_checkpoint(head, log_verifier(seed), local(seed).sign).encode()


def entry(**changes: str) -> LogEntry:
    """As the receipt carries it: of the head of its own time, in which the record is the last but two."""
    early = [leaf_hash(one) for one in leaves()[: FIRST_LEAF + 3]]
    head = sign_checkpoint(Checkpoint(ORIGIN, len(early), root(early)), log_verifier(), local(_LOG_SEED).sign)
    found = LogProof(FIRST_LEAF, proof(FIRST_LEAF, early), head)
    said = LogEntry(leaf=records()[0].decode(), proof=found.text, salt=b64encode(_SALT).decode())
    return msgspec.structs.replace(said, **changes)


def receipt(log: LogEntry | None = None) -> Receipt:
    deliveries = tuple(
        DeliveryRef(delivery_id=number, recipient=recipient, number=counted)
        for number, recipient, counted in zip((11, 12), RECIPIENTS, (5, 2), strict=True)
    )
    return Receipt(
        hub=AgencyCode(HUB),
        sender=SENDER,
        message_id=envelope().message_id,
        digest=envelope().digest(),
        sequence=7,
        accepted_at=AT,
        deliveries=deliveries,
        log=log or entry(),
    )


def statement_of(payload: bytes, typ: str) -> bytes:
    key = local(_STATEMENT_SEED)
    return sign(payload, key, thumbprint(key.public()), typ).encode()


@cache
def message() -> MessageContent:
    examination, reports = examined()
    return MessageContent(
        envelope=envelope(),
        sequence=7,
        accepted_at=AT,
        digest=envelope().digest(),
        salt=_SALT,
        header=HEADER,
        examination=examination,
        examined=examination_octets(),
        exhibits=tuple({each.digest: each for report in reports for each in exhibits_of(report)}.values()),
        receipt=statement_of(msgspec.json.encode(receipt()), RECEIPT),
        receipt_xml=sign_enveloped(to_xml(find("receipt/1"), receipt()), sealer(), MADE_AT, ENVELOPE_XADES),
        leaves=tuple(map(proven, records())),
    )


def content(folder: Path, **changes: object) -> BundleContent:
    """`folder`: for the attachments. `changes`: other values of its fields."""
    files = {}
    for digest, octets in attachments().items():
        files[digest] = folder / digest.partition(":")[2]
        files[digest].write_bytes(octets)
    plain = BundleContent(
        hub=HUB,
        made_at=MADE_AT,
        made_for="operator",
        view="whole",
        subject=f"{SENDER}/{envelope().message_id}",
        messages=(message(),),
        jwks=jwks(),
        log=LogContent(ORIGIN, note(), len(leaves()), (log_verifier().vkey,), stamps=(("tsa.test", stamp(note())),)),
        stamp_anchors=stamp_root().pem,
        files=files,
        names={"H15.21": "Sở Xây dựng tỉnh Đắk Lắk", "H15": "Trục liên thông tỉnh Đắk Lắk", "VNPOST.66": "Bưu điện tỉnh Đắk Lắk"},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def bundle(one: BundleContent, report: bytes = b"%PDF-1.7 report", *, certificate: bool = True) -> bytes:
    """Sealed by the hub's key: with its certificate, or as a statement."""
    file = io.BytesIO()
    container = build(one, report, file)
    if certificate:
        container.seal(CADES_SEAL, sign_detached(container.manifest(CADES_SEAL), sealer(), MADE_AT))
    else:
        container.seal(JWS_SEAL, statement_of(statement(container.manifest(JWS_SEAL), MADE_AT), SEAL))
    return file.getvalue()


def checked(octets: bytes, given: Given | None = None) -> Result:
    return verify(io.BytesIO(octets), given or Given(), NOW)
