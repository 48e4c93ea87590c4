"""Whether a certificate leads to a trust anchor (RFC 5280, section 6), for one purpose. No revocation.

Candidates are found by a bounded search (`ways.py`) and judged by the engine of `cryptography`. What that engine refuses, or may
overlook, goes to a second one that knows all of the standard (`paths_full.py`): nothing passes unjudged. SHA-1 below the anchor
and weak keys are always refused; the anchor itself is trusted as such, so how it signed itself does not matter.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from signing import paths_full, ways
from signing.algorithms import check_key
from signing.certificates import MAX_CERTIFICATE_BYTES
from signing.memory import Key, remember
from signing.purposes import Purpose, check_authorities, check_end
from signing.report import Path, Refusal, Signer, Trust
from signing.rules import RULES, Refused

_REMEMBERED = 4096
_REFUSALS_REMEMBERED = 1024
_REFUSED_FOR = timedelta(minutes=1)
_SIGNER = ExtensionPolicy.permit_all()
_CA = ExtensionPolicy.webpki_defaults_ca()
_CONSTRAINTS = frozenset(
    {
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.INHIBIT_ANY_POLICY,
    }
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A path that was found, and while all of its certificates are in force."""

    chain: ways.Chain
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class _Refused:
    """What was refused at `at`, and why: code, place, detail. Remembered briefly, so that asking again costs nothing."""

    why: tuple[str, str, str]
    at: datetime


@dataclass(frozen=True)
class Anchors:
    """Certificates trusted for one purpose. One of them may itself be the signer's: registered, it needs no path.

    Paths found are remembered by the exact octets of the certificates and used while all of them are in force; refusals for a
    minute, apart, so that they crowd out no paths. Another set of anchors is another value, so nothing has to be flushed.

    `intermediates`: authorities below the anchors that are known here, as hints beside those that come along with a signature:
    many signers enclose their own certificate alone. Not trusted themselves.
    """

    certificates: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()
    _known: dict[Key, _Known] = field(default_factory=dict, init=False, repr=False, compare=False)
    _refused: dict[Key, _Refused] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def version(self) -> str:
        """The same for the same certificates in any order, in hexadecimal."""
        return hashlib.sha256(b"".join(sorted(one.fingerprint(SHA256()) for one in self.certificates))).hexdigest()

    @classmethod
    def of_pem(cls, *files: bytes) -> "Anchors":
        """Each file with one certificate or more. Raises ValueError."""
        return cls(tuple(one for octets in files for one in x509.load_pem_x509_certificates(octets)))

    def path(self, signer: Signer, others: Iterable[Signer], at: datetime, purpose: Purpose = Purpose.DOCUMENTS) -> Path:
        """`others`: certificates that came along, as a hint for the way. `at`: with a zone."""
        enclosed = tuple(others)
        key: Key = (purpose, signer.der, *[one.der for one in enclosed])
        known = self._known.get(key)
        if known is not None and known.begins <= at <= known.ends:
            return Path(Trust.TRUSTED, at, known.chain)
        try:
            chain = self._recalled(key, at, partial(self._find, signer, enclosed, at, purpose))
        except Refused as refused:
            return Path(Trust.NOT_TRUSTED, at, refusal=Refusal(refused.rule, refused.place, refused.detail))
        return Path(Trust.TRUSTED, at, chain)

    def _recalled(self, key: Key, at: datetime, find: Callable[[], ways.Chain]) -> ways.Chain:
        """What is remembered, or else is found and then remembered. Raises Refused."""
        known, refused = self._known.get(key), self._refused.get(key)
        if known is not None and known.begins <= at <= known.ends:
            return known.chain
        if refused is not None and refused.at <= at <= refused.at + _REFUSED_FOR:
            raise Refused(*refused.why)
        try:
            chain = find()
        except Refused as found:
            remember(self._refused, key, _Refused((found.rule.code, found.place, found.detail), at), _REFUSALS_REMEMBERED)
            raise
        begins, ends = max(one.not_valid_before_utc for one in chain), min(one.not_valid_after_utc for one in chain)
        remember(self._known, key, _Known(chain, begins, ends), _REMEMBERED)
        return chain

    @cached_property
    def _by_name(self) -> tuple[ways.ByName, ways.ByName]:
        return ways.by_name(self.certificates), ways.by_name(self.intermediates)

    def _find(self, signer: Signer, enclosed: tuple[Signer, ...], at: datetime, purpose: Purpose) -> ways.Chain:
        """Raises Refused `path.*`, `key.*`, or what `purposes` raises."""
        if max(len(one) for one in (signer.der, *[one.der for one in enclosed])) > MAX_CERTIFICATE_BYTES:
            raise Refused("path.too_large", "", f"more than {MAX_CERTIFICATE_BYTES} octets")
        leaf = signer.certificate
        _check_in_force(leaf, at)
        check_end(leaf, purpose)
        check_key(leaf.public_key())
        if leaf in self.certificates:
            return (leaf,)
        if len(enclosed) > ways.MAX_OTHERS:
            raise Refused("path.too_many", "", f"{len(enclosed)} certificates")
        search, refused = ways.Search(leaf, [one.certificate for one in enclosed], *self._by_name), None
        for chain in search.ways():
            # Remembered under its own name: whoever varies what else comes along gets no new judgement.
            key: Key = (purpose, *[one.public_bytes(Encoding.DER) for one in chain])
            try:
                return self._recalled(key, at, partial(_judged, chain, at, purpose))
            except Refused as found:
                refused = found
        raise refused or _no_way(search)


NO_ANCHORS = Anchors(())


def unchecked(at: datetime) -> Path:
    """When there is nothing to trust."""
    return Path(Trust.NOT_CHECKED, at, refusal=Refusal(RULES["path.no_anchors"], "", ""))


def _judged(chain: ways.Chain, at: datetime, purpose: Purpose) -> ways.Chain:
    """The same, if the path holds. Raises Refused."""
    for one in chain:
        _check_in_force(one, at)
    check_authorities(chain[1:-1], purpose)
    if not _is_plain(chain) or not _holds_plainly(chain, at):
        paths_full.check(chain, at)
    return chain


def _is_plain(chain: ways.Chain) -> bool:
    """Whether the first engine looks at all that constrains the path: it ignores of this what is not marked critical."""
    return all(one.oid not in _CONSTRAINTS for certificate in chain[1:] for one in certificate.extensions)


def _holds_plainly(chain: ways.Chain, at: datetime) -> bool:
    leaf, *between, anchor = chain
    policy = PolicyBuilder().store(Store([anchor])).time(at).extension_policies(ca_policy=_CA, ee_policy=_SIGNER)
    try:
        policy.build_client_verifier().verify(leaf, between)
    except VerificationError:
        return False
    return True


def _check_in_force(certificate: x509.Certificate, at: datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= at <= ends:
        detail = f"in force {begins.isoformat()} to {ends.isoformat()}, checked at {at.isoformat()}"
        raise Refused("path.validity", certificate.subject.rfc4514_string()[:200], detail)


def _no_way(search: ways.Search) -> Refused:
    if search.weak:
        return Refused("path.algorithm", "", search.weak)
    return Refused("path.not_found", "", "no enclosed certificate and no anchor issued it")
