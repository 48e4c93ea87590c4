"""Time-stamps (RFC 3161, RFC 5816): verify a token, ask for one, read the answer. Octets in and out; who asks does the sending.

A token is a CMS message like any other and read as strictly (`cms_parts.py`): one signer, signing-certificate-v2, no SHA-1. Its
imprint is compared with our own hash of our own octets, and its path has to hold at the very time that it states.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from signing import cms_attributes, cms_parts
from signing.algorithms import check_key, digest
from signing.cms_algorithms import digest_of, verify
from signing.cms_parts import Parts
from signing.cms_profiles import CmsCaps, CmsProfile
from signing.der import (
    BOOLEAN,
    GENERALIZED_TIME,
    INTEGER,
    NOTHING,
    OCTET_STRING,
    OID,
    SEQUENCE,
    Reader,
    context,
    dotted,
    identifier,
    natural,
    written,
)
from signing.profiles import DIGESTS, SHA256
from signing.purposes import Purpose
from signing.report import Path, Refusal, Revocation, RevocationCheck, TimeStamp, Trust
from signing.revocation import look_up
from signing.rules import RULES, Refused
from signing.trust import TrustBase

Stamped = bytes | Callable[[str], bytes]  # octets, or their digest by a method (a URI), where they are too many to be held
MAX_RESPONSE_BYTES = 128 * 1024
TOKEN = CmsProfile(
    name="rfc3161/1",
    title_vi="Dấu thời gian (RFC 3161), đúng một người ký, có signing-certificate-v2",
    title_en="Time-stamp (RFC 3161), one signer, with signing-certificate-v2",
    caps=CmsCaps(octets=64 * 1024, around=64 * 1024, certificates=8, attributes=16),
)

_TST_INFO = identifier("1.2.840.113549.1.9.16.1.4")
_VERSION = written(INTEGER, b"\x01")
_TIME = re.compile(rb"(\d{14})(?:\.(\d{0,8}[1-9]))?Z")  # RFC 3161, 2.4.2: seconds stated, no trailing zeros
_GRANTED = frozenset({0, 1})  # granted, granted with modifications
_TSA, _EXTENSIONS = context(0), context(1)
_SHA256 = identifier("2.16.840.1.101.3.4.2.1")


@dataclass(frozen=True, slots=True)
class _Info:
    """What a token states (2.4.2). `method`: the digest URI of the imprint."""

    policy: str
    method: str
    imprint: bytes
    serial_number: int
    at: datetime
    nonce: int | None


def verify_stamp(token: bytes, octets: Stamped, trust: TrustBase, at: datetime, nonce: int | None = None) -> TimeStamp | Refusal:
    """Never raises: what is not verified is no evidence, and says why. A signature whose time-stamp is refused is a signature
    without one.

    `token`: TimeStampToken, DER; `octets`: what it has to be over; `at`: the time of the check; `nonce`: that of our own request.
    """
    try:
        return _verified(token, octets, trust, at, nonce)
    except Refused as refused:
        return Refusal(refused.rule, refused.place, refused.detail)
    except Exception as error:  # noqa: BLE001 - the promise: an exception anywhere means "not verified"
        return Refusal(RULES["check.failed"], "time-stamp", type(error).__name__)


def imprint_of(token: bytes) -> bytes:
    """The digest that a token says it is over, unverified. Raises Refused."""
    parts = cms_parts.read(token, TOKEN)
    if parts.content_type != _TST_INFO or parts.content is None:
        raise Refused("timestamp.info", "eContentType", cms_parts.name_of(parts.content_type))
    return _info(parts.content).imprint


def request(octets: bytes, nonce: int, policy: str = "") -> bytes:
    """TimeStampReq, DER (2.4.1): for the SHA-256 of `octets`, with certificates. `nonce`: 64 bits of chance; `policy`: dotted."""
    imprint = written(SEQUENCE, written(SEQUENCE, _SHA256), written(OCTET_STRING, digest(SHA256, octets)))
    asked = (_VERSION, imprint, identifier(policy) if policy else b"", _integer(nonce), written(BOOLEAN, b"\xff"))
    return written(SEQUENCE, *asked)


def token_of(response: bytes) -> bytes:
    """The token of a TimeStampResp (2.4.2), DER, unverified. Raises Refused `timestamp.rejected`, `timestamp.info` or `cms.*`."""
    if len(response) > MAX_RESPONSE_BYTES:
        raise Refused("timestamp.info", "TimeStampResp", f"{len(response)} octets")
    outer = Reader(response)
    whole = outer.enter(SEQUENCE)
    outer.close()
    status = natural(whole.enter(SEQUENCE).value(INTEGER))
    if status not in _GRANTED:
        raise Refused("timestamp.rejected", "PKIStatus", str(status))
    token = whole.whole(SEQUENCE)
    whole.close()
    return token


def _verified(token: bytes, octets: Stamped, trust: TrustBase, at: datetime, nonce: int | None) -> TimeStamp:
    """In the order of cost: shape and imprint, the signature, the path. Raises Refused."""
    parts = cms_parts.read(token, TOKEN)
    if parts.content_type != _TST_INFO or parts.content is None:
        raise Refused("timestamp.info", "eContentType", cms_parts.name_of(parts.content_type))
    info = _info(parts.content)
    _check_info(info, octets, trust, at, nonce)
    _check_signature(parts, parts.content, at)
    path = _path(parts, trust, info.at)
    return TimeStamp(info.at, info.policy, info.serial_number, path, token, _revocation(path, trust, info.at, at))


def _check_info(info: _Info, octets: Stamped, trust: TrustBase, at: datetime, nonce: int | None) -> None:
    if (octets(info.method) if callable(octets) else digest(info.method, octets)) != info.imprint:
        raise Refused("timestamp.imprint", "messageImprint")
    if nonce is not None and info.nonce != nonce:
        raise Refused("timestamp.nonce", "nonce")
    if trust.stamp_policies and info.policy not in trust.stamp_policies:
        raise Refused("timestamp.policy", "policy", info.policy)
    if info.at > at + timedelta(seconds=trust.grace.ahead_s):
        raise Refused("timestamp.time", "genTime", f"{info.at.isoformat()} is after {at.isoformat()}")


def _check_signature(parts: Parts, content: bytes, at: datetime) -> None:
    key = parts.signer.signer.key
    check_key(key)
    verify(parts.method, parts.algorithms[1], key, parts.value, parts.signed)
    expected, _ = cms_attributes.read(parts, TOKEN, at)
    if digest(parts.digest, content) != expected:
        raise Refused("signature.digest", "messageDigest")


def _path(parts: Parts, trust: TrustBase, at: datetime) -> Path:
    """At the time that the token states. Raises Refused: of an authority that is not trusted, no time is evidence."""
    signer = parts.signer.signer
    others = [one.signer for one in parts.certificates if one is not parts.signer]
    if not trust.time_stamps.certificates:
        raise Refused("path.no_anchors", "time-stamp")
    path = trust.time_stamps.path(signer, others, at, Purpose.TIME_STAMPS)
    if path.trust is not Trust.TRUSTED:
        assert path.refusal is not None
        raise Refused(path.refusal.rule.code, path.refusal.place or "time-stamp", path.refusal.detail)
    return path


def _revocation(path: Path, trust: TrustBase, stamped_at: datetime, at: datetime) -> RevocationCheck:
    """Raises Refused when revoked: who has a revoked key may write any time."""
    found = look_up(path.chain, trust.snapshot, at, trust.grace, stamped_at, dates_itself=True).check
    if found.state is Revocation.REVOKED:
        assert found.refusal is not None
        raise Refused(found.refusal.rule.code, found.refusal.place, found.refusal.detail)
    return found


def _info(octets: bytes) -> _Info:
    """TSTInfo. Raises Refused `timestamp.*`, `cms.*` or `signature.digest_method`."""
    outer = Reader(octets)
    info = outer.enter(SEQUENCE)
    outer.close()
    if info.whole(INTEGER) != _VERSION:
        raise Refused("timestamp.info", "version")
    policy = dotted(info.value(OID))
    imprint = info.enter(SEQUENCE)
    method = digest_of(imprint.whole(SEQUENCE), DIGESTS, "messageImprint")
    hashed = imprint.only(OCTET_STRING)
    serial_number = natural(info.value(INTEGER))
    stated_at = _time(info.value(GENERALIZED_TIME))
    info.optional(SEQUENCE)  # accuracy: a second or so, of no weight here
    info.optional(BOOLEAN)  # ordering
    nonce = info.optional(INTEGER)
    info.optional(_TSA)  # a hint: who signed is what signing-certificate-v2 says
    _check_extensions(info)
    info.close()
    return _Info(policy, method, hashed, serial_number, stated_at, None if nonce is None else natural(nonce))


def _check_extensions(info: Reader) -> None:
    """None that we know matters to us; a critical one has to."""
    if info.next_tag != _EXTENSIONS:
        return
    extensions = info.enter(_EXTENSIONS)
    while extensions.next_tag != NOTHING:
        one = extensions.enter(SEQUENCE)
        name = dotted(one.value(OID))
        if one.optional(BOOLEAN) is not None:
            raise Refused("timestamp.info", "extensions", f"critical: {name}")
        one.only(OCTET_STRING)


def _time(text: bytes) -> datetime:
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        stated = datetime.fromisoformat(f"{found[1][:8].decode()}T{found[1][8:].decode()}Z")
    except ValueError:
        raise Refused("timestamp.time", "genTime", "no time in UTC with seconds") from None
    return stated + timedelta(seconds=float(b"0." + (found[2] or b"0")))


def _integer(number: int) -> bytes:
    return written(INTEGER, number.to_bytes(number.bit_length() // 8 + 1))
