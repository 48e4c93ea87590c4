"""A time-stamp authority for tests, written with asn1crypto: right tokens (RFC 3161), and tokens that must not be evidence."""

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.paths import Anchors
from tests.signatures import AT, Holder, issue, rsa_key

POLICY = "1.3.6.1.4.1.99999.1"


@cache
def stamp_root() -> Holder:
    return issue("Gốc dấu thời gian", rsa_key(), ca=True)


@cache
def stamper() -> Holder:
    return issue("Dấu thời gian", rsa_key(), stamp_root(), purposes=[ExtendedKeyUsageOID.TIME_STAMPING], critical_purposes=True)


def stamp_anchors() -> Anchors:
    return stamp_root().anchors()


def info(octets: bytes, **changes: Any) -> dict[str, Any]:
    """TSTInfo; `changes`: its fields, None leaves one out."""
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": hashlib.sha256(octets).digest()}
    fields = {"version": "v1", "policy": POLICY, "message_imprint": imprint, "serial_number": 42, "gen_time": AT}
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def stamp(
    octets: bytes,
    by: Holder | None = None,
    *,
    key_of: Holder | None = None,
    commits_to: Holder | None = None,
    commits_by_sha1: bool = False,
    encloses: Sequence[Holder] | None = None,
    content_type: str = "tst_info",
    content: bytes | None = None,
    **changes: Any,
) -> bytes:
    """A token in DER. `key_of`: whose key signs; `commits_to`: whose certificate signing-certificate-v2 names."""
    by = by or stamper()
    content = tsp.TSTInfo(info(octets, **changes)).dump() if content is None else content
    own = _certificate(by)
    committed = commits_to or by
    if commits_by_sha1:
        named = {"type": "signing_certificate", "values": [_named(committed.der, "sha1")]}
    else:
        named = {"type": "signing_certificate_v2", "values": [_named(committed.der, "sha256")]}
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": [content_type]},
            {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
            named,
        ]
    )
    signer = {
        "version": "v1",
        "sid": {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}},
        "digest_algorithm": {"algorithm": "sha256"},
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "sha256_rsa" if isinstance((key_of or by).key, RSAPrivateKey) else "sha256_ecdsa"},
        "signature": _sign(key_of or by, attributes.dump()),
    }
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {"content_type": content_type, "content": core.ParsableOctetString(content)},
            "certificates": [_certificate(one) for one in ([by] if encloses is None else encloses)],
            "signer_infos": [cms.SignerInfo(signer)],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def response(token: bytes, status: str = "granted") -> bytes:
    return bytes(tsp.TimeStampResp({"status": {"status": status}, "time_stamp_token": cms.ContentInfo.load(token)}).dump())


def _certificate(one: Holder) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(one.der)


def _named(der: bytes, how: str) -> Any:
    digest = hashlib.new(how, der, usedforsecurity=False).digest()
    if how == "sha1":
        return tsp.SigningCertificate({"certs": [{"cert_hash": digest}]})
    return tsp.SigningCertificateV2({"certs": [{"cert_hash": digest}]})


def _sign(by: Holder, octets: bytes) -> bytes:
    if isinstance(by.key, RSAPrivateKey):
        return by.key.sign(octets, PKCS1v15(), SHA256())
    return by.key.sign(octets, ec.ECDSA(SHA256()))
