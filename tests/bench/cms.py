"""What verifying a detached CMS signature (CAdES-B) costs, beside its floor (SHA-256, one RSA verification) and pyHanko."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from functools import partial

from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko_certvalidator import ValidationContext

from signing.cms import check_cms
from signing.cms_profiles import CADES
from signing.report import Verdict
from signing.trust import TrustBase
from tests.cms_signers import sign
from tests.signatures import AT, agency, authority

NAME, FLOOR, GOAL = "8 KB CMS RSA-2048", "SHA-256, RSA", 2.5


def candidates(size: int = 8_000) -> Mapping[str, Callable[[], object]]:
    """The path is remembered, as it is in service; pyHanko gets a context that lives as long as the run."""
    content = b"x" * size
    octets = sign(content)
    ours = partial(check_cms, octets, content, CADES, TrustBase(documents=authority().anchors()), AT)
    assert ours().report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    roots = [asn1_x509.Certificate.load(authority().der)]
    context = ValidationContext(trust_roots=roots, moment=AT, allow_fetching=False)
    return {"floor": _floor(content), "ours": ours, "pyHanko": partial(_pyhanko, octets, content, context)}


def _pyhanko(octets: bytes, content: bytes, context: ValidationContext) -> None:
    data = asn1_cms.ContentInfo.load(octets)["content"]
    status = asyncio.run(async_validate_detached_cms(content, data, context))
    assert status.intact and status.valid


def _floor(content: bytes) -> Callable[[], object]:
    signer, signed = agency().key, content[:200]  # about as long as the attributes that are signed
    assert isinstance(signer, rsa.RSAPrivateKey)
    value, key = signer.sign(signed, PKCS1v15(), SHA256()), signer.public_key()

    def act() -> object:
        hashlib.sha256(content).digest()
        return key.verify(value, signed, PKCS1v15(), SHA256())

    return act
