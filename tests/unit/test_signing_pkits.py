"""NIST's PKITS: paths (4.1 to 4.3, 4.6, 4.8 to 4.13, 4.16) and CRLs (4.4, 4.5, 4.7, 4.14, 4.15), any policy as initial input.

A case counts as accepted when the path is trusted and revocation is known to be good. What must not be accepted never is. What
may be accepted and is not stands in a table, with the reason.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing import crl
from signing.names import Comparable, comparable
from signing.paths import Anchors
from signing.report import Revocation, Signer, Trust
from signing.revocation import Grace, look_up
from signing.rules import Refused
from signing.snapshot import CrlFacts, RevocationSnapshot

pytestmark = pytest.mark.filterwarnings("ignore")  # of negative serial numbers, which some cases are about

_DATA = Path(cryptography_vectors.__file__).parent / "x509/PKITS_data"
_AT = datetime(2020, 1, 1, tzinfo=UTC)
_ANY_AGE = Grace(end_max_age_s=20 * 366 * 24 * 3600, ca_max_age_s=20 * 366 * 24 * 3600)
_ANCHOR = "TrustAnchorRootCertificate"

# Cases of 4.8 and 4.12 whose names do not say what is expected.
_UNNAMED_VALID = frozenset(
    {
        "AllCertificatesNoPoliciesTest2EE",
        "AllCertificatesSamePoliciesTest10EE",
        "AllCertificatesSamePoliciesTest13EE",
        "AllCertificatesanyPolicyTest11EE",
        "AnyPolicyTest14EE",
        "CPSPointerQualifierTest20EE",
        "DifferentPoliciesTest3EE",
        "OverlappingPoliciesTest6EE",
        *(f"UserNoticeQualifierTest{number}EE" for number in range(15, 20)),
        "inhibitAnyPolicyTest3EE",
    }
)
_UNNAMED_INVALID = frozenset(f"DifferentPoliciesTest{number}EE" for number in (4, 5, 7, 8, 9, 12))

_DSA = "DSA signs nothing in our profiles"
_OTHER_KEY = "the CRL is signed with a key that stands in no certificate of the path"
_INDIRECT = "indirect CRLs are not relied on"
_RELATIVE = "distribution points by relative name are not compared"
_HALVES = "two halves of a list, by reason, are not put together into a whole one"
_REFUSED: Mapping[str, str] = {
    "ValidDSASignaturesTest4EE": _DSA,
    "ValidDSAParameterInheritanceTest5EE": _DSA,
    "ValidBasicSelfIssuedNewWithOldTest4EE": _OTHER_KEY,
    "ValidBasicSelfIssuedCRLSigningKeyTest6EE": _OTHER_KEY,
    "ValidSeparateCertificateandCRLKeysTest19EE": _OTHER_KEY,
    "ValidIDPwithindirectCRLTest22EE": _INDIRECT,
    "ValidIDPwithindirectCRLTest24EE": _INDIRECT,
    "ValidIDPwithindirectCRLTest25EE": _INDIRECT,
    "ValidcRLIssuerTest28EE": _INDIRECT,
    "ValidcRLIssuerTest29EE": _INDIRECT,
    "ValidcRLIssuerTest30EE": _INDIRECT,
    "ValidcRLIssuerTest33EE": _INDIRECT,
    "ValiddistributionPointTest4EE": _RELATIVE,
    "ValiddistributionPointTest5EE": _RELATIVE,
    "ValiddistributionPointTest7EE": _RELATIVE,
    "ValidonlySomeReasonsTest18EE": _HALVES,
    "ValidonlySomeReasonsTest19EE": _HALVES,
    "ValiddeltaCRLTest5EE": "a delta list can revoke but not release from a hold",
}
_CASES = sorted(one.stem for one in (_DATA / "certs").iterdir() if one.stem.endswith("EE"))


@cache
def certificates() -> Mapping[str, x509.Certificate | None]:
    """None: cannot be read, so it cannot be the signer's either."""
    return {one.stem: _read(one.read_bytes()) for one in (_DATA / "certs").iterdir()}


def _read(octets: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(octets)
    except ValueError:
        return None


@cache
def authorities() -> Mapping[Comparable, list[x509.Certificate]]:
    found: dict[Comparable, list[x509.Certificate]] = {}
    for name, one in certificates().items():
        if one is not None and not name.endswith("EE") and name != _ANCHOR:
            found.setdefault(comparable(one.subject), []).append(one)
    return found


@cache
def lists() -> Mapping[Comparable, list[bytes]]:
    found: dict[Comparable, list[bytes]] = {}
    for octets in [one.read_bytes() for one in sorted((_DATA / "crls").iterdir())]:
        found.setdefault(comparable(x509.load_der_x509_crl(octets).issuer), []).append(octets)
    return found


def enclosed(leaf: x509.Certificate) -> list[x509.Certificate]:
    """Everything that might lead on, by name."""
    found: list[x509.Certificate] = []
    waiting = [leaf]
    while waiting:
        for one in authorities().get(comparable(waiting.pop().issuer), []):
            if one not in found:
                found.append(one)
                waiting.append(one)
    return found


def facts(issuers: list[x509.Certificate]) -> tuple[CrlFacts, ...]:
    """Every CRL that one of these can have signed."""
    found = []
    for issuer in issuers:
        for octets in lists().get(comparable(issuer.subject), []):
            try:
                found.append(crl.read(octets, issuer, _AT))
            except Refused:
                continue
    return tuple(found)


def signer(one: x509.Certificate) -> Signer:
    key = one.public_key()
    return Signer(one.public_bytes(Encoding.DER), one, key)


def accepts(name: str) -> bool:
    leaf, anchor = certificates()[name], certificates()[_ANCHOR]
    assert anchor is not None
    if leaf is None:
        return False
    others = enclosed(leaf)
    path = Anchors((anchor,)).path(signer(leaf), [signer(one) for one in others], _AT)
    if path.trust is not Trust.TRUSTED:
        return False
    snapshot = RevocationSnapshot(_AT, facts([*others, anchor]))
    return look_up(path.chain, snapshot, _AT, _ANY_AGE).check.state is Revocation.GOOD


@pytest.mark.parametrize("name", _CASES)
def test_the_verdict_is_that_of_nist(name: str) -> None:
    """Or a refusal that is explained."""
    valid = name.startswith("Valid") or name in _UNNAMED_VALID
    assert valid or name.startswith("Invalid") or name in _UNNAMED_INVALID
    assert accepts(name) is (valid and name not in _REFUSED)


def test_every_explanation_is_of_a_case() -> None:
    assert set(_REFUSED) <= set(_CASES)
    assert len(_CASES) > 220
