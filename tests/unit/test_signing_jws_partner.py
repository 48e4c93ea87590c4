"""JWS of partners: the examples of the standards, keys registered and certified, and everything that is refused."""

import base64
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from signing.jws_partner import MAX_PAYLOAD_BYTES, CheckedJws, RegisteredKey, check_jws
from signing.report import Integrity, Revocation, Trust, Verdict
from signing.rules import Refused
from signing.trust import NO_TRUST, TrustBase
from tests import signatures
from tests.signatures import AT
from tests.soak import jws as soak

TYP = "lgsp-test+jws"
PAYLOAD = '{"aud":"HUB","nội dung":"Đã giao"}'.encode()
ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# RFC 7520, 3.3 (the key), 4 (the payload), 4.1 and 4.2.
BILBO = {
    "kty": "RSA",
    "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqV"
    "wGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJls"
    "de3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkq"
    "gc5gHdrNP5zw",
    "e": "AQAB",
}
FRODO = (
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBk"
    "b24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
)
RS256 = (
    f"eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{FRODO}."
    "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4J"
    "IwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluP"
    "xUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
)
PS384 = (
    f"eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{FRODO}."
    "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXU"
    "vdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT"
    "0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"
)
# RFC 7515, A.3 and A.5; RFC 8037, A.2 and A.4.
JOE = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
CLAIMS = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
ES256 = f"eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
NONE = f"eyJhbGciOiJub25lIn0.{CLAIMS}."
EDWARD = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
EDDSA = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
EXAMPLES = {
    "RFC 7520, 4.1": (BILBO, "RS256", RS256),
    "RFC 7520, 4.2": (BILBO, "PS384", PS384),
    "RFC 7515, A.3": (JOE, "ES256", ES256),
    "RFC 8037, A.4": (EDWARD, "EdDSA", EDDSA),
}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@cache
def private(algorithm: str) -> PrivateKey:
    match algorithm[:2], algorithm[2:]:
        case (("RS" | "PS"), _):
            return signatures.rsa_key()
        case "ES", "256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES", _:
            return ec.generate_private_key(ec.SECP384R1())
    return ed25519.Ed25519PrivateKey.generate()


def raw(octets: bytes, algorithm: str, key: PrivateKey) -> bytes:
    """RFC 7518, 3.3 to 3.5, by `cryptography` alone."""
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(algorithm[2:], hashes.SHA256())
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return key.sign(octets, pss if algorithm.startswith("PS") else padding.PKCS1v15(), digest)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(digest)))
        size = (key.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)
    return key.sign(octets)


def sealed(header: bytes, key: PrivateKey, algorithm: str, payload: bytes = PAYLOAD) -> str:
    """A right signature over any header."""
    signed = f"{b64(header)}.{b64(payload)}"
    return f"{signed}.{b64(raw(signed.encode(), algorithm, key))}"


def token(algorithm: str = "ES256", /, payload: bytes = PAYLOAD, **changes: Any) -> str:
    members = {"alg": algorithm, "kid": algorithm, "typ": TYP} | changes
    header = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
    return sealed(header, private(algorithm), algorithm, payload)


@cache
def registered(algorithm: str) -> RegisteredKey:
    public = private(algorithm).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return RegisteredKey.of(public, algorithm, algorithm)


ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519", "EdDSA")


def checked(text: str, *algorithms: str, typ: str | None = TYP, **more: Any) -> CheckedJws:
    keys = [registered(one) for one in algorithms or ("ES256", "RS256")]
    return check_jws(text, typ=typ, keys=keys, trust=more.pop("trust", NO_TRUST), at=AT, **more)


def refused(text: str, *algorithms: str, **more: Any) -> str:
    """The rule that it breaks; nothing of what it says is handed on."""
    report, payload = checked(text, *algorithms, **more)
    assert payload is None and report.verdict is Verdict.NOT_VERIFIED and report.refusal is not None
    return report.refusal.rule.code


