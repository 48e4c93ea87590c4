"""NIST's PKITS as S/MIME: messages by another program, each signed under one of the suite's certificates."""

import base64
import re
from collections import Counter
from pathlib import Path

import cryptography_vectors
import pytest

from signing.cms import check_cms
from signing.cms_profiles import CADES, CMS
from signing.report import Integrity
from signing.trust import NO_TRUST
from tests.signatures import AT

MESSAGES = sorted((Path(cryptography_vectors.__file__).parent / "x509/PKITS_data/smime").glob("*.eml"))
_BOUNDARY = re.compile(rb'boundary="?([^"\r\n;]+)')
# What is refused before there is a path to be judged: the rule, and the messages.
REFUSED = {
    "SignedInvalidCASignatureTest2": "key.certificate",  # the signature on a certificate was altered, at its very beginning
    "SignedInvalidDSASignatureTest6": "key.certificate",  # the same
    "SignedValidDSAParameterInheritanceTest5": "key.certificate",  # a DSA key without parameters
    "SignedValidDSASignaturesTest4": "signature.digest_method",  # SHA-1
}


def read(path: Path) -> tuple[bytes, bytes]:
    """The signature, and what it is over, as S/MIME writes lines (RFC 8551, 3.1.1)."""
    octets = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
    boundary = _BOUNDARY.search(octets)
    assert boundary is not None
    _, content, signature, *_ = octets.split(b"--" + boundary[1])
    return base64.b64decode(signature.split(b"\r\n\r\n", 1)[1]), content[2:-2]


@pytest.mark.filterwarnings("ignore")
def test_messages_of_another_program_are_intact() -> None:
    """All but those whose certificates or algorithms are refused, and none of them when a letter is changed."""
    found: Counter[bool] = Counter()
    for path in MESSAGES:
        octets, content = read(path)
        report = check_cms(octets, content, CMS, NO_TRUST, AT).report
        found[report.integrity is Integrity.INTACT] += 1
        refusal = "" if report.refusal is None else report.refusal.rule.code
        assert refusal == REFUSED.get(path.stem, ""), path.stem
        assert check_cms(octets, content + b" ", CMS, NO_TRUST, AT).report.integrity is not Integrity.INTACT
        bound = check_cms(octets, content, CADES, NO_TRUST, AT).report.refusal
        assert bound is not None and bound.rule.code in {"cms.not_bound", *REFUSED.values()}
    assert found == {True: len(MESSAGES) - len(REFUSED), False: len(REFUSED)}
