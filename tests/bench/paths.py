"""What it costs to say where a certificate stands: remembered, as in service, and for the first time. Beside the signatures of
the path, which nobody can do without verifying once."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from signing import crl, ocsp, paths_full
from signing.paths import Anchors
from signing.report import Signer, TimeStamp, Trust
from signing.revocation import DEFAULT_GRACE, look_up
from signing.snapshot import RevocationSnapshot
from signing.timestamps import verify_stamp
from signing.trust import TrustBase
from tests import evidence
from tests.signatures import AT, Holder, authority, intermediate, issue, rsa_key
from tests.stamps import stamp, stamp_anchors

NAME = "path of 3, RSA-2048"
FLOOR = "two RSA verifications"
GOAL_US = 2.0  # remembered
_LISTED = 10_000


def candidates() -> dict[str, Callable[[], object]]:
    leaf = issue("Sở Nông nghiệp và Môi trường", rsa_key(), intermediate())
    chain = (leaf.certificate, intermediate().certificate, authority().certificate)
    signer, others = _signer(leaf), (_signer(intermediate()),)
    listed = evidence.crl(intermediate(), dict.fromkeys(range(1, _LISTED)))
    facts = (crl.read(listed, chain[1], AT), crl.read(evidence.crl(authority()), chain[2], AT))
    trust = TrustBase(authority().anchors(), stamp_anchors(), snapshot=RevocationSnapshot(AT, facts))
    answer, token = evidence.answer(leaf, intermediate()), stamp(b"SignatureValue")
    assert trust.standing(signer, others, AT).path.trust is Trust.TRUSTED
    assert isinstance(verify_stamp(token, b"SignatureValue", trust, AT), TimeStamp)
    return {
        "floor": partial(_floor, leaf.certificate, *chain[1:]),
        "remembered": partial(trust.standing, signer, others, AT),
        "path, new": lambda: Anchors(chain[2:]).path(signer, others, AT),
        "second engine": partial(paths_full.check, chain, AT),
        "revocation, new": partial(look_up, chain, trust.snapshot, AT, DEFAULT_GRACE),
        "OCSP answer": partial(ocsp.read, answer, chain[0], chain[1], AT),
        "time-stamp": partial(verify_stamp, token, b"SignatureValue", trust, AT),
    }


def _floor(*chain: x509.Certificate) -> None:
    for one, issuer in pairwise(chain):
        key = issuer.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(one.signature, one.tbs_certificate_bytes, PKCS1v15(), SHA256())


def _signer(one: Holder) -> Signer:
    return Signer(one.der, one.certificate, one.certificate.public_key())
