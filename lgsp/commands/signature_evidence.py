"""CRLs and OCSP answers named on the command line, as what is known of revocation for one check."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from lgsp.commands.common import Failed

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from signing.report import SignatureReport
    from signing.rules import Refused
    from signing.snapshot import CrlFacts, OcspFacts, RevocationSnapshot

Files = Sequence[tuple[str, bytes]]  # name and octets


def evidence_of(crls: Files, answers: Files, reports: "Iterable[SignatureReport]", at: datetime) -> "RevocationSnapshot":
    """What the files say of the certificates on the paths of these reports. Raises Failed for a file that says nothing of any."""
    from signing.snapshot import RevocationSnapshot

    paths = [path for one in reports for path in (one.path, None if one.stamp is None else one.stamp.path)]
    issued = [pair for path in paths if path is not None for pair in pairwise(path.chain)]
    if not issued:  # nothing is trusted, so nobody asks whether it was revoked
        return RevocationSnapshot(at)
    return RevocationSnapshot(
        at,
        tuple(_crl(name, octets, [issuer for _, issuer in issued], at) for name, octets in crls),
        tuple(_answer(name, octets, issued, at) for name, octets in answers),
    )


def _crl(name: str, octets: bytes, issuers: "Sequence[Certificate]", at: datetime) -> "CrlFacts":
    from signing import crl
    from signing.rules import Refused

    said: list[Refused] = []
    for issuer in issuers:
        try:
            return crl.read(octets, issuer, at)
        except Refused as refused:
            said.append(refused)
    raise _useless(name, said)


def _answer(name: str, octets: bytes, issued: "Sequence[tuple[Certificate, Certificate]]", at: datetime) -> "OcspFacts":
    from signing import ocsp
    from signing.rules import Refused

    said: list[Refused] = []
    for certificate, issuer in issued:
        try:
            return ocsp.read(octets, certificate, issuer, at)
        except Refused as refused:
            said.append(refused)
    raise _useless(name, said)


def _useless(name: str, said: "Sequence[Refused]") -> Failed:
    """With the reason that says most: being of another issuer or certificate is what most files are of most paths."""
    found = min(said, key=lambda one: one.rule.code in ("crl.issuer", "ocsp.certificate"))
    return Failed(f"{name}: {found.rule.code} {found.rule.title_vi} · {found.rule.title_en}", found.rule.remedy_en)