@pytest.mark.parametrize(("key", "algorithm", "text"), EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_of_the_standards_are_verified(key: dict[str, str], algorithm: str, text: str) -> None:
    """With the key registered under the name that the header gives it, and the algorithm of the example."""
    header = json.loads(unb64(text.split(".")[0]))
    known = RegisteredKey.of(json.dumps(key).encode(), algorithm, header.get("kid", ""))
    report, payload = check_jws(text, typ=None, keys=[known], trust=NO_TRUST, at=AT)
    assert payload == unb64(text.split(".")[1])
    assert (report.verdict, report.method, report.registered_key) == (Verdict.VERIFIED, algorithm, known.kid)


def test_an_unsecured_jws_is_nothing() -> None:
    """RFC 7515, A.5: "none", with the empty signature it wants, and with any other."""
    known = RegisteredKey.of(json.dumps(JOE).encode(), "ES256")
    for text in (NONE, NONE + "AAAA", NONE + ES256.split(".")[2]):
        report, payload = check_jws(text, typ=None, keys=[known], trust=NO_TRUST, at=AT)
        assert payload is None and report.integrity is Integrity.NOT_VERIFIABLE


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_registered_key_verifies_by_its_algorithm_and_by_no_other(algorithm: str) -> None:
    """The report names the key, what was covered, and a register that vouches for it; no other name in the header helps."""
    report, payload = checked(token(algorithm), algorithm)
    assert payload == PAYLOAD
    assert (report.profile, report.integrity, report.trust) == ("jws", Integrity.INTACT, Trust.TRUSTED)
    assert (report.method, report.registered_key, report.signer) == (algorithm, algorithm, None)
    (part,) = report.covered
    assert (part.what, part.octets) == ("payload", len(PAYLOAD))
    for other in (*ALGORITHMS, "none", "HS256", "es256", "", 7):
        if other != algorithm:
            assert refused(token(algorithm, alg=other), algorithm) == "jws.algorithm"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"typ": None}, "jws.type"),
        ({"typ": "other+jws"}, "jws.type"),
        ({"typ": ["lgsp-test+jws"]}, "jws.type"),
        ({"typ": "Application/lgsp-test+jws"}, "jws.type"),
        ({"alg": None}, "jws.algorithm"),
        ({"alg": ["ES256"]}, "jws.algorithm"),
        ({"kid": "somebody"}, "jws.key_unknown"),
        ({"kid": None}, "jws.key_unknown"),
        ({"kid": {"a": 1}}, "jws.key_unknown"),
        ({"kid": "RS256"}, "jws.algorithm"),
        ({"crit": ["exp"], "exp": 1}, "jws.critical"),
        ({"crit": []}, "jws.critical"),
        ({"b64": False, "crit": ["b64"]}, "jws.critical"),
        ({"b64": True}, "jws.critical"),
        ({"jwk": JOE}, "jws.key_source"),
        ({"jku": "https://example.vn/keys"}, "jws.key_source"),
        ({"x5u": "https://example.vn/cert"}, "jws.key_source"),
        ({"x5c": []}, "jws.certificates"),
        ({"x5c": "MII"}, "jws.certificates"),
        ({"x5c": [1]}, "jws.certificates"),
        ({"x5c": ["MII="] * 7}, "jws.certificates"),
        ({"x5c": ["MII="]}, "key.certificate"),
        ({"x5c": ["M I I="]}, "key.certificate"),
    ],
)
def test_a_header_that_asks_for_more_than_it_may_is_refused(changes: dict[str, Any], code: str) -> None:
    """Although the signature over it is right."""
    assert refused(token(**changes)) == code


def test_members_nobody_here_understands_say_nothing_and_typ_may_be_written_in_full() -> None:
    """RFC 7515, section 4 and 4.1.9."""
    assert checked(token(iat=1, cty="json", zip="DEF")).payload == PAYLOAD
    assert checked(token(typ=f"application/{TYP}")).payload == PAYLOAD


