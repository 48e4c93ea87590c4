"""Candidates for a path: certificates that lead to an anchor by signatures that fit. Whether the path holds is for the engines.

The certificates are strangers' and may be made to keep a search busy: many of one name and key, each signing all others. So the
search is bounded in all it does, and engines get single files of certificates whose signatures fit, up to an anchor: who has no
certificate of a trusted authority never reaches them.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from signing.algorithms import check_key, is_strong
from signing.names import Comparable, comparable
from signing.rules import Refused

MAX_OTHERS = 16
MAX_WAYS = 4
_MAX_CERTIFICATES = 8  # of one way, with both ends
_MAX_VERIFICATIONS = 24
_MAX_STEPS = 200

Chain = tuple[x509.Certificate, ...]
ByName = Mapping[Comparable, Sequence[x509.Certificate]]


def by_name(certificates: Sequence[x509.Certificate]) -> ByName:
    """By subject, as names are compared."""
    found: dict[Comparable, list[x509.Certificate]] = {}
    for one in certificates:
        found.setdefault(comparable(one.subject), []).append(one)
    return found


class Search:
    """One search from `leaf`. `enclosed`: of strangers; `known`: authorities on the way, from the operator, so they come first.
    `weak`: what was in the way of a signature that might have fitted: SHA-1, or too short a key."""

    def __init__(self, leaf: x509.Certificate, enclosed: Sequence[x509.Certificate], anchors: ByName, known: ByName) -> None:
        self.weak = ""
        self._leaf = leaf
        self._between = (known, by_name(enclosed))
        self._anchors = anchors
        self._fits: dict[tuple[int, int], bool] = {}
        self._issuers: dict[int, Comparable] = {}
        self._steps = 0

    def ways(self) -> Iterator[Chain]:
        """From the leaf to an anchor, shorter ones first. At most MAX_WAYS."""
        return islice(self._ways(), MAX_WAYS)

    def _ways(self) -> Iterator[Chain]:
        waiting: list[Chain] = [(self._leaf,)]
        for _ in range(_MAX_CERTIFICATES - 1):
            following: list[Chain] = []
            for way in waiting:
                name = self._issuer(way[-1])
                yield from ((*way, one) for one in self._anchors.get(name, ()) if self._is_signed(way[-1], one))
                nearer = [one for some in self._between for one in some.get(name, ()) if one not in way]
                following += [(*way, one) for one in nearer if self._is_signed(way[-1], one)]
            waiting = following

    def _issuer(self, certificate: x509.Certificate) -> Comparable:
        """To compare, once for each certificate: a name may be long."""
        if id(certificate) not in self._issuers:
            self._issuers[id(certificate)] = comparable(certificate.issuer)
        return self._issuers[id(certificate)]

    def _is_signed(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """False also when enough was done. All certificates live as long as the search: their identities are names enough."""
        self._steps += 1
        pair = id(certificate), id(issuer)
        if pair not in self._fits and len(self._fits) < _MAX_VERIFICATIONS:
            self._fits[pair] = self._verify(certificate, issuer)
        return self._steps <= _MAX_STEPS and self._fits.get(pair, False)

    def _verify(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        try:
            if not is_strong(certificate.signature_hash_algorithm):
                self.weak = certificate.signature_algorithm_oid.dotted_string
                return False
            key = issuer.public_key()
            check_key(key)
            _verify(certificate, key)
        except Refused as refused:
            self.weak = refused.detail
            return False
        except UnsupportedAlgorithm:
            self.weak = certificate.signature_algorithm_oid.dotted_string
            return False
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True


def _verify(certificate: x509.Certificate, key: CertificatePublicKeyTypes) -> None:
    """Raises InvalidSignature."""
    signed, how = certificate.tbs_certificate_bytes, certificate.signature_algorithm_parameters
    if isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.PKCS1v15 | padding.PSS):
        digest = certificate.signature_hash_algorithm
        assert digest is not None
        key.verify(certificate.signature, signed, how, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
        key.verify(certificate.signature, signed, how)
    else:
        raise InvalidSignature
