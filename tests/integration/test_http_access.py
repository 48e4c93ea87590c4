"""Who may call, and what they may see: tokens, certificates, closed agencies, other agencies' envelopes."""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contracts.agency import AgencyCode
from lgsp.core.directory import Agency
from lgsp.core.log.record import Action, decode
from lgsp.http.access_token import AccessTokens
from lgsp.http.app import ROUTES
from lgsp.http.client_secret import hash_secret
from lgsp.http.server import tls_context
from lgsp.ports import Credential
from lgsp.settings import Settings
from tests.integration.http_hub import CLOSED, COMMUNE, LAND_OFFICE, SECRET, STRANGER, HttpHub, Reply, http_hub
from tests.integration.test_http_envelopes import assert_problem

FORM = {"grant_type": "client_credentials", "client_id": "commune", "client_secret": SECRET}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


async def ask(hub: HttpHub, form: dict[str, str], **headers: str) -> Reply:
    return await hub.call("POST", "/oauth/token", agency=None, data=form, headers=headers)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


async def test_client_credentials_become_a_token_that_works(hub: HttpHub) -> None:
    """In the form or as Basic; the token is a Bearer for the agency of the client, and is not to be stored by proxies."""
    in_form = await ask(hub, FORM)
    as_basic = await ask(hub, {"grant_type": "client_credentials"}, Authorization=basic("commune", SECRET.replace(" ", "+")))
    for reply in (in_form, as_basic):
        assert (reply.status, reply.json["token_type"], reply.headers["Cache-Control"]) == (200, "Bearer", "no-store")
        assert reply.json["expires_in"] == 3600
        headers = {"Authorization": f"Bearer {reply.json['access_token']}"}
        assert (await hub.call("GET", "/v1/mailbox", agency=None, headers=headers)).status == 200


async def test_an_operator_does_not_log_in_unseen(hub: HttpHub) -> None:
    """It stands in the evidence log before the token leaves; who fails, and systems of agencies, leave nothing there."""
    operator = Agency(code=AgencyCode("HUB"), name_vi="Trung tâm dữ liệu tỉnh", level="hub")
    await hub.hub.store.save_agencies([operator])
    await hub.hub.store.save_credentials([Credential(client_id="an", agency=operator.code, secret_hash=hash_secret(SECRET))])
    await hub.hub.directory.refresh()
    before = (await hub.hub.store.log_head()).size
    await ask(hub, FORM)
    await ask(hub, FORM | {"client_id": "an", "client_secret": "wrong"})
    assert (await hub.hub.store.log_head()).size == before
    assert (await ask(hub, FORM | {"client_id": "an"})).status == 200
    (leaf,) = await hub.hub.store.log_leaves(before, 9)
    told = decode(leaf)
    assert isinstance(told, Action)
    assert (told.name, told.by, told.subject) == ("login", "an", "HUB")


@pytest.mark.parametrize(
    ("form", "authorization", "status", "error"),
    [
        (FORM | {"client_secret": "wrong"}, None, 401, "invalid_client"),
        (FORM | {"client_id": "nobody"}, None, 401, "invalid_client"),
        (FORM | {"client_id": "\x00"}, None, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, None, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, "Basic !!!", 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, "Bearer abc", 401, "invalid_client"),
        (FORM, basic("commune", SECRET), 400, "invalid_request"),
        (FORM | {"grant_type": "password"}, None, 400, "unsupported_grant_type"),
        ({"client_id": "commune"}, None, 400, "invalid_request"),
    ],
)
async def test_a_wrong_token_request_is_refused_as_the_standard_says(
    hub: HttpHub, form: dict[str, str], authorization: str | None, status: int, error: str
) -> None:
    """RFC 6749, section 5.2: the code, and for 401 the scheme to use."""
    reply = await ask(hub, form, **({"Authorization": authorization} if authorization else {}))
    assert (reply.status, reply.json["error"]) == (status, error)
    assert reply.json["error_description"] and reply.json["error_description_vi"]
    assert ("WWW-Authenticate" in reply.headers) == (status == 401)


async def test_a_parameter_given_twice_is_refused(hub: HttpHub) -> None:
    """RFC 6749, section 3.2: no parameter more than once."""
    octets = b"grant_type=client_credentials&client_id=commune&client_id=x&client_secret=y"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await hub.call("POST", "/oauth/token", agency=None, data=octets, headers=headers)
    assert (reply.status, reply.json["error"]) == (400, "invalid_request")


