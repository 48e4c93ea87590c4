"""Signing an envelope as its sender."""

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from contracts import statement
from contracts.envelope import Envelope
from signing.jws_sign import sign_with_certificate
from signing.keys import Signer
from signing.local_key import LocalKey


def sealed(envelope: Envelope, signer: Signer) -> Envelope:
    """With the signature of `signer` over all that the envelope says. It may not be changed any more afterwards."""
    token = sign_with_certificate(statement.encode(statement.statement_of(envelope)), signer, statement.TYPE)
    return msgspec.structs.replace(envelope, signature=token)


def key_of_pem(key: bytes, chain: bytes) -> LocalKey:
    """A key and its certificates, that of the key first. Raises ValueError, without anything of the key in it."""
    certificates = x509.load_pem_x509_certificates(chain)
    found = LocalKey.of_pem(key).with_certificates(tuple(one.public_bytes(Encoding.DER) for one in certificates))
    if certificates[0].public_key() != found.key.public_key():
        raise ValueError("the first certificate is not that of the key")
    return found