@pytest.mark.parametrize(
    "octets",
    [
        b'{"alg":"ES256","kid":"ES256","typ":"lgsp-test+jws","typ":"lgsp-test+jws"}',
        b'{"alg":"none","alg":"ES256","kid":"ES256","typ":"lgsp-test+jws"}',
        b'{"alg":"ES256","\\u0061lg":"ES256","kid":"ES256","typ":"lgsp-test+jws"}',
        b'{"alg":"ES256","kid":"ES256","typ":"lgsp-test+jws","x":{"a":1,"a":2}}',
        b'{"alg":"ES256","kid":"ES256","typ":"lgsp-test+jws","x":NaN}',
        b'\xef\xbb\xbf{"alg":"ES256","kid":"ES256","typ":"lgsp-test+jws"}',
        '{"alg":"ES256","kid":"ES256","typ":"lgsp-test+jws"}'.encode("utf-16"),
        b'[{"alg":"ES256","kid":"ES256","typ":"lgsp-test+jws"}]',
        b'{"alg":"ES256","kid":"ES256","typ":"lgsp-test+jws"}{}',
        b"{'alg':'ES256'}",
        b"null",
        b"{",
        b"\xff",
        b"[" * 20_000,
        b'{"a":' * 4_000,
    ],
)
def test_a_header_that_readers_could_take_differently_is_refused(octets: bytes) -> None:
    """Members that stand twice, other encodings, something that is no object."""
    assert refused(sealed(octets, private("ES256"), "ES256")) == "jws.header"


def test_only_the_compact_form_counts_to_the_letter() -> None:
    """No padding, no white space, no alphabet of its own, no JSON serialisation, no second spelling of the last character."""
    text = token()
    header, payload, signature = text.split(".")
    last = chr(ord(signature[-1]) + 1)
    assert unb64(signature[:-1] + last) == unb64(signature)
    for wrong in (
        "", ".", "..", "...", f"{header}.{payload}", f"{header}..{signature}", f".{payload}.{signature}", f"{text}.", f"{text}=",
        f" {text}", f"{text}\n", f"{header}=.{payload}.{signature}", f"{text[:-1]}{last}",
        f"{header}.{payload}.{signature[:-1]}", f"{header}.{payload}.é{signature[1:]}", text.replace(".", ".\n"),
        f"{header}.{payload}.{signature[:40]}+{signature[41:]}", f"{header}.{payload}.{signature[:40]}/{signature[41:]}",
        json.dumps({"protected": header, "payload": payload, "signature": signature}),
        json.dumps({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}),
    ):  # fmt: skip
        assert refused(wrong) in {"jws.form", "jws.header"}, wrong
    assert refused(f"{header}.{payload}=.{signature}") == "signature.value"  # the octets that are signed: no longer the same


def test_a_payload_of_another_spelling_is_refused_though_it_was_signed_so() -> None:
    """The signature is over the characters; two readers could still take different octets from them."""
    head = b64(json.dumps({"alg": "ES256", "kid": "ES256", "typ": TYP}).encode())
    for payload in ("QR", "QQ==", "Q Q", "A", "+/AA", "A\nAA"):
        signed = f"{head}.{payload}"
        assert refused(f"{signed}.{b64(raw(signed.encode(), 'ES256', private('ES256')))}") == "jws.form", payload


@given(st.integers(0, 10_000), st.sampled_from("ABCDwxyz0189-_.=+/ é"))
def test_no_character_can_be_changed(place: int, char: str) -> None:
    """Wherever it stands."""
    text = token()
    place %= len(text)
    changed = text[:place] + char + text[place + 1 :]
    if changed != text:
        refused(changed)


@given(st.text(max_size=200) | st.lists(st.binary(max_size=60).map(b64), min_size=2, max_size=5).map(".".join))
def test_nothing_else_passes_or_breaks_it(text: str) -> None:
    """Anything at all is refused in order."""
    assert refused(text) != "check.failed"


@pytest.mark.parametrize("length", [0, 1, 63, 65, 72, 96, 128])
def test_an_ecdsa_value_has_one_length(length: int) -> None:
    """RFC 7518, 3.4; DER, as other forms want it, is refused too."""
    header, payload, _ = token().split(".")
    value = bytes([1]) * length
    assert refused(f"{header}.{payload}.{b64(value)}") in {"signature.value", "jws.form"}


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 0), (0, 1), (1, 0), (ORDER_P256, 1), (1, ORDER_P256), (ORDER_P256, ORDER_P256), (ORDER_P256 - 1, 0), (2**256 - 1,) * 2],
)
def test_ecdsa_numbers_outside_their_range_are_refused(r: int, s: int) -> None:
    """Zero among them, which a careless verifier accepts for every message."""
    header, payload, _ = token().split(".")
    assert refused(f"{header}.{payload}.{b64(r.to_bytes(32) + s.to_bytes(32))}") == "signature.value"
    assert refused(f"{header}.{payload}.{b64(encode_dss_signature(r, s))}") == "signature.value"


