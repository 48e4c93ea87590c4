"""Profiles of XML signatures, as data: what a signature must look like to be looked at. Anything else is refused.

A profile is part of the evidence (its `name` stands in each report), so a change of what it allows is a new name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

DSIG = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"  # Type of the reference to them
QCVN_102 = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
SOAP_11, SOAP_12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
E_DOC = "http://www.e-doc.vn/Schema/"

ENVELOPED = f"{DSIG}enveloped-signature"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"

_MORE_2001 = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"

SHA256, SHA384, SHA512 = (
    "http://www.w3.org/2001/04/xmlenc#sha256",
    f"{_MORE_2001}sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
)
DIGESTS = frozenset({SHA256, SHA384, SHA512})
LEGACY_SHA1, LEGACY_RSA_SHA1 = f"{DSIG}sha1", f"{DSIG}rsa-sha1"

RSA_SHA256, RSA_SHA384, RSA_SHA512 = (f"{_MORE_2001}rsa-sha{bits}" for bits in (256, 384, 512))
PSS_SHA256, PSS_SHA384, PSS_SHA512 = (f"{_MORE_2007}sha{bits}-rsa-MGF1" for bits in (256, 384, 512))  # RFC 9231, 2.3.10
ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512 = (f"{_MORE_2001}ecdsa-sha{bits}" for bits in (256, 384, 512))
ED25519 = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"  # RFC 9231, 2.3.12
METHODS = frozenset(
    {
        RSA_SHA256, RSA_SHA384, RSA_SHA512,
        PSS_SHA256, PSS_SHA384, PSS_SHA512,
        ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512,
        ED25519,
    }
)  # fmt: skip


class Presence(StrEnum):
    """Whether XAdES signed properties stand in the signature."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Caps:
    """What is refused before any work is done on it.

    `free_octets`: attributes and namespaces of documents up to this size are not counted, since with exclusive C14N none of them
    costs 10 ms, whatever is in it; where inclusive C14N is allowed, whose cost grows with the third power, nothing is free.
    `namespaces`: declarations in the whole document. `tags`: "<" in the octets. `attributes`: of one element, counted where they
    can cost anything (tags of 2 to 4 KB, or large documents). `depth` is checked where `huge_texts` lifts the parser's own limits
    (256 levels, 10 MB a text); large documents may have 64 levels under every profile. `certificates`: in KeyInfo.
    `references`: in SignedInfo.
    """

    octets: int = 10 * 2**20
    free_octets: int = 16 * 1024
    tags: int = 200_000
    depth: int = 256
    attributes: int = 64
    namespaces: int = 64
    certificates: int = 8
    certificate_chars: int = 16_384
    references: int = 16
    huge_texts: bool = False


