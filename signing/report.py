"""What was checked about a signature, and what came of it. Intact is not trusted, and no verdict is a bare yes or no."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from lxml import etree

from signing.rules import Rule


class Integrity(StrEnum):
    """Whether the content is what the holder of the key in the enclosed certificate signed. Says nothing of who that is."""

    INTACT = "intact"
    NOT_INTACT = "not_intact"  # value or digest do not fit: something was changed
    NOT_VERIFIABLE = "not_verifiable"  # present, or perhaps present, but a rule was broken before anything could be computed
    ABSENT = "absent"


class Trust(StrEnum):
    """Whether a path leads from the signer's certificate to one of the given anchors, at the given time."""

    TRUSTED = "trusted"
    NOT_TRUSTED = "not_trusted"
    NOT_CHECKED = "not_checked"  # no anchors were given, or the content is not intact


class Revocation(StrEnum):
    """Whether a certificate of the path was withdrawn before its end."""

    UNKNOWN = "unknown"  # neither CRL nor OCSP was looked at


class TimeEvidence(StrEnum):
    """What says when it was signed."""

    NONE = "none"
    CLAIMED = "claimed"  # by the signer, with its own clock: no evidence


class Verdict(StrEnum):
    """The states above in one word."""

    VERIFIED_REVOCATION_UNKNOWN = "verified_revocation_unknown"
    VERIFIED_WEAKLY = "verified_weakly"  # the same, by algorithms that only a legacy profile accepts: no proof any more
    INTACT_NOT_TRUSTED = "intact_not_trusted"
    NOT_VERIFIED = "not_verified"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rule that was broken, where, and what was found there."""

    rule: Rule
    place: str
    detail: str


@dataclass(frozen=True, slots=True)
class SignedPart:
    """One reference that was verified. `digest`: of the `octets` canonical octets, by `digest_method` (a URI)."""

    uri: str
    what: str  # "document" (the whole, without the signature) or "signed_properties"
    digest_method: str
    digest: bytes
    octets: int


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate as enclosed; that it is anybody's is what `Trust` says. `der` is kept as evidence; `key` is that of the
    certificate, kept because what it has computed for itself makes the next verification cheaper."""

    der: bytes = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    key: CertificatePublicKeyTypes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Properties:
    """XAdES signed properties whose digest and certificate binding were verified. `signing_time` is the signer's claim.

    `not_evaluated`: names of properties that are there and were not looked at.
    """

    signing_time: datetime | None
    certificate_digest_method: str
    not_evaluated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """`chain`: from the signer's certificate to the anchor when trusted, else empty. `refusal`: why there is none."""

    trust: Trust
    at: datetime
    chain: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """What was checked. Fields that were not reached are None or empty.

    `refusal`: the first rule of the signature that was broken; None exactly when intact. `path` carries its own refusal.
    `weak`: URIs of accepted algorithms that are too weak for anything new (legacy profiles only).
    """

    profile: str
    integrity: Integrity
    refusal: Refusal | None = None
    covered: tuple[SignedPart, ...] = ()
    canonicalization: str = ""
    method: str = ""
    signer: Signer | None = None
    properties: Properties | None = None
    path: Path | None = None
    revocation: Revocation = Revocation.UNKNOWN
    weak: tuple[str, ...] = ()

    @property
    def trust(self) -> Trust:
        return Trust.NOT_CHECKED if self.path is None else self.path.trust

    @property
    def time_evidence(self) -> TimeEvidence:
        claimed = self.properties is not None and self.properties.signing_time is not None
        return TimeEvidence.CLAIMED if claimed else TimeEvidence.NONE

    @property
    def verdict(self) -> Verdict:
        if self.integrity is not Integrity.INTACT:
            return Verdict.NOT_VERIFIED
        if self.trust is not Trust.TRUSTED:
            return Verdict.INTACT_NOT_TRUSTED
        return Verdict.VERIFIED_WEAKLY if self.weak else Verdict.VERIFIED_REVOCATION_UNKNOWN


@dataclass(frozen=True, slots=True)
class Checked:
    """`content`: the very element that was verified, the signature taken out of it; None unless intact.

    Whoever processes the document processes this element, and never parses the octets again.
    """

    report: SignatureReport
    content: etree._Element | None = field(default=None, repr=False)
