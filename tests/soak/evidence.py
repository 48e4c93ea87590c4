"""`python -m tests.soak.evidence [--mutants N] [--seed S]`: changed CRLs, OCSP answers, time-stamps and snapshots by the hundred
thousand. None may say anything else than what was signed, and each is refused by a rule. Exit status 1 otherwise; the mutant is
then printed as a Python literal."""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
from cryptography import x509
from cryptography.x509 import ocsp

from signing import crl
from signing import ocsp as answers
from signing.report import Refusal
from signing.rules import Refused
from signing.snapshot import RevocationSnapshot, decode, encode
from signing.timestamps import token_of, verify_stamp
from signing.trust import TrustBase
from tests import evidence
from tests.file_mutants import of_message
from tests.mutants import OF_OCTETS
from tests.signatures import AT, agency, authority
from tests.stamps import response, stamp, stamp_anchors

_OCTETS = b"SignatureValue"
_TRUST = TrustBase(time_stamps=stamp_anchors())
_LISTED = dict.fromkeys((1, 5, 2**100), x509.ReasonFlags.superseded)
_MAGIC = encode(RevocationSnapshot(AT)).partition(b"\n")[0] + b"\n"
_SEAL = len(_MAGIC) + hashlib.sha256().digest_size


@dataclass(frozen=True)
class Base:
    """Octets of strangers and what they say when read; `read` raises one of `refusals`, or returns what refuses."""

    name: str
    octets: bytes
    read: Callable[[bytes], object]
    refusals: type[ValueError] = Refused

    def wrong(self, mutant: bytes) -> str | None:
        """None when it is refused by a rule, or says the same."""
        try:
            found = self.read(mutant)
        except self.refusals:
            return None
        except Exception as error:  # noqa: BLE001 - what is looked for
            return f"{type(error).__name__}: {error}"
        if isinstance(found, Refusal):
            return None if found.rule.code != "check.failed" else f"failed inside: {found.detail}"
        return None if found == self.read(self.octets) else "another statement"


def _crl(octets: bytes) -> object:
    return msgspec.structs.replace(crl.read(octets, authority().certificate, AT), octets=b"")


def _answer(octets: bytes) -> object:
    return msgspec.structs.replace(answers.read(octets, agency().certificate, authority().certificate, AT), octets=b"")


def _stamp(octets: bytes) -> object:
    found = verify_stamp(octets, _OCTETS, _TRUST, AT)
    return found if isinstance(found, Refusal) else (found.at, found.policy, found.serial_number, found.path.chain)


def _response(octets: bytes) -> object:
    return _stamp(token_of(octets))


def _snapshot(octets: bytes) -> object:
    """What is behind the digest, which fits again, as if the writer had gone wrong: what it says then is its own affair."""
    decode(_MAGIC + hashlib.sha256(octets).digest() + octets)
    return None


def bases() -> tuple[Base, ...]:
    listed = evidence.crl(authority(), _LISTED, since=AT - timedelta(days=2))
    revoked = evidence.answer(agency(), authority(), status=ocsp.OCSPCertStatus.REVOKED, reason=x509.ReasonFlags.superseded)
    token = stamp(_OCTETS, nonce=7, accuracy={"seconds": 1})
    facts: tuple[Any, Any] = (
        crl.read(listed, authority().certificate, AT),
        answers.read(revoked, agency().certificate, authority().certificate, AT),
    )
    return (
        Base("CRL", listed, _crl),
        Base("OCSP", revoked, _answer),
        Base("time-stamp", token, _stamp),
        Base("response with a time-stamp", response(token), _response),
        Base("snapshot", encode(RevocationSnapshot(AT, facts[:1], facts[1:]))[_SEAL:], _snapshot, ValueError),
    )


def _octets(octets: bytes, seed: int, count: int) -> Iterator[bytes]:
    chance = Random(seed)
    for _ in range(count):
        mutant = octets
        for _ in range(chance.choice((1, 1, 2, 4))):
            mutant = chance.choice(OF_OCTETS)(mutant, chance) if mutant else b"0"
        yield mutant


def judge(base: Base, seed: int, count: int) -> list[tuple[str, bytes]]:
    """The mutants that were taken wrongly, and what is wrong with each."""
    mutants = of_message(base.octets, seed, count) if base.refusals is Refused else _octets(base.octets, seed, count)
    return [(wrong, one) for one in mutants if (wrong := base.wrong(one)) is not None]


def main() -> int:
    """Equal shares of all kinds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    found = 0
    for base in (every := bases()):
        share = -(-chosen.mutants // len(every))
        wrong = judge(base, chosen.seed, share)
        found += len(wrong)
        print(f"{base.name}: {share} mutants, {len(wrong)} taken wrongly", flush=True)
        for what, octets in wrong[:20]:
            print(f"{what}: {octets!r}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