def test_a_public_key_is_never_a_shared_secret() -> None:
    """HMAC with the octets that everybody knows is refused by its name before anything is computed."""
    import hmac

    pem = private("RS256").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{b64(json.dumps({'alg': 'HS256', 'kid': 'RS256', 'typ': TYP}).encode())}.{b64(PAYLOAD)}"
    for secret in (pem, pem.strip()):
        assert refused(f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}") == "jws.algorithm"


def test_a_key_without_a_name_in_the_header_must_be_the_only_one() -> None:
    """Nobody tries one key after the other."""
    text = token(kid=None)
    assert checked(text, "ES256").payload == PAYLOAD
    assert refused(text, "ES256", "RS256") == "jws.key_unknown"
    assert check_jws(text, typ=TYP, keys=[], trust=NO_TRUST, at=AT).payload is None


def test_the_audience_is_bound() -> None:
    """One name or a list; a payload that is no JSON object, or one in two readings, names nobody."""
    assert checked(token(), audience="HUB").payload == PAYLOAD
    assert checked(token(payload=b'{"aud":["X","HUB"]}'), audience="HUB").payload
    for payload in (b'{"aud":"HU"}', b'{"aud":{"HUB":1}}', b"{}", b"7", b"HUB", b'{"aud":"X","aud":"HUB"}', b'{"aud":["X"]}'):
        assert refused(token(payload=payload), audience="HUB") == "jws.audience", payload


def test_sizes_are_limited_before_work() -> None:
    """A megabyte of payload passes; more, a longer header or a longer signature does not."""
    assert checked(token("Ed25519", payload=b"x" * MAX_PAYLOAD_BYTES), "Ed25519").payload
    assert refused(token("Ed25519", payload=b"x" * (MAX_PAYLOAD_BYTES + 3)), "Ed25519") == "jws.too_large"
    assert refused(token(note="x" * 33_000)) == "jws.too_large"
    assert refused(f"{token()}{'A' * 1400}") == "jws.too_large"
    assert refused("A" * 10_000_000) == "jws.too_large"


def certified(holder: signatures.Holder, algorithm: str, others: tuple[signatures.Holder, ...] = (), **changes: Any) -> str:
    chain = [base64.b64encode(one.der).decode() for one in (holder, *others)]
    header = json.dumps({"alg": algorithm, "typ": TYP, "x5c": chain} | changes).encode()
    return sealed(header, holder.key, algorithm)


TRUSTED = TrustBase(documents=signatures.authority().anchors())


@pytest.mark.parametrize(
    ("kind", "algorithms"), [("2048", ("RS256", "RS512", "PS256", "PS384")), ("P-256", ("ES256",)), ("P-384", ("ES384",))]
)
def test_a_certificate_counts_for_as_much_as_its_path(kind: str, algorithms: tuple[str, ...]) -> None:
    """Intact with any certificate, trusted only with a path to an anchor; the algorithm must go with the certificate's key."""
    holder = signatures.holder(kind)
    for algorithm in algorithms:
        report, payload = checked(certified(holder, algorithm), trust=TRUSTED)
        assert (payload, report.verdict) == (PAYLOAD, Verdict.VERIFIED_REVOCATION_UNKNOWN)
        assert report.signer is not None and report.signer.der == holder.der and report.registered_key == ""
        assert checked(certified(holder, algorithm)).report.verdict is Verdict.INTACT_NOT_TRUSTED
        for other in {"RS256", "ES256", "ES384", "Ed25519", "none", "HS256"} - {algorithm, *algorithms}:
            assert refused(certified(holder, algorithm, alg=other), trust=TRUSTED) == "jws.algorithm"


