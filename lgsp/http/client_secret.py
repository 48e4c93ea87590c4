"""Secrets of clients: kept only as scrypt hashes (RFC 7914), in one line that carries its own parameters."""

import base64
import binascii
import hashlib
import hmac
import secrets

_COST, _BLOCK, _PARALLEL = 2**14, 8, 1  # RFC 7914, section 2: interactive logins; about 40 ms and 16 MiB
_MAX_MEMORY_BYTES = 64 * 2**20


def hash_secret(secret: str, *, cost: int = _COST) -> str:
    """The form is `scrypt$N$r$p$salt$key`, salt and key in base64. `cost` is N, a power of two."""
    salt = secrets.token_bytes(16)
    key = _scrypt(secret, salt, cost, _BLOCK, _PARALLEL)
    return f"scrypt${cost}${_BLOCK}${_PARALLEL}${_text(salt)}${_text(key)}"


def check_secret(secret: str, hashed: str) -> bool:
    """Whether it is the secret behind the hash; compared in constant time. A hash of another form matches nothing."""
    try:
        name, cost, block, parallel, salt, key = hashed.split("$")
        expected = base64.b64decode(key, validate=True)
        found = _scrypt(secret, base64.b64decode(salt, validate=True), int(cost), int(block), int(parallel))
    except (ValueError, binascii.Error):
        return False
    return name == "scrypt" and hmac.compare_digest(found, expected)


def _scrypt(secret: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=_MAX_MEMORY_BYTES, dklen=32)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


# What an unknown client is checked against, so that it takes as long as a known one.
DUMMY_HASH = hash_secret(secrets.token_urlsafe(16))