async def test_a_disabled_client_gets_no_token(hub: HttpHub) -> None:
    """The right secret of a disabled client is answered like a wrong one."""
    disabled = Credential(client_id="old", agency=COMMUNE, secret_hash=hash_secret(SECRET), disabled=True)
    await hub.hub.store.save_credentials([disabled])
    assert (await ask(hub, FORM | {"client_id": "old"})).status == 401


async def test_guessing_is_slowed_down(hub: HttpHub) -> None:
    """After ten failures a client id is not looked at for a while; other clients are."""
    wrong = FORM | {"client_id": "guessed", "client_secret": "wrong"}
    assert {(await ask(hub, wrong)).status for _ in range(10)} == {401}
    throttled = await ask(hub, wrong)
    assert (throttled.status, throttled.json["error"]) == (429, "temporarily_unavailable")
    assert int(throttled.headers["Retry-After"]) > 0
    assert (await ask(hub, FORM)).status == 200


async def test_every_route_that_is_not_open_wants_a_caller(hub: HttpHub) -> None:
    """401 auth.missing without credentials, auth.invalid with wrong ones, before anything else is looked at."""
    closed = [route for route in hub.app[ROUTES] if route.public is None]
    assert len(closed) > 15
    for route in closed:
        path = route.path.replace("{", "").replace("}", "")
        for headers, code in (({}, "auth.missing"), ({"Authorization": "Bearer x.y.z"}, "auth.invalid")):
            reply = await hub.call(route.method, path, agency=None, headers=headers)
            assert reply.status == 401 and reply.headers["WWW-Authenticate"] == 'Bearer realm="lgsp"', (route.name, reply)
            if route.method != "HEAD":
                assert_problem(reply, 401, code, "Authorization")


async def test_a_token_of_another_key_or_time_is_refused(hub: HttpHub) -> None:
    """Signature, issuer and life are checked, and an algorithm of the caller's choice is not."""
    now = datetime.now(UTC)
    key = (hub.hub.settings.token_key_path).read_bytes()
    unsigned = ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (b'{"alg":"none"}', b'{"iss":"HUB","sub":"H01.134","exp":9999999999}', b"")
    )
    forged = (
        AccessTokens(b"x" * 32, "HUB", 600, lambda: now).issue(COMMUNE, "c"),
        AccessTokens(key, "OTHER", 600, lambda: now).issue(COMMUNE, "c"),
        AccessTokens(key, "HUB", 600, lambda: now - timedelta(seconds=601)).issue(COMMUNE, "c"),
        AccessTokens(key, "HUB", 600, lambda: now).issue(AgencyCode("H01.404"), "c"),
        unsigned,
        "x" * 5000,
    )
    for token in forged:
        reply = await hub.call("GET", "/v1/mailbox", agency=None, headers={"Authorization": f"Bearer {token}"})
        assert_problem(reply, 401, "auth.invalid", "Authorization")


async def test_a_closed_agency_is_refused(hub: HttpHub) -> None:
    """403 from its closing day on, and the remedy points to the successor."""
    assert_problem(await hub.call("GET", "/v1/mailbox", agency=CLOSED), 403, "auth.agency_closed")


async def test_envelopes_of_others_do_not_exist(hub: HttpHub) -> None:
    """404 access.not_a_party for status, receipt, timeline, delivery, body and case; the same as for what is not there."""
    envelope = hub.envelope()
    sent = await hub.send(envelope)
    delivery = sent.json["deliveries"][0]["delivery_id"]
    place = sent.headers["Location"]
    hidden = (
        place,
        place + "/receipt",
        place + "/status",
        place + "/timeline",
        f"/v1/envelopes/{COMMUNE}/not-there",
        "/v1/envelopes/%20/x",
        f"/v1/mailbox/{delivery}",
        f"/v1/mailbox/{delivery}/body",
        "/v1/mailbox/99999999999999999999",
        "/v1/mailbox/x",
        f"/v1/cases/{envelope['body']['case_number']}",
        "/v1/cases/%00",
        "/v1/cases/" + "x" * 1000,
    )
    for path in hidden:
        assert_problem(await hub.call("GET", path, agency=STRANGER), 404, "access.not_a_party")
    answer = await hub.call("POST", "/v1/mailbox/acknowledge", agency=STRANGER, json={"items": [{"delivery_id": delivery}]})
    assert answer.json["results"] == [{"delivery_id": delivery, "applied": False, "state": None}]


