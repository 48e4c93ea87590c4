"""XML that the hub signs: envelopes as XMLDSig or XAdES-B (EN 319 132-1, baseline B), SOAP messages by WS-Security.

What is written has one form, and it is the form that `verify.check` accepts under the profile that is named. What is to be signed
is parsed under the caps of that profile; signing what the other side has to refuse helps nobody.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from lxml import etree

from signing import profiles
from signing.algorithms import digest
from signing.keys import Algorithm, Signer, side_by_side
from signing.places import parent_of
from signing.profiles import DSIG, ENVELOPED, EXCLUSIVE_C14N, SHA256, SHA384, SIGNED_PROPERTIES, XADES, Presence, Profile
from signing.rules import Refused
from signing.soap import BASE64_BINARY, ID, WSSE, WSU, X509_V3
from signing.xml import canonical, namespace, parse

_LIFE_OF_MESSAGES = timedelta(minutes=5)


class _How(NamedTuple):
    """`half`: octets of each of the two numbers of ECDSA; 0: another kind of key."""

    method: str
    digest: str
    half: int = 0


_HOW: Mapping[Algorithm, _How] = MappingProxyType(
    {
        Algorithm.RSA_SHA256: _How(profiles.RSA_SHA256, SHA256),
        Algorithm.ECDSA_P256_SHA256: _How(profiles.ECDSA_SHA256, SHA256, 32),
        Algorithm.ECDSA_P384_SHA384: _How(profiles.ECDSA_SHA384, SHA384, 48),
        Algorithm.ED25519: _How(profiles.ED25519, SHA256),
    }
)


class _Reference(NamedTuple):
    uri: str
    transforms: tuple[str, ...]
    octets: bytes
    name: str = ""
    type: str = ""


def sign_enveloped(octets: bytes, signer: Signer, at: datetime, profile: Profile) -> bytes:
    """The document with its signature at the place that `profile` names, with XAdES properties unless it forbids them.

    `at`: with a zone; stands in the signature as the time of signing. Blocks as long as the key does.
    Raises Refused `xml.*`, `signature.several`, `signature.misplaced` (there is no such place) or `key.info` (no certificate).
    """
    root = parse(octets, profile.caps)
    parent = parent_of(root, profile)
    _check_unsigned(root, signer)
    content = canonical(root, EXCLUSIVE_C14N)
    how, name = _HOW[signer.algorithm], hashlib.sha256(content + at.isoformat().encode()).hexdigest()[:32]
    references = [_Reference("", (ENVELOPED, EXCLUSIVE_C14N), content, f"ref-{name}")]
    signature = etree.SubElement(parent, f"{{{DSIG}}}Signature", {"Id": f"sig-{name}"}, nsmap={"ds": DSIG})
    if profile.properties is not Presence.FORBIDDEN:
        properties = etree.fromstring(_properties(name, signer, at))
        signed = canonical(properties[0][0], EXCLUSIVE_C14N)
        references.append(_Reference(f"#prop-{name}", (EXCLUSIVE_C14N,), signed, type=SIGNED_PROPERTIES))
        signature.append(properties)
    _fill(signature, _signed_info(how, references), _x509_data(signer), how, signer)
    return _written(root)


def sign_message(octets: bytes, signer: Signer, at: datetime, profile: Profile = profiles.SOAP) -> bytes:
    """The message with a Security block that signs its Body and a new Timestamp. The Header may be missing, a Security block may
    not be there yet.

    `at`: with a zone; the message is good for five minutes from then. Raises as `sign_enveloped`, or Refused `soap.envelope`.
    """
    root = parse(octets, profile.caps)
    _check_unsigned(root, signer)
    header, body = _header_and_body(root)
    how, name = _HOW[signer.algorithm], hashlib.sha256(octets + at.isoformat().encode()).hexdigest()[:32]
    if body.get(ID) is None:
        body.set(ID, f"body-{name}")
    security = etree.fromstring(_security(name, signer, at))
    security.set(f"{{{namespace(root)}}}mustUnderstand", "1")
    header.append(security)
    timestamp, signature = security[1], etree.SubElement(security, f"{{{DSIG}}}Signature", nsmap={"ds": DSIG})
    references = [_Reference(f"#{one.get(ID)}", (EXCLUSIVE_C14N,), canonical(one, EXCLUSIVE_C14N)) for one in (timestamp, body)]
    _fill(signature, _signed_info(how, references), _pointer(name), how, signer)
    return _written(root)


def _check_unsigned(root: etree._Element, signer: Signer) -> None:
    if next(root.iter(etree.Comment, etree.PI), None) is not None:
        raise Refused("xml.comment_or_instruction", "/")
    if next(root.iter(f"{{{DSIG}}}Signature"), None) is not None:
        raise Refused("signature.several", "/", "it is signed already")
    if not signer.certificates:
        raise Refused("key.info", "KeyInfo", "the key has no certificate")


def _fill(signature: etree._Element, info: str, key_info: str, how: _How, signer: Signer) -> None:
    """SignedInfo, SignatureValue and KeyInfo, in front of what stands there."""
    signed = etree.fromstring(info)
    signature.insert(0, signed)
    value = etree.Element(f"{{{DSIG}}}SignatureValue")
    signature.insert(1, value)
    signature.insert(2, etree.fromstring(key_info))
    value.text = _base64(_value(signer.sign(canonical(signed, EXCLUSIVE_C14N)), how))


def _value(signature: bytes, how: _How) -> bytes:
    return side_by_side(signature, how.half) if how.half else signature


def _signed_info(how: _How, references: list[_Reference]) -> str:
    return (
        f'<ds:SignedInfo xmlns:ds="{DSIG}"><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"/>'
        f'<ds:SignatureMethod Algorithm="{how.method}"/>{"".join(_reference(how, one) for one in references)}</ds:SignedInfo>'
    )


def _reference(how: _How, one: _Reference) -> str:
    name, kind = f' Id="{one.name}"' if one.name else "", f' Type="{one.type}"' if one.type else ""
    transforms = "".join(f'<ds:Transform Algorithm="{transform}"/>' for transform in one.transforms)
    return (
        f'<ds:Reference{name}{kind} URI="{one.uri}"><ds:Transforms>{transforms}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{how.digest}"/>'
        f"<ds:DigestValue>{_base64(digest(how.digest, one.octets))}</ds:DigestValue></ds:Reference>"
    )


def _x509_data(signer: Signer) -> str:
    certificates = "".join(f"<ds:X509Certificate>{_base64(one)}</ds:X509Certificate>" for one in signer.certificates)
    return f'<ds:KeyInfo xmlns:ds="{DSIG}"><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>'


def _properties(name: str, signer: Signer, at: datetime) -> str:
    """EN 319 132-1, 6.3: SigningTime, SigningCertificateV2, and the format of the one thing that is signed."""
    return (
        f'<ds:Object xmlns:ds="{DSIG}"><xades:QualifyingProperties xmlns:xades="{XADES}" Target="#sig-{name}">'
        f'<xades:SignedProperties Id="prop-{name}"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{_time(at)}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
        f'<ds:DigestMethod Algorithm="{SHA256}"/>'
        f"<ds:DigestValue>{_base64(digest(SHA256, signer.certificates[0]))}</ds:DigestValue>"
        "</xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties>"
        f'<xades:SignedDataObjectProperties><xades:DataObjectFormat ObjectReference="#ref-{name}">'
        "<xades:MimeType>text/xml</xades:MimeType></xades:DataObjectFormat></xades:SignedDataObjectProperties>"
        "</xades:SignedProperties></xades:QualifyingProperties></ds:Object>"
    )


def _header_and_body(root: etree._Element) -> tuple[etree._Element, etree._Element]:
    version = namespace(root) or ""
    tags = [f"{{{version}}}{name}" for name in ("Envelope", "Header", "Body")]
    if version not in (profiles.SOAP_11, profiles.SOAP_12) or [one.tag for one in (root, *root)] not in (tags, tags[::2]):
        raise Refused("soap.envelope", "Envelope")
    if len(root) == 1:
        root.insert(0, etree.Element(tags[1]))
    if any(one.tag == f"{{{WSSE}}}Security" for one in root[0]):
        raise Refused("soap.security", "Security", "there is one already")
    return root[0], root[1]


def _security(name: str, signer: Signer, at: datetime) -> str:
    return (
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}"><wsse:BinarySecurityToken wsu:Id="token-{name}" '
        f'EncodingType="{BASE64_BINARY}" ValueType="{X509_V3}">{_base64(signer.certificates[0])}</wsse:BinarySecurityToken>'
        f'<wsu:Timestamp wsu:Id="time-{name}"><wsu:Created>{_time(at)}</wsu:Created>'
        f"<wsu:Expires>{_time(at + _LIFE_OF_MESSAGES)}</wsu:Expires></wsu:Timestamp></wsse:Security>"
    )


def _pointer(name: str) -> str:
    return (
        f'<ds:KeyInfo xmlns:ds="{DSIG}"><wsse:SecurityTokenReference xmlns:wsse="{WSSE}">'
        f'<wsse:Reference URI="#token-{name}" ValueType="{X509_V3}"/></wsse:SecurityTokenReference></ds:KeyInfo>'
    )


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode()


def _written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
