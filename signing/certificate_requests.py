"""Certificate signing requests (PKCS #10, RFC 2986) and self-signed certificates, for keys that sign wherever they are.

`cryptography` writes them with keys whose octets it holds only; a token's key stays in the token. So the few fields are put
together here (DER, X.690) from parts that `cryptography` wrote.
"""

import secrets
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.keys import Algorithm, Signer

_INTEGER, _BIT_STRING, _OCTET_STRING, _OID, _SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x30
_UTC_TIME, _TIME = 0x17, 0x18
_CONTEXT_0, _CONTEXT_3 = 0xA0, 0xA3
_IDENTIFIERS = {  # AlgorithmIdentifier: RFC 4055, 5; RFC 5758, 3.2; RFC 8410, 3
    Algorithm.RSA_SHA256: bytes.fromhex("300d06092a864886f70d01010b0500"),
    Algorithm.ECDSA_P256_SHA256: bytes.fromhex("300a06082a8648ce3d040302"),
    Algorithm.ECDSA_P384_SHA384: bytes.fromhex("300a06082a8648ce3d040303"),
    Algorithm.ED25519: bytes.fromhex("300506032b6570"),
}
_USAGE = x509.KeyUsage(True, True, False, False, False, False, False, False, False)  # digitalSignature, nonRepudiation
_LIFE = timedelta(days=730)


def request_for(signer: Signer, public: bytes, subject: str) -> bytes:
    """PEM. `public`: DER of SubjectPublicKeyInfo. `subject`: RFC 4514. Raises ValueError for a subject that is no name."""
    info = _der(_SEQUENCE, _der(_INTEGER, b"\0"), _name(subject), public, _der(_CONTEXT_0))
    return x509.load_der_x509_csr(_signed(signer, info)).public_bytes(Encoding.PEM)


def self_signed_for(signer: Signer, public: bytes, subject: str, now: datetime) -> bytes:
    """A certificate in PEM for two years, which nobody vouches for. Raises ValueError for a subject that is no name."""
    name = _name(subject)
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    extensions = _extension("551d0f", _USAGE.public_bytes()), _extension("551d13", constraints.public_bytes())
    info = _der(
        _SEQUENCE,
        _der(_CONTEXT_0, _der(_INTEGER, b"\x02")),
        _der(_INTEGER, b"\x01" + secrets.token_bytes(15)),
        _IDENTIFIERS[signer.algorithm],
        name,
        _der(_SEQUENCE, _time(now), _time(now + _LIFE)),
        name,
        public,
        _der(_CONTEXT_3, _der(_SEQUENCE, *extensions)),
    )
    return x509.load_der_x509_certificate(_signed(signer, info)).public_bytes(Encoding.PEM)


def _signed(signer: Signer, info: bytes) -> bytes:
    return _der(_SEQUENCE, info, _IDENTIFIERS[signer.algorithm], _der(_BIT_STRING, b"\0", signer.sign(info)))


def _name(subject: str) -> bytes:
    name = x509.Name.from_rfc4514_string(subject)
    if not list(name):
        raise ValueError("a name is wanted, such as CN=LGSP,C=VN")
    return name.public_bytes()


def _extension(oid: str, value: bytes) -> bytes:
    """A critical one."""
    return _der(_SEQUENCE, _der(_OID, bytes.fromhex(oid)), b"\x01\x01\xff", _der(_OCTET_STRING, value))


def _time(moment: datetime) -> bytes:
    """RFC 5280, 4.1.2.5: UTCTime until 2049."""
    utc = moment.astimezone(UTC)
    return _der(_UTC_TIME, f"{utc:%y%m%d%H%M%SZ}".encode()) if utc.year < 2050 else _der(_TIME, f"{utc:%Y%m%d%H%M%SZ}".encode())


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(octets)]) + octets + content
