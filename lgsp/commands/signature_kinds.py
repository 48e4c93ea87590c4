"""What kind of signed file this is, by its octets, and what its verifier says. A guess for people; deciders name a profile."""

import asyncio
import hashlib
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signing.cms import Digest
    from signing.cms_profiles import CmsProfile
    from signing.report import SignatureReport
    from signing.trust import TrustBase

NAMES = (
    "envelope", "envelope-xades", "envelope-xades-t", "edxml", "edxml-legacy", "edoc-soap", "soap", "soap-untimed",
    "cades", "cms", "cms-legacy", "pdf", "jws",
)  # fmt: skip
_CMS = frozenset({"cades", "cms", "cms-legacy"})
_PEM = re.compile(rb"\s*-----BEGIN (CMS|PKCS7|PKCS #7 SIGNED DATA)-----([A-Za-z0-9+/=\s]+)-----END \1-----\s*")
_JWS = re.compile(rb"\s*[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\s*")
_SOAP = (b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope")
_BOUND = bytes.fromhex("060b2a864886f70d010910022f")  # signing-certificate-v2


def reports_on(
    file: Path, octets: bytes, content: Path | None, name: str | None, trust: "TrustBase", at: datetime
) -> "Sequence[SignatureReport]":
    """One for each signature, at least one. `content`: what a detached CMS signature is over; `name`: one of NAMES."""
    name = name or _guess(octets)
    if name == "pdf":
        return asyncio.run(_pdf(file, trust, at))
    if name == "jws":
        return (_jws(octets, trust, at),)
    if name in _CMS:
        return (_cms(octets, content, name, trust, at),)
    from signing.profiles import PROFILES
    from signing.verify import check

    return (check(octets, PROFILES[name], trust, at).report,)


def _guess(octets: bytes) -> str:
    if b"%PDF-" in octets[:1024]:
        return "pdf"
    if octets[:1] == b"\x30" or _PEM.fullmatch(octets):
        return "cades" if _BOUND in _der(octets) else "cms"
    if _JWS.fullmatch(octets):
        return "jws"
    if b"BinarySecurityToken" in octets:
        return "soap" if b"Timestamp>" in octets else "soap-untimed"
    if any(one in octets[:4096] for one in _SOAP):
        return "edoc-soap"
    if b"edXMLHeader" in octets:
        return "edxml"
    return "envelope-xades" if b"QualifyingProperties" in octets else "envelope"


async def _pdf(file: Path, trust: "TrustBase", at: datetime) -> "Sequence[SignatureReport]":
    from lgsp.trust.isolated import PdfChecker

    checker = PdfChecker()
    try:
        return await checker.check_pdf(file, trust, at)
    finally:
        await checker.close()


def is_of_a_hub(octets: bytes) -> bool:
    """Whether it says that it is a receipt or a refusal: those are signed with a key of the hub, without a certificate."""
    from lgsp.http.signed import RECEIPT_TYPE, REFUSAL_TYPE

    return _JWS.fullmatch(octets) is not None and _type(octets) in (RECEIPT_TYPE, REFUSAL_TYPE)


def _jws(octets: bytes, trust: "TrustBase", at: datetime) -> "SignatureReport":
    """By the certificate inside; a registered key is known to the hub alone. Whatever kind of statement it says it is."""
    from signing.jws_partner import check_jws

    return check_jws(_token(octets), typ=_type(octets), keys=(), trust=trust, at=at).report


def _token(octets: bytes) -> str:
    return octets.decode("ascii", "replace").strip()


def _type(octets: bytes) -> str | None:
    """What kind of statement the header says it is."""
    from signing import compact
    from signing.jws_partner import MAX_PAYLOAD_BYTES
    from signing.rules import Refused

    try:
        typ = compact.read(_token(octets), max_header_chars=2**15, max_payload_bytes=MAX_PAYLOAD_BYTES).header.get("typ")
    except Refused:
        return None
    return typ if isinstance(typ, str) else None


def _cms(octets: bytes, content: Path | None, name: str, trust: "TrustBase", at: datetime) -> "SignatureReport":
    from signing.cms_profiles import CMS_PROFILES
    from signing.cms_slow import check_cms_slowly, der_of

    der, profile = _der(octets), CMS_PROFILES[name]
    signed = None if content is None else _digest(content, der_of(der, profile), profile)
    return check_cms_slowly(der, signed, profile, trust, at).report


def _digest(content: Path, der: bytes, profile: "CmsProfile") -> "Digest":
    """Of a file of any size, by the method that the signature names."""
    from signing.cms import Digest, digest_method
    from signing.profiles import SHA256

    method = digest_method(der, profile) or SHA256
    with content.open("rb") as opened:
        hashed = hashlib.file_digest(opened, _hash_name(method))
        return Digest(method, hashed.digest(), opened.tell())


def _hash_name(method: str) -> str:
    """The URIs of XML Signature and XML Encryption end with it."""
    return method.rpartition("#")[2]


def _der(octets: bytes) -> bytes:
    """Out of its PEM, if it stands in one."""
    found = _PEM.fullmatch(octets)
    try:
        return octets if found is None else a2b_base64(b"".join(found[2].split()), strict_mode=True)
    except Base64Error:
        return b""
