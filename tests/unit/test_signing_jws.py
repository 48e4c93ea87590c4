"""Compact JWS: what the hub signs, verified by other means, and everything that is refused."""

import base64
import hashlib
import json
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from signing import jws as statements
from signing.jose import JwkSet, thumbprint
from signing.jws import MAX_PAYLOAD_BYTES, NotVerified, PublicKey, keys_of, published, verify
from signing.keys import Algorithm
from signing.local_key import LocalKey

# RFC 8037, appendix A.1 and A.3: a key and its thumbprint.
SEED = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
TYP = "test+jws"
PAYLOAD = '{"overall":"Đã giao"}'.encode()


def pem_of(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


KEY, OTHER = LocalKey.of_pem(pem_of(SEED)), LocalKey.of_pem(pem_of(bytes(32)))


def sign(payload: bytes, key: LocalKey, typ: str) -> str:
    return statements.sign(payload, key, thumbprint(key.public()), typ)


def key_set(*keys: LocalKey) -> bytes:
    return msgspec.json.encode(JwkSet(keys=[published(one.public(), one.algorithm) for one in keys]))


def public(key: LocalKey) -> PublicKey:
    (found,) = keys_of(key_set(key))
    return found


X = published(KEY.public(), KEY.algorithm).x
KID, OTHER_KID = thumbprint(KEY.public()), thumbprint(OTHER.public())
TOKEN = sign(PAYLOAD, KEY, TYP)
HEADER, BODY, SIGNATURE = TOKEN.split(".")


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed_by_hand(header: bytes, seed: bytes = SEED) -> str:
    """A right signature over any header."""
    signed = f"{b64(header)}.{BODY}"
    return f"{signed}.{b64(Ed25519PrivateKey.from_private_bytes(seed).sign(signed.encode()))}"


def header(**changes: Any) -> bytes:
    members = {"alg": "Ed25519", "kid": KID, "typ": TYP} | changes
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def refused(token: str) -> str:
    with pytest.raises(NotVerified) as caught:
        verify(token, [public(KEY), public(OTHER)], TYP)
    return str(caught.value)


def test_what_is_signed_is_verified_and_comes_back_octet_for_octet() -> None:
    """With the key's name, found among several keys; Ed25519 gives the same signature every time."""
    found = verify(TOKEN, [public(OTHER), public(KEY)], TYP)
    assert (found.payload, found.kid) == (PAYLOAD, THUMBPRINT)
    assert sign(PAYLOAD, KEY, TYP) == TOKEN


def test_another_reading_of_the_standards_verifies_it() -> None:
    """With `cryptography` alone: RFC 7515 segments, RFC 8037 key, RFC 7638 thumbprint."""
    (jwk,) = json.loads(key_set(KEY))["keys"]
    assert json.loads(unb64(HEADER)) == {"alg": "Ed25519", "kid": jwk["kid"], "typ": TYP}
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{jwk["x"]}"}}'
    assert b64(hashlib.sha256(members.encode()).digest()) == jwk["kid"] == THUMBPRINT
    public = Ed25519PublicKey.from_public_bytes(unb64(jwk["x"]))
    public.verify(unb64(SIGNATURE), f"{HEADER}.{BODY}".encode())
    with pytest.raises(InvalidSignature):
        public.verify(unb64(SIGNATURE), f"{HEADER}.{BODY}A".encode())
    assert unb64(BODY) == PAYLOAD


def test_a_library_that_partners_use_verifies_it_and_is_verified() -> None:
    """joserfc by itself, from the published key set, both ways."""
    (jwk,) = json.loads(key_set(KEY))["keys"]
    found = jws.deserialize_compact(TOKEN, OKPKey.import_key(jwk), algorithms=["Ed25519"])
    assert (found.payload, found.headers()["typ"]) == (PAYLOAD, TYP)
    made = jws.serialize_compact(json.loads(header()), PAYLOAD, OKPKey.import_key(pem_of(SEED)), algorithms=["Ed25519"])
    assert verify(made, [public(KEY)], TYP).payload == PAYLOAD


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCDwxyz0189-_.=+/ é"))
def test_no_character_can_be_changed(place: int, char: str) -> None:
    """Wherever it stands, also in the last one of a segment, of which some bits mean nothing."""
    changed = TOKEN[:place] + char + TOKEN[place + 1 :]
    if changed != TOKEN:
        refused(changed)


@given(st.text(max_size=200) | st.lists(st.binary(max_size=60).map(b64), min_size=2, max_size=5).map(".".join))
def test_nothing_else_passes_or_breaks_it(token: str) -> None:
    """Anything at all is refused in order."""
    refused(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "EdDSA"},
        {"alg": "none"},
        {"alg": "ES256"},
        {"alg": "Ed448"},
        {"alg": None},
        {"alg": ["Ed25519"]},
        {"typ": "other+jws"},
        {"typ": None},
        {"kid": None},
        {"kid": "somebody"},
        {"kid": OTHER_KID},
        {"kid": 1},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
        {"jku": "https://example.vn/keys"},
        {"x5u": "https://example.vn/cert"},
        {"cty": "text/plain"},
        {"unheard-of": 1},
    ],
)
def test_a_header_that_says_more_less_or_other_is_refused(changes: dict[str, Any]) -> None:
    """Although the signature over it is right: key and algorithm are ours to choose, and the kind of statement is fixed."""
    assert verify(signed_by_hand(header()), [public(KEY)], TYP).payload == PAYLOAD
    refused(signed_by_hand(header(**changes)))


