"""`python -m tests.soak.jws [--mutants N] [--seed S]`: changed statements (JWS) by the hundred thousand, none of which may be
accepted with another payload than was signed, or for another key. Exit status 1 when one is; it is then printed as a literal."""

import argparse
import base64
import json
import sys

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from signing.jws_partner import CheckedJws, RegisteredKey, check_jws
from signing.report import Integrity
from signing.trust import TrustBase
from tests.jws_mutants import mutants
from tests.signatures import AT, agency, authority, holder

TYP = "soak+jws"
_TRUST = TrustBase(documents=authority().anchors())


class _Registry(jws.JWSRegistry):
    max_header_length = 32_768


def _tokens() -> tuple[dict[str, tuple[bytes, str]], list[RegisteredKey]]:
    """Token -> what was signed and by whom, with a key of each kind registered and one certificate."""
    secrets = {
        "RS256": RSAKey.import_key(agency().key_pem),
        "ES256": ECKey.import_key(holder("P-256").key_pem),
        "Ed25519": OKPKey.generate_key("Ed25519"),
    }
    made, registered = {}, []
    for algorithm, key in secrets.items():
        payload = json.dumps({"aud": "HUB", "said by": algorithm}).encode()
        header = {"alg": algorithm, "kid": algorithm, "typ": TYP}
        made[jws.serialize_compact(header, payload, key, algorithms=[algorithm])] = payload, algorithm
        registered.append(RegisteredKey.of(key.as_pem(private=False), algorithm, algorithm))
    header = {"alg": "RS256", "typ": TYP, "x5c": [base64.b64encode(agency().der).decode()]}
    token = jws.serialize_compact(header, b'{"aud":"HUB"}', secrets["RS256"], registry=_Registry(algorithms=["RS256"]))
    return made | {token: (b'{"aud":"HUB"}', "")}, registered


TOKENS, KEYS = _tokens()


def checked(token: str) -> CheckedJws:
    return check_jws(token, typ=TYP, keys=KEYS, trust=_TRUST, at=AT)


def judge(seed: int, count: int) -> list[tuple[str, str]]:
    """The mutants that were wrongly accepted, and what is wrong with each. Equal shares of all tokens."""
    found = []
    for number, token in enumerate(TOKENS):
        for mutant in mutants(token, tuple(TOKENS), seed + number, -(-count // len(TOKENS))):
            report, payload = checked(mutant)
            if report.integrity is not Integrity.INTACT:
                if payload is not None:
                    found.append(("content of what is not intact", mutant))
            elif (payload, report.registered_key) not in TOKENS.values():
                found.append(("other content, or another key", mutant))
            elif report.registered_key == "" and (report.signer is None or report.signer.der != agency().der):
                found.append(("another signer", mutant))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    wrong = judge(chosen.seed, chosen.mutants)
    print(f"JWS: {chosen.mutants} mutants, {len(wrong)} wrongly accepted")
    for what, token in wrong:
        print(f"{what}: {token!r}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