@dataclass(frozen=True, slots=True)
class Soap:
    """Of messages by WS-Security (OASIS, SOAP Message Security 1.1 and X.509 Certificate Token Profile 1.1).

    `versions`: namespaces of the envelope. `timestamp`: whether wsu:Timestamp has to be there; where it is, it has to be signed
    and fresh, that is, at most `max_age_s` old and not expired.
    """

    versions: frozenset[str] = frozenset({SOAP_11, SOAP_12})
    timestamp: Presence = Presence.REQUIRED
    max_age_s: int = 300


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The only shape that is accepted.

    `roots`: local names the root may have; empty: any. `places`: from the root downwards to the signature's parent, alternatives;
    each step is the only child of that name, and the signature is the parent's last child. `namespaces`: of root and steps
    (None: no namespace), looked at only where `roots` or steps are named. `signature_namespaces`: of Signature and all its parts.
    `transforms`: whole lists, in order; a list without a canonicalization means inclusive C14N (XMLDSig 1.1, 4.4.3.2).
    `stamp`: whether a time-stamp over the signature has to be there and verify (XAdES-T); one that is there is always looked at.
    `key_hints`: further parts of X509Data, tolerated and not read. `legacy`: what it accepts is too weak for anything else.
    `root_id`: name of the attribute by which a reference may name the root. `prefix_lists`: whether exclusive C14N may have its
    InclusiveNamespaces. `soap`: of a message, whose Body is signed and not the whole; roots and places are then those of SOAP.
    """

    name: str
    title_vi: str
    title_en: str
    roots: frozenset[str] = frozenset()
    places: tuple[tuple[str, ...], ...] = ((),)
    namespaces: frozenset[str | None] = frozenset()
    signature_namespaces: frozenset[str] = frozenset({DSIG})
    canonicalizations: frozenset[str] = frozenset({EXCLUSIVE_C14N})
    transforms: frozenset[tuple[str, ...]] = frozenset({(ENVELOPED, EXCLUSIVE_C14N)})
    property_transforms: frozenset[tuple[str, ...]] = frozenset({(EXCLUSIVE_C14N,)})
    methods: frozenset[str] = METHODS
    digests: frozenset[str] = DIGESTS
    properties: Presence = Presence.FORBIDDEN
    stamp: Presence = Presence.OPTIONAL
    key_hints: frozenset[str] = frozenset()
    root_id: str = "Id"
    prefix_lists: bool = False
    soap: Soap | None = None
    caps: Caps = Caps()
    clock_skew_s: int = 300
    legacy: bool = False


ENVELOPE = Profile(
    name="envelope/2",
    title_vi="Phong bì XML của trục, chữ ký XMLDSig là phần tử con cuối cùng của phần tử gốc",
    title_en="XML envelope of the hub; XMLDSig as the last child of the root",
)

ENVELOPE_XADES = Profile(
    name="envelope-xades/2",
    title_vi="Phong bì XML của trục, chữ ký XAdES-B (EN 319 132-1) là phần tử con cuối cùng của phần tử gốc",
    title_en="XML envelope of the hub; XAdES-B (EN 319 132-1) as the last child of the root",
    properties=Presence.REQUIRED,
)

ENVELOPE_XADES_T = Profile(
    name="envelope-xades-t/1",
    title_vi="Phong bì XML của trục, chữ ký XAdES-T (có dấu thời gian) là phần tử con cuối cùng của phần tử gốc",
    title_en="XML envelope of the hub; XAdES-T (with a time-stamp) as the last child of the root",
    properties=Presence.REQUIRED,
    stamp=Presence.REQUIRED,
)

# The vendors' kits write inclusive C14N and, one of them, Signature without a declaration of its own, which puts it into the
# namespace of QCVN 102.
_EDXML_C14N = frozenset({EXCLUSIVE_C14N, INCLUSIVE_C14N})
_EDXML_CAPS = Caps(octets=70 * 2**20, free_octets=0, huge_texts=True)

EDXML = Profile(
    name="edxml/2",
    title_vi="Gói tin edXML (QCVN 102:2016/BTTTT), chữ ký là phần tử con cuối cùng của edXMLHeader",
    title_en="edXML packet (QCVN 102:2016/BTTTT); signature as the last child of edXMLHeader",
    roots=frozenset({"edXML", "EdXML", "edXMLEnvelope"}),
    places=(("edXMLEnvelope", "edXMLHeader"), ("edXMLHeader",)),
    namespaces=frozenset({QCVN_102, E_DOC, None}),
    signature_namespaces=frozenset({DSIG, QCVN_102}),
    canonicalizations=_EDXML_C14N,
    transforms=frozenset({(ENVELOPED,), *((ENVELOPED, one) for one in _EDXML_C14N)}),
    property_transforms=frozenset({(one,) for one in _EDXML_C14N}),
    properties=Presence.OPTIONAL,
    key_hints=frozenset({"X509SubjectName", "X509IssuerSerial"}),
    caps=_EDXML_CAPS,
)

# Buses of the e-doc generation: the packet's header blocks are blocks of the SOAP header, the signature is the last of them.
E_DOC_SOAP = Profile(
    name="edoc-soap/1",
    title_vi="Thông điệp SOAP của trục e-doc cũ, chữ ký là khối cuối cùng của Header",
    title_en="SOAP message of an old e-doc bus; signature as the last block of the Header",
    roots=frozenset({"Envelope"}),
    places=(("Header",),),
    namespaces=frozenset({SOAP_11, SOAP_12}),
    signature_namespaces=frozenset({DSIG, E_DOC}),
    canonicalizations=_EDXML_C14N,
    transforms=EDXML.transforms,
    property_transforms=EDXML.property_transforms,
    properties=Presence.OPTIONAL,
    key_hints=EDXML.key_hints,
    caps=_EDXML_CAPS,
)

SOAP = Profile(
    name="soap/2",
    title_vi="Thông điệp SOAP ký theo WS-Security: Body và Timestamp, chứng thư trong BinarySecurityToken",
    title_en="SOAP message signed by WS-Security: Body and Timestamp, certificate in a BinarySecurityToken",
    transforms=frozenset({(EXCLUSIVE_C14N,)}),
    prefix_lists=True,
    soap=Soap(),
)

# Without a Timestamp nothing of the signature says how old a message is: for services that send none.
SOAP_UNTIMED = Profile(
    name="soap-untimed/2",
    title_vi="Thông điệp SOAP ký theo WS-Security, không bắt buộc có Timestamp",
    title_en="SOAP message signed by WS-Security; a Timestamp is not required",
    transforms=SOAP.transforms,
    prefix_lists=True,
    soap=Soap(timestamp=Presence.OPTIONAL),
)

# SHA-1 signatures can be forged by who can have two documents signed. Chosen by name for old packets, never by itself.
EDXML_LEGACY = Profile(
    name="edxml-legacy-sha1/2",
    title_vi="Gói tin edXML cũ, chấp nhận SHA-1 (chỉ để tra cứu, không đủ an toàn cho văn bản mới)",
    title_en="Old edXML packet, SHA-1 accepted (to look things up; not safe for anything new)",
    roots=EDXML.roots,
    places=EDXML.places,
    namespaces=EDXML.namespaces,
    signature_namespaces=EDXML.signature_namespaces,
    canonicalizations=_EDXML_C14N,
    transforms=EDXML.transforms,
    property_transforms=EDXML.property_transforms,
    methods=METHODS | {LEGACY_RSA_SHA1},
    digests=DIGESTS | {LEGACY_SHA1},
    properties=Presence.OPTIONAL,
    key_hints=EDXML.key_hints,
    caps=_EDXML_CAPS,
    legacy=True,
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "envelope": ENVELOPE,
        "envelope-xades": ENVELOPE_XADES,
        "envelope-xades-t": ENVELOPE_XADES_T,
        "edxml": EDXML,
        "edxml-legacy": EDXML_LEGACY,
        "edoc-soap": E_DOC_SOAP,
        "soap": SOAP,
        "soap-untimed": SOAP_UNTIMED,
    }
)
