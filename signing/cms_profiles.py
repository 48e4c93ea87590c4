"""Profiles of CMS signatures (RFC 5652, EN 319 122-1), as data: what a signature must look like to be looked at.

A profile is part of the evidence (its `name` stands in each report), so a change of what it allows is a new name. Algorithms are
named by the URIs of XML Signature, as everywhere in reports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from signing.profiles import DIGESTS, LEGACY_RSA_SHA1, LEGACY_SHA1, METHODS

DATA = "1.2.840.113549.1.7.1"


@dataclass(frozen=True, slots=True)
class CmsCaps:
    """What is refused before any work is done on it. `octets`: of the whole message, attached content and all; `around`: of all
    but the attached content. `binding_octets`: of signing-certificate(-v2), which is remembered. `stamps`: time-stamps on one
    signature that are looked at."""

    octets: int = 64 * 2**20
    around: int = 2**20
    certificates: int = 16
    binding_octets: int = 4_096
    attributes: int = 32
    stamps: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class CmsProfile:
    """The only shape that is accepted.

    `bound`: signing-certificate-v2 must be there (it must fit wherever it is).
    `legacy`: what it accepts is too weak for anything else.
    """

    name: str
    title_vi: str
    title_en: str
    bound: bool = True
    methods: frozenset[str] = METHODS
    digests: frozenset[str] = DIGESTS
    caps: CmsCaps = CmsCaps()
    clock_skew_s: int = 300
    legacy: bool = False


CADES = CmsProfile(
    name="cades/1",
    title_vi="Chữ ký CAdES-B (EN 319 122-1), đính kèm hoặc tách rời, đúng một người ký",
    title_en="CAdES-B (EN 319 122-1), attached or detached, one signer",
)

# Without signing-certificate-v2 nothing says which of two certificates with the same key was meant.
CMS = CmsProfile(
    name="cms/1",
    title_vi="Chữ ký CMS (RFC 5652), đính kèm hoặc tách rời, đúng một người ký; không bắt buộc signing-certificate-v2",
    title_en="CMS (RFC 5652), attached or detached, one signer; signing-certificate-v2 not required",
    bound=False,
)

# SHA-1 signatures can be forged by who can have two documents signed. Chosen by name for old files, never by itself.
CMS_LEGACY = CmsProfile(
    name="cms-legacy-sha1/1",
    title_vi="Chữ ký CMS cũ, chấp nhận SHA-1 (chỉ để tra cứu, không đủ an toàn cho văn bản mới)",
    title_en="Old CMS signature, SHA-1 accepted (to look things up; not safe for anything new)",
    bound=False,
    methods=METHODS | {LEGACY_RSA_SHA1},
    digests=DIGESTS | {LEGACY_SHA1},
    legacy=True,
)

# Acrobat encloses the lists that it has seen, which are long.
_IN_PDF = CmsCaps(octets=2**21, around=2**21)
PADES = replace(
    CADES,
    caps=_IN_PDF,
    name="pades/1",
    title_vi="Chữ ký PAdES-B trong PDF (EN 319 142-1, ETSI.CAdES.detached)",
    title_en="PAdES-B in a PDF (EN 319 142-1, ETSI.CAdES.detached)",
)
PDF_CMS = replace(
    CMS,
    caps=_IN_PDF,
    name="pdf-cms/1",
    title_vi="Chữ ký CMS trong PDF (ISO 32000-1, adbe.pkcs7.detached); không bắt buộc signing-certificate-v2",
    title_en="CMS in a PDF (ISO 32000-1, adbe.pkcs7.detached); signing-certificate-v2 not required",
)

CMS_PROFILES: Mapping[str, CmsProfile] = MappingProxyType({"cades": CADES, "cms": CMS, "cms-legacy": CMS_LEGACY})
