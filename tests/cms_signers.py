"""CMS signatures for tests, well made and wrongly made: put together with asn1crypto, signed by `cryptography`; and what OpenSSL
and pyHanko say of them."""

import asyncio
import hashlib
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.sign.validation import async_validate_cms_signature, async_validate_detached_cms
from pyhanko_certvalidator import ValidationContext

from tests.signatures import AT, Holder, agency, authority

SIGNED_AT = AT - timedelta(minutes=1)
CONTENT = "Quyết định giao đất số 12/QĐ-UBND ngày 18 tháng 11 năm 2026\n".encode() * 20
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - what has to be refused
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
Attributes = list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Values:
    """Of one attribute, other than one."""

    all: list[Any]


@dataclass(frozen=True, slots=True)
class CmsRecipe:
    """How a message is made. The changes are made before it is signed (`attributes`) or after (`message`)."""

    attached: bool = False
    digest: str = "sha256"
    method: str = "rsassa_pkcs1v15"  # or "rsassa_pss", "ecdsa", "combined": hash and RSA in one identifier
    salt: int | None = None
    by_key_id: bool = False
    bound: str = "v2"  # or "v1", "both", "none"
    committed_to: bytes | None = None
    others: Sequence[Holder] = ()
    protect: bool = False
    signing_time: datetime | None = SIGNED_AT
    attributes: Callable[[Attributes], Attributes] = field(default=lambda found: found)
    message: Callable[[cms.SignedData], None] = field(default=lambda data: None)
    without_attributes: bool = False


PLAIN = CmsRecipe()


def sign(content: bytes = CONTENT, signer: Holder | None = None, recipe: CmsRecipe = PLAIN) -> bytes:
    """A ContentInfo in DER."""
    signer = signer or agency()
    certificate = asn1_x509.Certificate.load(signer.der)
    digest = algos.DigestAlgorithm({"algorithm": recipe.digest})
    method = _method(recipe)
    attributes = cms.CMSAttributes() if recipe.without_attributes else _attributes(content, signer, recipe, digest, method)
    info = cms.SignerInfo(
        {
            "version": "v3" if recipe.by_key_id else "v1",
            "sid": _sid(certificate, recipe),
            "digest_algorithm": digest,
            "signature_algorithm": method,
            "signature": _value(content if recipe.without_attributes else attributes.dump(), signer, recipe),
        }
    )
    if not recipe.without_attributes:
        info["signed_attrs"] = attributes
    data = cms.SignedData(
        {
            "version": "v3" if recipe.by_key_id else "v1",
            "digest_algorithms": cms.DigestAlgorithms([digest]),
            "encap_content_info": {"content_type": "data", **({"content": content} if recipe.attached else {})},
            "certificates": [asn1_x509.Certificate.load(one.der) for one in (signer, *recipe.others)],
            "signer_infos": [info],
        }
    )
    recipe.message(data)
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": data}).dump(force=True))


def _sid(certificate: asn1_x509.Certificate, recipe: CmsRecipe) -> cms.SignerIdentifier:
    if recipe.by_key_id:
        return cms.SignerIdentifier("subject_key_identifier", certificate.key_identifier)
    return cms.SignerIdentifier(
        "issuer_and_serial_number",
        cms.IssuerAndSerialNumber({"issuer": certificate.issuer, "serial_number": certificate.serial_number}),
    )


def _method(recipe: CmsRecipe) -> algos.SignedDigestAlgorithm:
    if recipe.method == "ecdsa":
        return algos.SignedDigestAlgorithm({"algorithm": f"{recipe.digest}_ecdsa"})
    if recipe.method == "combined":
        return algos.SignedDigestAlgorithm({"algorithm": f"{recipe.digest}_rsa"})
    if recipe.method == "rsassa_pss":
        hashed = algos.DigestAlgorithm({"algorithm": recipe.digest})
        parameters = {
            "hash_algorithm": hashed,
            "mask_gen_algorithm": algos.MaskGenAlgorithm({"algorithm": "mgf1", "parameters": hashed}),
            "salt_length": _salt(recipe),
        }
        return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": algos.RSASSAPSSParams(parameters)})
    return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pkcs1v15"})


def _salt(recipe: CmsRecipe) -> int:
    return _HASHES[recipe.digest].digest_size if recipe.salt is None else recipe.salt


def _attributes(
    content: bytes, signer: Holder, recipe: CmsRecipe, digest: algos.DigestAlgorithm, method: algos.SignedDigestAlgorithm
) -> cms.CMSAttributes:
    found: Attributes = [
        ("content_type", "data"),
        ("message_digest", hashlib.new(recipe.digest, content).digest()),
    ]
    if recipe.signing_time is not None:
        found.append(("signing_time", cms.Time("utc_time", core.UTCTime(recipe.signing_time))))
    der = recipe.committed_to or signer.der
    if recipe.bound in ("v2", "both"):
        named: dict[str, Any] = {"cert_hash": hashlib.sha256(der).digest()}
        found.append(("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [tsp.ESSCertIDv2(named)]})))
    if recipe.bound in ("v1", "both"):
        named = {"cert_hash": hashlib.sha1(der).digest()}  # noqa: S324 - the attribute knows no other
        found.append(("signing_certificate", tsp.SigningCertificate({"certs": [tsp.ESSCertID(named)]})))
    if recipe.protect:
        protected = cms.CMSAlgorithmProtection({"digest_algorithm": digest, "signature_algorithm": method})
        found.append(("cms_algorithm_protection", protected))
    made = [(kind, value.all if isinstance(value, Values) else [value]) for kind, value in recipe.attributes(found)]
    return cms.CMSAttributes([cms.CMSAttribute({"type": kind, "values": values}) for kind, values in made])


def _value(octets: bytes, signer: Holder, recipe: CmsRecipe) -> bytes:
    """Of a SET OF; asn1crypto writes CMSAttributes as one."""
    how = _HASHES[recipe.digest]
    if isinstance(signer.key, ec.EllipticCurvePrivateKey):
        return signer.key.sign(octets, ec.ECDSA(how))
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    if recipe.method == "rsassa_pss":
        return signer.key.sign(octets, padding.PSS(padding.MGF1(how), _salt(recipe)), how)
    return signer.key.sign(octets, padding.PKCS1v15(), how)


def openssl_says(octets: bytes, content: bytes | None, signer: Holder) -> bool:
    """Whether `openssl cms -verify` finds the signature to fit, whoever the certificate is from."""
    with TemporaryDirectory(prefix="cms-") as folder:
        paths = Path(folder)
        (paths / "message").write_bytes(octets)
        (paths / "ca.pem").write_bytes(signer.pem)
        command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", str(paths / "message"), "-noverify"]
        if content is not None:
            (paths / "content").write_bytes(content)
            command += ["-content", str(paths / "content")]
        done = subprocess.run([*command, "-out", str(paths / "out")], capture_output=True, check=False, timeout=30)
    return done.returncode == 0


def pyhanko_says(octets: bytes, content: bytes | None) -> bool:
    """Whether pyHanko finds the message intact and its signature valid."""
    try:
        data = cms.ContentInfo.load(octets, strict=True)["content"]
        roots = [asn1_x509.Certificate.load(authority().der)]
        context = ValidationContext(trust_roots=roots, moment=AT, allow_fetching=False)
        if content is None:
            status = asyncio.run(async_validate_cms_signature(data, validation_context=context))
        else:
            status = asyncio.run(async_validate_detached_cms(content, data, context))
    except Exception:  # noqa: BLE001 - whatever it says, it is not "valid"
        return False
    return bool(status.intact and status.valid)
