"""Time-stamps (RFC 3161) of the authority for trying things out: like those of any other, by a clock nobody vouches for."""

import secrets
from datetime import datetime

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding

from lgsp.trust.demo_pki.authority import POLICY, Holder

_DIGESTS = {"sha256": 32, "sha384": 48, "sha512": 64}
_SHA256 = {"algorithm": "sha256"}


def answer(request: bytes, authority: Holder, at: datetime) -> bytes:
    """TimeStampResp in DER: a token, or a rejection for what is no request or is hashed by something weak."""
    try:
        asked = tsp.TimeStampReq.load(request, strict=True)
        imprint, wanted = asked["message_imprint"], asked["req_policy"].native
        algorithm, digest = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
        nonce, with_certificates = asked["nonce"].native, asked["cert_req"].native
    except (ValueError, TypeError, KeyError):
        return _rejection("bad_data_format")
    if _DIGESTS.get(algorithm) != len(digest):
        return _rejection("bad_alg")
    if wanted not in (None, POLICY.dotted_string):
        return _rejection("unaccepted_policy")
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": POLICY.dotted_string,
            "message_imprint": imprint,
            "serial_number": secrets.randbits(64),
            "gen_time": at,
            "accuracy": {"seconds": 1},
            **({} if nonce is None else {"nonce": nonce}),
        }
    )
    token = _signed(info.dump(), authority, with_certificates)
    return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())


def _rejection(why: str) -> bytes:
    """A response without a token, which tsp.TimeStampResp cannot write: a sequence of the status alone."""
    status: bytes = tsp.PKIStatusInfo({"status": "rejection", "fail_info": {why}}).dump()
    return b"\x30" + bytes([len(status)]) + status


def _signed(content: bytes, authority: Holder, with_certificates: bool) -> cms.ContentInfo:
    """CMS SignedData (RFC 5652, section 5) whose signed attributes name the certificate (RFC 5816)."""
    own = asn1_x509.Certificate.load(authority.certificate.public_bytes(Encoding.DER))
    committed_to = tsp.SigningCertificateV2({"certs": [{"cert_hash": _sha256(own.dump())}]})
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["tst_info"]},
            {"type": "message_digest", "values": [_sha256(content)]},
            {"type": "signing_certificate_v2", "values": [committed_to]},
        ]
    )
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}},
            "digest_algorithm": _SHA256,
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": authority.key.sign(attributes.dump(), ec.ECDSA(SHA256())),
        }
    )
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm(_SHA256)],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "signer_infos": [signer],
            **({"certificates": [own]} if with_certificates else {}),
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": signed})


def _sha256(octets: bytes) -> bytes:
    digest = Hash(SHA256())
    digest.update(octets)
    return digest.finalize()
