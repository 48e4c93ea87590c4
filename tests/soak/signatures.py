"""`python -m tests.soak.signatures [--mutants N] [--seed S]`: changed documents by the hundred thousand, none of which may be
accepted with other content than was signed. Exit status 1 when one is; it is then printed as a Python literal."""

import argparse
import sys
from dataclasses import dataclass, field

from lxml import etree

from signing.local_key import LocalKey
from signing.profiles import E_DOC_SOAP, EDXML, ENVELOPE, ENVELOPE_XADES, SOAP, SOAP_UNTIMED, Profile
from signing.report import Integrity, Verdict
from signing.trust import TrustBase
from signing.verify import check
from signing.xml_sign import sign_enveloped
from tests.mutants import mutants
from tests.signatures import AT, EDOC_RECIPE, EDXML_RECIPE, WITH_XADES, Recipe, agency, authority, by_xmlsec, case_file, packet
from tests.soap import Message, by_xmlsec_soap, edoc_message

_TRUST = TrustBase(documents=authority().anchors())


@dataclass(frozen=True)
class Base:
    """A signed document, and what may be said of it."""

    name: str
    octets: bytes
    profile: Profile
    content: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", self._content(self.octets))
        assert self.content

    def wrongly_accepted(self, mutant: bytes) -> str | None:
        """What is wrong; None when it is refused, or says what was signed."""
        checked = check(mutant, self.profile, _TRUST, AT)
        if checked.report.integrity is not Integrity.INTACT:
            return None if checked.content is None else "content of what is not intact"
        if self._content(mutant) != self.content:
            return "other content"
        signer = checked.report.signer
        if checked.report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN and (signer is None or signer.der != agency().der):
            return "another signer"
        return None

    def _content(self, octets: bytes) -> bytes:
        """What is handed on, in a canonical form that keeps comments, instructions and all namespaces."""
        content = check(octets, self.profile, _TRUST, AT).content
        return (
            b"" if content is None else etree.tostring(content.getroottree(), method="c14n", exclusive=True, with_comments=True)
        )


_KEY = LocalKey.of_pem(agency().key_pem).with_certificates((agency().der,))
BASES = (
    Base("XMLDSig", by_xmlsec(case_file(), agency()), ENVELOPE),
    Base("XMLDSig, by Id", by_xmlsec(case_file(), agency(), Recipe(uri="#doc-1")), ENVELOPE),
    Base("XAdES-B", by_xmlsec(case_file(), agency(), WITH_XADES), ENVELOPE_XADES),
    Base("XAdES-B, by the hub", sign_enveloped(case_file(), _KEY, AT, ENVELOPE_XADES), ENVELOPE_XADES),
    Base("edXML", by_xmlsec(packet(), agency(), EDXML_RECIPE), EDXML),
    Base("e-doc", by_xmlsec(edoc_message(), agency(), EDOC_RECIPE), E_DOC_SOAP),
    Base("WS-Security", by_xmlsec_soap(agency()), SOAP),
    Base("WS-Security, prefixes listed", by_xmlsec_soap(agency(), Message(prefixes="S xsd")), SOAP_UNTIMED),
)


def judge(base: Base, seed: int, count: int) -> list[tuple[str, bytes]]:
    """The mutants that were wrongly accepted, and what is wrong with each."""
    return [(wrong, one) for one in mutants(base.octets, seed, count) if (wrong := base.wrongly_accepted(one)) is not None]


def main() -> int:
    """Equal shares of all kinds of document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    share, found = -(-chosen.mutants // len(BASES)), 0
    for base in BASES:
        wrong = judge(base, chosen.seed, share)
        found += len(wrong)
        print(f"{base.name}: {share} mutants, {len(wrong)} wrongly accepted", flush=True)
        for what, octets in wrong:
            print(f"{what}: {octets!r}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
