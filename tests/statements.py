"""Envelopes signed as their senders sign them."""

import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from contracts import statement, wire
from lgsp.trust.demo_pki import Holder
from signing.jws_sign import sign_with_certificate
from signing.keys import Algorithm


@dataclass(frozen=True, slots=True)
class HolderKey:
    """A holder of the demo PKI as a `signing.keys.Signer`."""

    holder: Holder

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.ECDSA_P256_SHA256

    @property
    def certificates(self) -> tuple[bytes, ...]:
        return tuple(one.public_bytes(Encoding.DER) for one in (self.holder.certificate, *self.holder.issuers))

    def sign(self, octets: bytes) -> bytes:
        return self.holder.key.sign(octets, ec.ECDSA(SHA256()))


def signed_statement(envelope: bytes, holder: Holder, **other: Any) -> str:
    """The signature for an envelope in the JSON form that is sent, which may not have one yet. `other`: members of the statement
    that say something else."""
    said = statement.encode(statement.statement_of(wire.parse(envelope)))
    payload = json.dumps(json.loads(said) | other).encode() if other else said
    return sign_with_certificate(payload, HolderKey(holder), statement.TYPE)