@pytest.mark.parametrize(
    "octets",
    [
        header()[:-1] + b', "typ": "test+jws"}',
        b'{"alg": "none", ' + header()[1:],
        b"[" + header() + b"]",
        b'[["alg", "Ed25519"], ["kid", "' + KID.encode() + b'"], ["typ", "test+jws"]]',
        b"null",
        b"7",
        b"",
        b"\xff" + header(),
        header() + b"{}",
        b"[" * 380,
        header() + b" " * 600,
    ],
)
def test_a_header_that_readers_could_take_differently_is_refused(octets: bytes) -> None:
    """Members that stand twice, something that is no object, something longer than any header of ours."""
    refused(signed_by_hand(octets))


@pytest.mark.parametrize(
    "token",
    [
        f"{HEADER}.{BODY}",
        f"{HEADER}..{SIGNATURE}",
        f"{HEADER}.{BODY}.",
        f"{HEADER}.{BODY}.{SIGNATURE}.",
        f"{HEADER}.{BODY}.{SIGNATURE}==",
        f" {TOKEN}",
        f"{TOKEN}\n",
        f"{HEADER}.{BODY}.{SIGNATURE[:-2]}",
        json.dumps({"protected": HEADER, "payload": BODY, "signature": SIGNATURE}),
    ],
)
def test_only_the_compact_form_counts_to_the_letter(token: str) -> None:
    """No detached payload, no padding, no white space, no JSON serialisation."""
    refused(token)


def test_a_public_key_is_never_a_shared_secret() -> None:
    """The classic confusion: HS256 with the octets that everybody knows."""
    for secret in (X.encode(), unb64(X)):
        fields = json.loads(header(alg="HS256"))
        refused(jws.serialize_compact(fields, PAYLOAD, OctKey.import_key(secret), algorithms=["HS256"]))


def test_a_key_that_is_not_among_the_known_ones_says_nothing() -> None:
    """Neither by its own name nor by that of another."""
    stranger = LocalKey.of_pem(pem_of(bytes([7]) * 32))
    assert "unknown key" in refused(sign(PAYLOAD, stranger, TYP))
    assert "does not fit" in refused(signed_by_hand(header(), bytes([7]) * 32))
    with pytest.raises(NotVerified):
        verify(TOKEN, [], TYP)


def test_the_longest_status_is_within_the_limits() -> None:
    """A megabyte passes, what is longer is refused before it is looked at."""
    long = b"x" * MAX_PAYLOAD_BYTES
    assert verify(sign(long, KEY, TYP), [public(KEY)], TYP).payload == long
    refused(sign(long + b"xxx", KEY, TYP))


def test_only_an_unencrypted_private_key_is_taken_and_only_ed25519_signs_statements() -> None:
    """Anything else is refused, without a word of it in the message; a key is not printed."""
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    half = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for octets in (b"", b"junk", SEED, locked, half, pem_of(SEED)[:80], b"-----BEGIN PRIVATE KEY-----\nAAAA\n"):
        with pytest.raises(ValueError, match="not an unencrypted private key") as caught:
            LocalKey.of_pem(octets)
        assert b64(SEED) not in str(caught.value)
    assert b64(SEED) not in repr(KEY) and "private" not in repr(KEY)
    with pytest.raises(ValueError, match="not by ecdsa"):
        statements.sign(PAYLOAD, LocalKey.new(Algorithm.ECDSA_P256_SHA256), "kid", TYP)


def test_a_key_set_is_read_as_published_and_names_are_computed() -> None:
    """Keys of other kinds are left out; a set that gives a key another name does not deceive anybody."""
    published = json.loads(key_set(KEY, OTHER))
    assert "d" not in published["keys"][0]
    published["keys"][0]["kid"] = OTHER_KID
    published["keys"] += [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "OKP", "crv": "X25519", "x": "AAAA"}]
    found = keys_of(json.dumps(published).encode())
    assert [one.kid for one in found] == [KID, OTHER_KID]
    assert verify(TOKEN, found, TYP).kid == THUMBPRINT


@pytest.mark.parametrize(
    "octets",
    [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [{}]}', b'{"keys": [{"kty": "OKP", "crv": "Ed25519"}]}',
     b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}', b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "\xff"}]}'],
)  # fmt: skip
def test_what_is_no_key_set_is_refused(octets: bytes) -> None:
    """Keys that are none included."""
    with pytest.raises(ValueError, match="not a JWK set"):
        keys_of(octets)