async def test_a_recipient_sees_its_own_delivery_only(hub: HttpHub) -> None:
    """The sender sees both deliveries and the receipt; a recipient its own delivery and events, and no receipt."""
    sent = await hub.send(hub.envelope(recipients=[LAND_OFFICE, STRANGER]))
    place = sent.headers["Location"]
    assert {one["recipient"] for one in (await hub.call("GET", place)).json["deliveries"]} == {LAND_OFFICE, STRANGER}
    seen = (await hub.call("GET", place, agency=STRANGER)).json
    assert [one["recipient"] for one in seen["deliveries"]] == [STRANGER]
    events = (await hub.call("GET", place + "/timeline", agency=STRANGER)).json["events"]
    assert {event["recipient"] for event in events if "recipient" in event} == {STRANGER}
    assert len((await hub.call("GET", place + "/timeline")).json["events"]) > len(events)
    assert_problem(await hub.call("GET", place + "/receipt", agency=STRANGER), 404, "access.not_a_party")
    assert (await hub.call("GET", place + "/receipt")).octets == sent.octets


async def test_a_sender_finds_its_envelope_under_any_of_its_codes(hub: HttpHub) -> None:
    """Written with the alias, found with the alias."""
    sent = await hub.send(hub.envelope(sender="000.00.15.H01"))
    assert sent.status == 202, sent.octets
    found = await hub.call("GET", sent.headers["Location"])
    assert found.status == 200
    assert (await hub.call("GET", sent.headers["Location"] + "/receipt")).octets == sent.octets


# --- client certificates ------------------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority of this test's own."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self._key, is_authority=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path, str]:
        """Certificate file, key file, fingerprint."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, is_authority=False)
        cert_file, key_file = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
        return cert_file, key_file, hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


async def test_a_client_certificate_speaks_for_the_agency_it_is_registered_for(tmp_path: Path) -> None:
    """Registered: its agency. Unknown: 401. Of another authority: no connection. None and no token: 401.
    With a token of another agency: 401, since a caller is exactly one agency."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    server_cert, server_key, _ = ours.issue("localhost")
    known_cert, known_key, fingerprint = ours.issue("commune")
    unknown_cert, unknown_key, _ = ours.issue("unknown")
    foreign_cert, foreign_key, _ = theirs.issue("foreign")
    tls: dict[str, Any] = {"tls_cert_file": server_cert, "tls_key_file": server_key, "tls_client_ca_file": ours.file}

    def client(certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(ours.file))
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        return context

    async with http_hub(tmp_path / "var", tls=tls_context(Settings(**tls)), **tls) as hub:
        await hub.hub.store.save_certificate(fingerprint, COMMUNE)
        await hub.hub.directory.refresh()
        url = hub.url.replace("127.0.0.1", "localhost") + "/v1/mailbox"
        token = hub.headers(LAND_OFFICE)
        for context, headers, status in (
            (client(known_cert, known_key), {}, 200),
            (client(known_cert, known_key), hub.headers(COMMUNE), 200),
            (client(known_cert, known_key), token, 401),
            (client(unknown_cert, unknown_key), {}, 401),
            (client(), {}, 401),
            (client(), token, 200),
        ):
            async with hub.client.get(url, ssl=context, headers=headers) as response:
                assert response.status == status
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            async with hub.client.get(url, ssl=client(foreign_cert, foreign_key)) as response:
                await response.read()


async def test_what_is_no_http_or_too_long_is_answered_400(hub: HttpHub) -> None:
    """Heads beyond the limits end with 400 or 431 and the connection, never with 500."""
    host, port = hub.url.removeprefix("http://").split(":")
    for head in (
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n",
        b"POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head)
        status = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        assert status.split()[1] in (b"400", b"431"), (head[:40], status)


async def test_a_body_that_trickles_in_is_given_up(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """408 once the pace is lost; nothing is stored."""
    monkeypatch.setattr("lgsp.http.reading._GRACE_S", 0.2)
    host, port = hub.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nAuthorization: {hub.headers()['Authorization']}\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
    writer.close()
    assert b" 408 " in answer.splitlines()[0] and b'"code":"request.timeout"' in answer
    assert await hub.stored() == 0


async def test_broken_chunks_are_answered_400(hub: HttpHub) -> None:
    """A chunk size that is none: a problem document, nothing stored."""
    host, port = hub.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nAuthorization: {hub.headers()['Authorization']}\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{ \r\n"
    writer.write(head.encode())
    await writer.drain()
    writer.write(b"zz\r\n")
    answer = await asyncio.wait_for(reader.read(4096), 10)
    writer.close()
    assert b" 400 " in answer.splitlines()[0], answer
    assert await hub.stored() == 0