def test_the_certificate_of_a_stranger_is_intact_and_not_trusted() -> None:
    """Also when it names a registered key beside it, and the true certificate behind its own."""
    text = certified(signatures.stranger(), "RS256", (signatures.agency(),), kid="RS256")
    report, _ = checked(text, trust=TRUSTED)
    assert report.verdict is Verdict.INTACT_NOT_TRUSTED and report.path is not None and report.path.refusal is not None
    swapped = certified(signatures.stranger(), "RS256", x5c=[base64.b64encode(signatures.agency().der).decode()])
    assert refused(swapped, trust=TRUSTED) == "signature.value"


def test_a_thumbprint_beside_the_certificate_must_be_its_own() -> None:
    """RFC 7515, 4.1.8."""
    holder = signatures.agency()
    own = b64(holder.certificate.fingerprint(hashes.SHA256()))
    assert checked(certified(holder, "RS256", **{"x5t#S256": own}), trust=TRUSTED).report.trust is Trust.TRUSTED
    other = b64(signatures.stranger().certificate.fingerprint(hashes.SHA256()))
    assert refused(certified(holder, "RS256", **{"x5t#S256": other}), trust=TRUSTED) == "jws.certificates"


def test_the_time_of_the_check_counts_for_the_path() -> None:
    """A certificate past its end is not trusted."""
    late = check_jws(
        certified(signatures.agency(), "RS256"), typ=TYP, keys=(), trust=TRUSTED, at=datetime(2040, 1, 1, tzinfo=UTC)
    )
    assert late.report.trust is Trust.NOT_TRUSTED


def test_weak_and_odd_keys_are_neither_registered_nor_taken_from_certificates() -> None:
    """RSA below 2048 bits, other curves; and nobody may register a private key or an algorithm of another kind."""
    pem = private("RS256").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    weak = signatures.rsa_key(1024)
    p521 = ec.generate_private_key(ec.SECP521R1())
    assert refused(certified(signatures.issue("yếu", weak), "RS256")) == "key.strength"
    assert refused(certified(signatures.issue("lạ", p521), "RS256", alg="ES512")) == "key.strength"
    for key in (weak, p521):
        with pytest.raises(Refused, match=r"key\.strength"):
            RegisteredKey.of(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "RS256")
    for algorithm in ("ES256", "HS256", "none", "", "Ed25519"):
        with pytest.raises(Refused, match=r"jws\.algorithm"):
            RegisteredKey.of(pem, algorithm)
    secret = private("ES256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="private key"):
        RegisteredKey.of(secret, "ES256")
    for junk in (b"", b"junk", b"{}", b'{"kty":"oct","k":"AAAA"}', b'{"kty":"OKP","crv":"Ed25519","x":"AA"}', pem[:90]):
        with pytest.raises(ValueError, match="not a public"):
            RegisteredKey.of(junk, "RS256")
    with pytest.raises(Refused, match=r"jws\.algorithm"):
        RegisteredKey.of(json.dumps({**BILBO, "alg": "PS256"}).encode(), "RS256")
    assert RegisteredKey.of(json.dumps({**BILBO, "use": "sig", "key_ops": ["verify"], "alg": "RS256"}).encode(), "RS256")
    for purpose in ({"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": []}):
        with pytest.raises(Refused, match=r"key\.type"):
            RegisteredKey.of(json.dumps({**BILBO, **purpose}).encode(), "RS256")


def test_an_exception_anywhere_is_not_verified() -> None:
    """Whatever breaks inside: no payload, no exception."""

    class Broken(TrustBase):
        def standing(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError

    report, payload = checked(certified(signatures.agency(), "RS256"), trust=Broken())
    assert payload is None and report.refusal is not None and report.refusal.rule.code == "check.failed"
    assert check_jws(7, typ=TYP, keys=(), trust=NO_TRUST, at=AT).payload is None  # type: ignore[arg-type]
    assert report.revocation is Revocation.UNKNOWN


@pytest.mark.parametrize("seed", [1, 100])
def test_no_mutant_says_anything_else_than_was_signed(seed: int) -> None:
    """Characters, parts and headers changed by chance; `python -m tests.soak.jws` goes on for longer."""
    assert soak.judge(seed, 4_000) == []
