"""Secrets of clients: kept only as scrypt hashes (RFC 7914), in one line that carries its own parameters.

A secret is not drawn but derived, from the hub's token key, the client id and the salt of its hash. So whoever has the database
alone knows no secret, and yet a gateway can compute the one that a hash was made for: protocols in which a client does not send
its secret but proves it by HMAC need that.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

_COST, _BLOCK, _PARALLEL = 2**14, 8, 1  # RFC 7914, section 2: interactive logins; about 40 ms and 16 MiB
_MAX_MEMORY_BYTES = 64 * 2**20
_SALT_BYTES = 16


def new_secret(token_key: bytes, client_id: str) -> tuple[str, str]:
    """A secret of 43 characters, and its hash."""
    salt = secrets.token_bytes(_SALT_BYTES)
    secret = _derived(token_key, client_id, salt)
    return secret, hash_secret(secret, salt=salt)


def hash_secret(secret: str, *, cost: int = _COST, salt: bytes | None = None) -> str:
    """The form is `scrypt$N$r$p$salt$key`, salt and key in base64. `cost` is N, a power of two."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
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


def check_mac(message: bytes, mac: bytes, hashed: str, token_key: bytes, client_id: str) -> bool:
    """Whether `mac` is HMAC-SHA256 of `message` under the secret, in UTF-8, that `new_secret` made together with this hash. One
    that was made otherwise, or under another token key, matches nothing."""
    try:
        salt = base64.b64decode(hashed.split("$")[4], validate=True)
    except (IndexError, ValueError):
        return False
    key = _derived(token_key, client_id, salt).encode()
    return hmac.compare_digest(hmac.digest(key, message, "sha256"), mac)


def _derived(token_key: bytes, client_id: str, salt: bytes) -> str:
    named = client_id.encode("utf-8", "surrogatepass")  # whatever a stranger says
    said = b"\0".join((b"lgsp client secret", named, salt))  # never the beginning of a JWT, which that key signs too
    return base64.urlsafe_b64encode(hmac.digest(token_key, said, "sha256")).decode("ascii").rstrip("=")


def _scrypt(secret: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=_MAX_MEMORY_BYTES, dklen=32)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


# What an unknown client is checked against, so that it takes as long as a known one.
DUMMY_HASH = hash_secret(secrets.token_urlsafe(16))
