"""The hub's questions, answered by openssl: an OCSP responder and a time-stamp authority that are not ours."""

import asyncio
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lgsp.trust import memory
from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.fetching import Fetcher
from lgsp.trust.hosts import Hosts
from lgsp.trust.keeper import Keeper, Rules
from lgsp.trust.places import INBOX, WANTED
from lgsp.trust.stamping import NoStamp, Stamper
from lgsp.trust.store import TrustStore
from lgsp.trust.wanted import WantedFolder
from signing.paths import Anchors
from signing.report import Revocation
from signing.revocation import Grace, look_up
from signing.trust import TrustBase
from tests.servers.ports import free_port
from tests.servers.process import wait_until

CODE = "H01.101"
_TSA = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/services/time-stamps.pem
signer_key = {folder}/services/time-stamps.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def folder(tmp_path: Path, port: int) -> Path:
    assert shutil.which("openssl") is not None
    DemoPki.make({CODE: "Ủy ban nhân dân xã Mỹ Hòa Hưng"}, now(), f"http://127.0.0.1:{port}").save(tmp_path / "pki", now())
    return tmp_path / "pki"


@contextmanager
def responder(folder: Path, port: int, entry: str) -> Iterator[None]:
    """`entry`: what the index of `openssl ca` says of the seal, with {serial} in it."""
    serial = DemoPki.load(folder).seal(CODE).certificate.serial_number
    (folder / "index.txt").write_text(entry.format(serial=f"{serial:040X}") + "\tunknown\t/CN=x\n")
    command = ["openssl", "ocsp", "-port", str(port), "-index", "index.txt", "-CA", "authorities/agencies.pem", "-ndays", "1"]
    command += ["-rsigner", "services/ocsp-agencies.pem", "-rkey", "services/ocsp-agencies.key", "-ignore_err"]
    log = (folder / "ocsp.log").open("wb")
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        assert wait_until(lambda: b"waiting for" in (folder / "ocsp.log").read_bytes() or process.poll() is not None, 20)
        yield
    finally:
        process.kill()
        process.wait()
        log.close()


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        ("V\t490101000000Z\t\t{serial}", Revocation.GOOD),
        ("R\t490101000000Z\t260101000000Z,keyCompromise\t{serial}", Revocation.REVOKED),
        ("V\t490101000000Z\t\t01", Revocation.UNKNOWN),
    ],
)
async def test_its_ocsp_responder_is_understood(folder: Path, port: int, tmp_path: Path, entry: str, state: Revocation) -> None:
    """Good, revoked, and unknown to the authority. Of the authority itself a list speaks that was brought by hand."""
    pki = DemoPki.load(folder)
    seal = pki.seal(CODE)
    chain = (seal.certificate, *seal.issuers, pki.document_anchor)
    store, evidence = TrustStore(tmp_path / "trust"), tmp_path / "revocation"
    store.add(pki.document_anchor, "documents", at=now(), by="lan", note="")
    WantedFolder(evidence / WANTED).ask(chain)
    (evidence / INBOX).mkdir()
    shutil.copy(folder / "crl/root.crl", evidence / INBOX)
    rules = Rules(refresh=timedelta(hours=1), max_bytes=100_000, grace=Grace())
    with responder(folder, port, entry):
        async with Fetcher.open(Hosts.of([f"127.0.0.1:{port}"]), timeout_s=20) as fetcher:
            keeper = Keeper(evidence, store, fetcher, rules, now, random.random)
            await keeper.open()
            await keeper.step()
            await keeper.settled()
    assert look_up(chain, memory.read_snapshot(evidence), now(), Grace()).check.state is state
    if state is Revocation.UNKNOWN:
        assert "ocsp.unknown" in {one.code for one in keeper.progress.values()}


async def test_its_time_stamps_are_understood(folder: Path) -> None:
    """And one under another anchor is not trusted."""
    (folder / "tsa.cnf").write_text(_TSA.format(folder=folder))

    async def serve(request: web.Request) -> web.Response:
        (folder / "asked.tsq").write_bytes(await request.read())
        command = ["ts", "-reply", "-config", "tsa.cnf", "-section", "one", "-queryfile", "asked.tsq", "-out", "given.tsr"]
        process = await asyncio.create_subprocess_exec("openssl", *command, cwd=folder, stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
        return web.Response(body=(folder / "given.tsr").read_bytes())

    app = web.Application()
    app.router.add_post("/", serve)
    pki = DemoPki.load(folder)
    async with TestServer(app) as server, Fetcher.open(None, timeout_s=20) as fetcher:

        def stamper(anchors: Anchors) -> Stamper:
            return Stamper(fetcher, [str(server.make_url("/"))], lambda: TrustBase(time_stamps=anchors), now, lambda chain: None)

        given = await stamper(Anchors((pki.time_stamp_anchor,))).stamp(b"tree head 42")
        assert given.policy == "1.2.3.4.1"
        assert abs(given.at - now()) < timedelta(minutes=1)
        with pytest.raises(NoStamp, match="path"):
            await stamper(Anchors((pki.document_anchor,))).stamp(b"tree head 42")
