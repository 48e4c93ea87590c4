"""What the little PKI serves, judged by openssl and by another implementation of RFC 3161."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import rfc3161_client
from aiohttp.test_utils import TestServer
from cryptography import x509

from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.demo_pki.server import Followed, make_app
from signing import crl
from signing.report import Revocation
from signing.revocation import Grace, look_up
from signing.snapshot import RevocationSnapshot
from tests.integration.cli_hub import Hub, answers
from tests.servers.ports import free_port
from tests.servers.process import wait_until

CODE = "H01.101"


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    DemoPki.make({CODE: "Ủy ban nhân dân xã Mỹ Hòa Hưng"}, datetime.now(UTC)).save(tmp_path, datetime.now(UTC))
    return tmp_path


@pytest.fixture
async def url(folder: Path) -> AsyncIterator[str]:
    async with TestServer(make_app(Followed(folder))) as server:
        yield str(server.make_url("")).rstrip("/")


async def openssl(*arguments: object) -> str:
    process = await asyncio.create_subprocess_exec(
        "openssl", *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return output.decode()


async def fetch(url: str, body: bytes | None = None) -> bytes:
    async with aiohttp.ClientSession() as session, session.request("GET" if body is None else "POST", url, data=body) as answer:
        assert answer.status == 200
        return await answer.read()


async def test_the_list_is_what_the_hub_reads(url: str, folder: Path) -> None:
    """A certificate that another process withdrew stands in the next list."""
    pki = DemoPki.load(folder)
    seal = pki.seal(CODE)
    chain = (seal.certificate, *seal.issuers, pki.document_anchor)

    async def state() -> Revocation:
        now = datetime.now(UTC)
        lists = [
            crl.read(await fetch(f"{url}/crl/{name}.crl"), one, now) for name, one in (("agencies", chain[1]), ("root", chain[2]))
        ]
        return look_up(chain, RevocationSnapshot(now, tuple(lists)), now, Grace()).check.state

    assert await state() is Revocation.GOOD
    pki.with_revoked(f"agencies/{CODE}/seal", datetime.now(UTC)).save(folder, datetime.now(UTC))
    assert await state() is Revocation.REVOKED


@pytest.mark.parametrize(("name", "said"), [(f"agencies/{CODE}/seal", ": good"), ("examples/revoked", ": revoked")])
async def test_openssl_understands_its_ocsp_answers(url: str, folder: Path, name: str, said: str) -> None:
    """With a nonce, and with a responder authorised by the issuer."""
    issuer = folder / "authorities/agencies.pem"
    output = await openssl(
        *("ocsp", "-issuer", issuer, "-cert", folder / f"{name}.pem", "-url", f"{url}/ocsp/agencies"),
        *("-CAfile", folder / "anchors/documents.pem", "-verify_other", issuer, "-partial_chain"),
    )
    assert "Response verify OK" in output
    assert said in output
    assert "no nonce" not in output


async def test_another_issuers_responder_says_nothing(url: str, folder: Path) -> None:
    """Nor is what is no question answered with a fault of the server."""
    issuer, seal = folder / "authorities/agencies.pem", folder / f"agencies/{CODE}/seal.pem"
    assert "unauthorized" in await openssl("ocsp", "-issuer", issuer, "-cert", seal, "-url", f"{url}/ocsp/persons")
    assert x509.ocsp.load_der_ocsp_response(await fetch(f"{url}/ocsp/agencies", b"x")).response_status.name == "MALFORMED_REQUEST"


async def test_openssl_and_another_client_accept_its_time_stamps(url: str, folder: Path, tmp_path: Path) -> None:
    """Over data, with nonce and certificate; not over other data."""
    (tmp_path / "data").write_bytes(b"cong van")
    asked = tmp_path / "asked.tsq"
    await openssl("ts", "-query", "-data", tmp_path / "data", "-sha256", "-cert", "-out", asked)
    (tmp_path / "given.tsr").write_bytes(await fetch(f"{url}/tsa", asked.read_bytes()))
    anchor = folder / "anchors/time-stamps.pem"
    verify = ("ts", "-verify", "-in", tmp_path / "given.tsr", "-CAfile", anchor)
    assert "Verification: OK" in await openssl(*verify, "-data", tmp_path / "data")
    assert "Verification: OK" in await openssl(*verify, "-queryfile", asked)
    (tmp_path / "other").write_bytes(b"khac")
    assert "FAILED" in await openssl(*verify, "-data", tmp_path / "other")

    query = rfc3161_client.TimestampRequestBuilder().data(b"cong van").build()
    given = rfc3161_client.decode_timestamp_response(await fetch(f"{url}/tsa", query.as_bytes()))
    root = x509.load_pem_x509_certificate(anchor.read_bytes())
    verifier = rfc3161_client.VerifierBuilder.from_request(query).add_root_certificate(root).build()
    assert verifier.verify_message(given, b"cong van")
    assert abs(given.tst_info.gen_time - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("asked", [b"", b"no request", b"0\x03\x02\x01\x01"])
async def test_what_is_no_request_for_a_time_stamp_is_rejected(url: str, asked: bytes) -> None:
    """In the form of the standard."""
    given = rfc3161_client.decode_timestamp_response(await fetch(f"{url}/tsa", asked))
    assert given.status == 2


async def test_weak_digests_get_no_time_stamp(url: str, tmp_path: Path) -> None:
    """SHA-1 proves nothing."""
    (tmp_path / "data").write_bytes(b"x")
    await openssl("ts", "-query", "-data", tmp_path / "data", "-sha1", "-out", tmp_path / "asked.tsq")
    given = rfc3161_client.decode_timestamp_response(await fetch(f"{url}/tsa", (tmp_path / "asked.tsq").read_bytes()))
    assert given.status == 2


@pytest.mark.parametrize("path", ["crl/nobody.crl", "authorities/nobody.cer", "ocsp/time-stamp-root/AAAA"])
async def test_what_is_not_there_is_404(url: str, path: str) -> None:
    """Also the roots' OCSP, which does not exist."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/{path}") as answer:
        assert answer.status == 404


def test_the_command_serves(tmp_path: Path) -> None:
    """In another process, until it is interrupted."""
    port = free_port()
    command = ["demo-pki", str(tmp_path / "pki"), "--base-url", f"http://127.0.0.1:{port}", "--serve", "--json"]
    with Hub(tmp_path).start(*command) as process:
        assert wait_until(lambda: answers(port, "/crl/root.crl") or process.poll() is not None, 30)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
