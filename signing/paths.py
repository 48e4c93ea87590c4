"""Whether a certificate leads to a trust anchor (RFC 5280, section 6), by the engine of `cryptography`. No revocation.

What that engine refuses although RFC 5280 allows it (critical name constraints on directory names, policy mappings, self-issued
rollover) is refused here too: never is a refusal turned into a pass. SHA-1 in certificates of a path is always refused.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from signing.report import Path, Refusal, Signer, Trust
from signing.rules import RULES, Refused

_REMEMBERED = 4096
# A certificate for these purposes alone signs no documents.
_OTHER_PURPOSES = frozenset(
    {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
        ExtendedKeyUsageOID.CODE_SIGNING,
    }
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A path that was found, and while all of its certificates are in force."""

    chain: tuple[x509.Certificate, ...]
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Anchors:
    """Certificates trusted for one purpose. One of them may itself be the signer's: registered, it needs no path.

    Paths found are remembered by the exact octets of the certificates and used while all of them are in force; what was refused
    is never remembered. Another set of anchors is another value, so nothing has to be flushed.

    `intermediates`: authorities below the anchors that are known here, as hints beside those that come along with a signature:
    many signers enclose their own certificate alone. Not trusted themselves.
    """

    certificates: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()
    _known: dict[tuple[bytes, ...], _Known] = field(default_factory=dict, repr=False, compare=False)

    @property
    def version(self) -> str:
        """The same for the same certificates in any order, in hexadecimal."""
        return hashlib.sha256(b"".join(sorted(one.fingerprint(SHA256()) for one in self.certificates))).hexdigest()

    @classmethod
    def of_pem(cls, *files: bytes) -> "Anchors":
        """Each file with one certificate or more. Raises ValueError."""
        return cls(tuple(one for octets in files for one in x509.load_pem_x509_certificates(octets)))

    def path(self, signer: Signer, others: Iterable[Signer], at: datetime) -> Path:
        """`others`: certificates that came along, as a hint for the way. `at`: with a zone."""
        key = (signer.der, *[one.der for one in others])
        known = self._known.get(key)
        if known is None or not known.begins <= at <= known.ends:
            try:
                hints = [*(one.certificate for one in others), *self.intermediates]
                known = _known(_chain(signer, hints, self.certificates, at))
            except Refused as refused:
                return Path(Trust.NOT_TRUSTED, at, refusal=Refusal(refused.rule, refused.place, refused.detail))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = known
        return Path(Trust.TRUSTED, at, known.chain)


NO_ANCHORS = Anchors(())


def unchecked(at: datetime) -> Path:
    """When there is nothing to trust."""
    return Path(Trust.NOT_CHECKED, at, refusal=Refusal(RULES["path.no_anchors"], "", ""))


def _known(chain: tuple[x509.Certificate, ...]) -> _Known:
    return _Known(chain, max(one.not_valid_before_utc for one in chain), min(one.not_valid_after_utc for one in chain))


def _chain(
    signer: Signer, others: list[x509.Certificate], anchors: tuple[x509.Certificate, ...], at: datetime
) -> tuple[x509.Certificate, ...]:
    """Raises Refused `path.*`."""
    leaf = signer.certificate
    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
        raise Refused("path.validity", "", f"in force {begins.isoformat()} to {ends.isoformat()}, checked at {at.isoformat()}")
    _check_usage(leaf)
    if leaf in anchors:
        return (leaf,)
    policy = PolicyBuilder().store(Store(list(anchors))).time(at).extension_policies(ca_policy=_CA, ee_policy=_SIGNER)
    try:
        return tuple(policy.build_client_verifier().verify(leaf, others).chain)
    except VerificationError as error:
        raise Refused("path.not_found", "", str(error)[:300]) from None


def _check_usage(leaf: x509.Certificate) -> None:
    """RFC 5280, 4.2.1.3 and 4.2.1.12. An extension that is absent restricts nothing."""
    for extension in leaf.extensions:
        value = extension.value
        if isinstance(value, x509.KeyUsage) and not (value.digital_signature or value.content_commitment):
            raise Refused("path.usage", "keyUsage", "neither digitalSignature nor nonRepudiation")
        if isinstance(value, x509.ExtendedKeyUsage) and _OTHER_PURPOSES.issuperset(value):
            raise Refused("path.usage", "extendedKeyUsage", ", ".join(one.dotted_string for one in value))


_SIGNER = ExtensionPolicy.permit_all()
_CA = ExtensionPolicy.webpki_defaults_ca()
