"""Keys in a PKCS#11 token: SoftHSM of Debian, through the library that an HSM's maker would bring."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from lgsp.bootstrap.keys import hub_keys, token
from lgsp.cli import cli
from lgsp.core.key_set import Purpose, activated
from lgsp.http.signed import RECEIPT_TYPE
from lgsp.settings import Settings
from lgsp.trust.key_files import KeyFiles
from lgsp.trust.keys import HubKeys, SigningUnavailable
from lgsp.trust.tokens import Token, TokenError
from signing.certificate_requests import self_signed_for
from signing.jws import keys_of, verify
from signing.keys import Algorithm
from signing.paths import Anchors
from signing.profiles import ENVELOPE_XADES
from signing.report import Verdict
from signing.trust import TrustBase
from signing.verify import check as check_xml
from tests.integration.http_hub import http_hub
from tests.servers import SoftHsm

OCTETS = "nội dung cần ký".encode()
TYP = "lgsp-test+jws"


@pytest.fixture
def settings(soft_hsm: SoftHsm, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, pkcs11_module=soft_hsm.module, pkcs11_token=soft_hsm.label, pkcs11_pin=soft_hsm.pin)


OPEN: list[Token] = []


@pytest.fixture(autouse=True)
def logged_out() -> Iterator[None]:
    """A process logs in once: what one test leaves open would be open for the next."""
    yield
    while OPEN:
        OPEN.pop().close()


def a_token(settings: Settings) -> Token:
    found = token(settings)
    assert found is not None
    OPEN.append(found)
    return found


def check(public: bytes, value: bytes) -> None:
    """By `cryptography`."""
    match load_der_public_key(public):
        case ed25519.Ed25519PublicKey() as key:
            key.verify(value, OCTETS)
        case rsa.RSAPublicKey() as key:
            key.verify(value, OCTETS, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePublicKey() as key:
            key.verify(value, OCTETS, ec.ECDSA(hashes.SHA256() if key.key_size == 256 else hashes.SHA384()))
        case _:
            pytest.fail("no such key")


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_kind_of_key_is_made_in_the_token_and_signs_there(settings: Settings, algorithm: Algorithm) -> None:
    """Its public half comes out, its private half cannot; another session finds it by its label."""
    import pkcs11

    label = f"made-{algorithm}"
    public = a_token(settings).generate(algorithm, label)
    held = a_token(settings)
    check(public, held.sign(algorithm, label, OCTETS))
    assert held.public(label) == public
    assert held._session is not None
    private = held._session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=label)
    assert private[pkcs11.Attribute.SENSITIVE] and not private[pkcs11.Attribute.EXTRACTABLE]
    with pytest.raises(TokenError, match="already"):
        held.generate(algorithm, label)
    held.close()


def test_both_purposes_are_served_by_keys_in_the_token(settings: Settings) -> None:
    """Through the command line as an operator would; then the hub states and signs with them, and no key is in a file."""
    for purpose in Purpose:
        ran(settings, "key", "new", str(purpose), "--token")
    ran(settings, "key", "certificate", "receipts-1", "--self-signed", "CN=Trục,C=VN")
    for purpose in Purpose:
        ran(settings, "key", "activate", f"{purpose}-1")
    assert not list(settings.keys_path.glob("*.pem"))
    asyncio.run(_stated_and_signed(settings))
    findings = ran(settings, "doctor", "--json", code=None)["findings"]
    assert [one["verdict"] for one in findings if one["name"] == "keys"] == ["ok"]


async def _stated_and_signed(settings: Settings) -> None:
    keys = hub_keys(settings)
    said = await keys.statement(b"{}", TYP)
    assert verify(said, keys_of(msgspec.json.encode(keys.jwks())), TYP).kid == keys.kid
    value, chain = await keys.with_certificate(lambda signer: (signer.sign(OCTETS), signer.certificates))
    certificate = x509.load_der_x509_certificate(chain[0])
    certificate.verify_directly_issued_by(certificate)
    check(KeyFiles(settings.keys_path).read().named("receipts-1").public, value)
    keys.close()


async def test_receipts_over_http_are_signed_in_the_token(
    files_with_token_key: tuple[KeyFiles, Token], settings: Settings
) -> None:
    """As JWS by the key of one purpose and as XAdES by that of the other, while plain ones never ask it."""
    files, held = files_with_token_key
    now, label = datetime.now(UTC), "http-xml"
    record = files.add_from_token(Purpose.RECEIPTS, held.generate(Algorithm.ECDSA_P256_SHA256, label), label, now)
    pem = self_signed_for(held.signer(record), record.public, "CN=Trục,C=VN", now)
    files.certify(record.name, pem)
    files.change(lambda keys: activated(keys, record.name, now, now))
    async with http_hub(settings.data_dir, **shown(settings)) as hub:
        jose = await hub.send(hub.envelope(), Accept="application/jose")
        published = keys_of((await hub.call("GET", "/.well-known/jwks.json", agency=None)).octets)
        assert verify(jose.octets.decode(), published, RECEIPT_TYPE)
        document = (await hub.send(hub.envelope(), Accept="application/xml")).octets
        trust = TrustBase(documents=Anchors.of_pem(pem))
        checked = check_xml(document, ENVELOPE_XADES, trust, datetime.now(UTC))
        assert checked.report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
        assert (await hub.send(hub.envelope())).status == 202


def test_a_key_that_the_token_has_already_is_taken_by_its_label(settings: Settings) -> None:
    """As authorities hand out USB tokens: with the key inside."""
    a_token(settings).generate(Algorithm.RSA_SHA256, "theirs")
    made = ran(settings, "key", "new", "receipts", "--token", "--label", "theirs")
    assert (made["algorithm"], made["token_label"]) == ("rsa-sha256", "theirs")
    request = ran(settings, "key", "request", "receipts-1", "--subject", "CN=Trục")["request"]
    assert x509.load_pem_x509_csr(request.encode()).is_signature_valid
    refused = CliRunner().invoke(cli, ["key", "new", "receipts", "--token", "--label", "nobody"], env=environment(settings))
    assert refused.exit_code == 1 and "the token says NoSuchKey" in refused.output


def test_a_session_that_was_lost_is_opened_again(settings: Settings) -> None:
    """Once, and without anybody noticing."""
    held = a_token(settings)
    public = held.generate(Algorithm.ED25519, "lost")
    check(public, held.sign(Algorithm.ED25519, "lost", OCTETS))
    assert held._session is not None
    held._session.close()
    check(public, held.sign(Algorithm.ED25519, "lost", OCTETS))


@pytest.mark.parametrize(
    ("change", "says"), [({"pkcs11_pin": "1" * 8}, "PinIncorrect"), ({"pkcs11_token": "none"}, "NoSuchToken")]
)
def test_what_is_wrong_with_the_token_is_said_without_the_pin(settings: Settings, change: dict[str, str], says: str) -> None:
    """In errors, in printed settings, in their representation."""
    wrong = Settings(**{**shown(settings), **change})
    with pytest.raises(TokenError, match=says) as caught:
        a_token(wrong).sign(Algorithm.ED25519, "any", OCTETS)
    for text in (str(caught.value), repr(wrong), str(wrong.redacted()), repr(a_token(wrong))):
        assert wrong.pkcs11_pin not in text


async def test_a_token_that_does_not_answer_costs_one_timeout(files_with_token_key: tuple[KeyFiles, Token]) -> None:
    """Who asks is told to come again, the next ones at once; nothing else of the process waits."""
    files, held = files_with_token_key
    held.timeout_s = 0.05
    release = threading.Event()
    answer = held.sign
    held.sign = lambda *_: release.wait(30) and b""  # type: ignore[method-assign, assignment, return-value]
    keys = HubKeys(files, held, lambda: datetime.now(UTC))
    with pytest.raises(SigningUnavailable):
        await keys.statement(b"{}", TYP)
    held.timeout_s = 30.0
    async with asyncio.timeout(1):
        with pytest.raises(SigningUnavailable, match="a moment ago"):
            await keys.statement(b"{}", TYP)
    release.set()
    held.sign = answer  # type: ignore[method-assign]
    keys._token_back_at = 0.0
    assert await keys.statement(b"{}", TYP)
    keys.close()


@pytest.fixture
def files_with_token_key(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[KeyFiles, Token]:
    held, now = a_token(settings), datetime.now(UTC)
    files = KeyFiles(tmp_path / "keys")
    record = files.add_from_token(Purpose.STATEMENTS, held.generate(Algorithm.ED25519, request.node.name), request.node.name, now)
    files.change(lambda keys: activated(keys, record.name, now, now))
    return files, held


def shown(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in ("data_dir", "pkcs11_module", "pkcs11_token", "pkcs11_pin")}


def environment(settings: Settings) -> dict[str, str]:
    return {f"LGSP_{name.upper()}": str(value) for name, value in shown(settings).items()}


def ran(settings: Settings, *command: str, code: int | None = 0) -> Any:
    """What the command printed with --json."""
    result = CliRunner().invoke(cli, [*command, "--json"] if "--json" not in command else command, env=environment(settings))
    assert code is None or result.exit_code == code, result.output
    return json.loads(result.stdout)
