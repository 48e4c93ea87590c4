"""`python -m tests.soak.files [--mutants N] [--seed S]`: changed CMS messages and PDFs by the hundred thousand, none of which may
be accepted with other content than was signed. Exit status 1 when one is; it is then printed as a Python literal."""

import argparse
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from signing import pdf, pdf_review
from signing.cms import check_cms
from signing.cms_profiles import CADES, CMS, CmsProfile
from signing.pades import judge as judge_pdf
from signing.pdf import PdfCaps
from signing.report import Integrity, SignatureReport, Verdict
from signing.trust import TrustBase
from tests.cms_signers import CONTENT, CmsRecipe
from tests.cms_signers import sign as sign_cms
from tests.file_mutants import of_message, of_pdf
from tests.pdf_signers import document, stamped
from tests.pdf_signers import sign as sign_pdf
from tests.signatures import AT, agency, authority, holder, stranger

_TRUST = TrustBase(documents=authority().anchors())
_GOOD = Verdict.VERIFIED_REVOCATION_UNKNOWN
_CAPS = PdfCaps()


class Base(Protocol):
    """A signed file, its mutants, and what may be said of them. `share`: of all mutants, for what takes longer."""

    name: str
    share: float

    def mutants(self, seed: int, count: int) -> Iterator[bytes]: ...

    def wrongly_accepted(self, mutant: bytes) -> str | None:
        """What is wrong; None when it is refused, or says what was signed."""
        ...


@dataclass(frozen=True)
class Message:
    """A CMS message."""

    name: str
    octets: bytes
    attached: bool
    signers: frozenset[bytes]
    profile: CmsProfile = CADES
    share: float = 1.0

    def mutants(self, seed: int, count: int) -> Iterator[bytes]:
        return of_message(self.octets, seed, count)

    def wrongly_accepted(self, mutant: bytes) -> str | None:
        checked = check_cms(mutant, None if self.attached else CONTENT, self.profile, _TRUST, AT)
        if checked.report.integrity is not Integrity.INTACT:
            return None if checked.content is None else "content of what is not intact"
        if checked.content != CONTENT:
            return "other content"
        signer = checked.report.signer
        if checked.report.verdict is _GOOD and (signer is None or signer.der not in self.signers):
            return "another signer"
        return None


@dataclass(frozen=True)
class File:
    """A PDF."""

    name: str
    octets: bytes
    share: float = 0.03

    def mutants(self, seed: int, count: int) -> Iterator[bytes]:
        return of_pdf(self.octets, seed, count)

    def wrongly_accepted(self, mutant: bytes) -> str | None:
        """Whatever is intact covers octets that were signed, up to the values themselves."""
        signed = _covered(self.octets)
        for report in look(mutant):
            if report.integrity is not Integrity.INTACT:
                continue
            numbers = [int(one) for one in report.covered[0].uri.split()]
            if _without_gap(mutant, numbers) not in signed:
                return "other content"
            if report.covered[0].what == "file" and numbers[2] + numbers[3] != len(mutant):
                return "not the whole file"
        return None


def look(octets: bytes) -> tuple[SignatureReport, ...]:
    """What is broken so that it cannot be read is not verified; the worker says the same."""
    try:
        places = pdf.find(octets, _CAPS)
        findings = pdf_review.review(octets)
    except Exception:  # noqa: BLE001 - as the worker does
        return ()
    return judge_pdf(octets, places, findings, _TRUST, AT)


def _without_gap(octets: bytes, numbers: list[int]) -> bytes:
    _, start, end, rest = numbers
    return octets[:start] + octets[end : end + rest]


@cache
def _covered(octets: bytes) -> frozenset[bytes]:
    return frozenset(_without_gap(octets, list(one.byte_range)) for one in pdf.find(octets, _CAPS))


@cache
def bases() -> tuple[Base, ...]:
    ours, theirs = frozenset({agency().der}), frozenset({holder("P-256").der})
    with_another = CmsRecipe(attached=True, others=(stranger(),))
    plain = CmsRecipe(method="ecdsa", bound="none", attached=True)
    protected = CmsRecipe(method="rsassa_pss", by_key_id=True, protect=True)
    one = sign_pdf(document())
    return (
        Message("CAdES-B, detached", sign_cms(), False, ours),
        Message("CAdES-B, attached", sign_cms(recipe=with_another), True, ours),
        Message("CMS, P-256", sign_cms(signer=holder("P-256"), recipe=plain), True, theirs, CMS),
        Message("CMS, PSS, by key identifier", sign_cms(recipe=protected), False, ours),
        File("PDF, one signature", one),
        File("PDF, two signatures", sign_pdf(one, "Second", box=(10, 10, 100, 100))),
        File("PDF, with a time-stamp", stamped(one)),
        File("PDF, streams of references", sign_pdf(document(compressed=True))),
    )


def judge(base: Base, seed: int, count: int) -> list[tuple[str, bytes]]:
    """The mutants that were wrongly accepted, and what is wrong with each."""
    return [(wrong, one) for one in base.mutants(seed, count) if (wrong := base.wrongly_accepted(one)) is not None]


def main() -> int:
    """Shares of all kinds of file, as large as their cost allows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # of what `cryptography` makes of certificates that are broken
    shares, found = sum(one.share for one in bases()), 0
    for base in bases():
        count = round(chosen.mutants * base.share / shares) + 1
        wrong = judge(base, chosen.seed, count)
        found += len(wrong)
        print(f"{base.name}: {count} mutants, {len(wrong)} wrongly accepted", flush=True)
        for what, octets in wrong:
            print(f"{what}: {octets!r}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
