"""What was checked about a signature, and what came of it. Intact is not trusted, and no verdict is a bare yes or no.

Values that are made anew for every signature are Structs: a frozen dataclass of as many fields takes twenty times as long.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec
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

    GOOD = "good"  # every certificate below the anchor, by evidence that is fresh enough
    REVOKED = "revoked"
    UNKNOWN = "unknown"  # of one certificate at least there is no evidence, or none that is fresh enough


class TimeEvidence(StrEnum):
    """What says when it was signed."""

    NONE = "none"
    CLAIMED = "claimed"  # by the signer, with its own clock: no evidence
    STAMPED = "stamped"  # a trusted time-stamp (RFC 3161) over the signature: it existed by then


class Verdict(StrEnum):
    """The states above in one word."""

    VERIFIED = "verified"  # intact, trusted, not revoked
    VERIFIED_REVOCATION_UNKNOWN = "verified_revocation_unknown"
    VERIFIED_WEAKLY = "verified_weakly"  # the same, by algorithms that only a legacy profile accepts: no proof any more
    REVOKED = "revoked"  # intact, and the certificate was withdrawn before the signature can be shown to have existed
    INTACT_NOT_TRUSTED = "intact_not_trusted"
    NOT_VERIFIED = "not_verified"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rule that was broken, where, and what was found there."""

    rule: Rule
    place: str
    detail: str


class SignedPart(msgspec.Struct, frozen=True):
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


class Properties(msgspec.Struct, frozen=True):
    """XAdES signed properties whose digest and certificate binding were verified. `signing_time` is the signer's claim.

    `not_evaluated`: names of properties that are there and were not looked at.
    """

    signing_time: datetime | None
    certificate_digest_method: str
    not_evaluated: tuple[str, ...]


class Path(msgspec.Struct, frozen=True):
    """`chain`: from the signer's certificate to the anchor when trusted, else empty. `refusal`: why there is none."""

    trust: Trust
    at: datetime
    chain: tuple[x509.Certificate, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Octets that a statement of the report rests on. `what`: "certificate", "crl", "ocsp" or "timestamp"."""

    what: str
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RevocationCheck:
    """What CRLs and OCSP answers say of the path. `as_of`: the oldest thisUpdate that was relied on. `in_grace`: good by evidence
    past its nextUpdate but within the grace that the policy states. `revoked_at`, `reason`: RFC 5280, 5.3.1, when revoked; with
    state `good`, it was revoked later than a time-stamp shows the signature to have existed. `refusal`: why it is not good."""

    state: Revocation
    as_of: datetime | None = None
    in_grace: bool = False
    revoked_at: datetime | None = None
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """A time-stamp that was verified (RFC 3161). `at`: genTime; `policy`: dotted; `path`: the authority's, to its anchors;
    `revocation_check`: of that path, good or unknown."""

    at: datetime
    policy: str
    serial_number: int
    path: Path
    token: bytes = field(repr=False)
    revocation_check: RevocationCheck | None = None


class SignatureReport(msgspec.Struct, frozen=True):
    """What was checked. Fields that were not reached are None or empty.

    `refusal`: the first rule of the signature that was broken; None exactly when intact. `path` carries its own refusal.
    `stamp_refusal`: why a time-stamp that is there is no evidence; the signature then counts as one without.
    `registered_key`: name of the key that verified it, where a registered one did instead of a certificate's.
    `re_encoded`: the message came in BER and was judged in the DER that it stands for.
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
    revocation_check: RevocationCheck | None = None
    stamp: TimeStamp | None = None
    stamp_refusal: Refusal | None = None
    weak: tuple[str, ...] = ()
    registered_key: str = ""
    re_encoded: bool = False

    @property
    def trust(self) -> Trust:
        return Trust.NOT_CHECKED if self.path is None else self.path.trust

    @property
    def revocation(self) -> Revocation:
        return Revocation.UNKNOWN if self.revocation_check is None else self.revocation_check.state

    @property
    def time_evidence(self) -> TimeEvidence:
        if self.stamp is not None:
            return TimeEvidence.STAMPED
        claimed = self.properties is not None and self.properties.signing_time is not None
        return TimeEvidence.CLAIMED if claimed else TimeEvidence.NONE

    @property
    def verdict(self) -> Verdict:
        if self.integrity is not Integrity.INTACT:
            return Verdict.NOT_VERIFIED
        if self.trust is not Trust.TRUSTED:
            return Verdict.INTACT_NOT_TRUSTED
        if self.revocation is Revocation.REVOKED:
            return Verdict.REVOKED
        if self.weak:
            return Verdict.VERIFIED_WEAKLY
        return Verdict.VERIFIED if self.revocation is Revocation.GOOD else Verdict.VERIFIED_REVOCATION_UNKNOWN


class Checked(msgspec.Struct, frozen=True):
    """`content`: the very element that was verified, the signature taken out of it; None unless intact.

    Whoever processes the document processes this element, and never parses the octets again.
    """

    report: SignatureReport
    content: etree._Element | None = None
