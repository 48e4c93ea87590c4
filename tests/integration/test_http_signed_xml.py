"""Receipts and refusals in XML, as XAdES with an authority's certificate: verified by xmlsec, by signxml and by our verifier."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from contracts.kinds import find
from contracts.kinds.xml import from_xml
from contracts.receipt import Receipt, Refusal
from lgsp.core.key_set import Purpose, activated
from lgsp.trust.key_files import KeyFiles
from signing.keys import Algorithm
from signing.local_key import LocalKey
from signing.paths import Anchors
from signing.profiles import ENVELOPE_XADES
from signing.report import TimeEvidence, Verdict
from signing.trust import TrustBase
from signing.verify import check
from tests.integration.http_hub import COMMUNE, HttpHub, Reply, http_hub
from tests.integration.test_http_signed import digest, octets_of
from tests.signatures import Holder, Key, issue, rsa_key, signxml_says, xmlsec_says

XML = {"Accept": "application/xml"}
_NOW = datetime.now(UTC)
IN_FORCE = {"begins": _NOW - timedelta(days=1), "ends": _NOW + timedelta(days=30)}


@cache
def root() -> Holder:
    return issue("Tổ chức chứng thực", rsa_key(), ca=True, **IN_FORCE)


@cache
def middle() -> Holder:
    return issue("Tổ chức chứng thực trung gian", rsa_key(), root(), ca=True, **IN_FORCE)


@pytest.fixture(params=[Algorithm.ECDSA_P256_SHA256, Algorithm.RSA_SHA256])
def holder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Holder]:
    """The hub's key for XML, with a certificate of an intermediate authority, as `lgsp key` installs it."""
    files, key, now = KeyFiles(tmp_path / "keys"), LocalKey.new(request.param), datetime.now(UTC)
    assert isinstance(key.key, Key)
    record = files.add(Purpose.RECEIPTS, key, now)
    own = issue("Trục liên thông tỉnh", key.key, middle(), **IN_FORCE)
    files.certify(record.name, own.pem + middle().pem + root().pem)
    files.change(lambda keys: activated(keys, record.name, now, now))
    yield own


@pytest.fixture
async def hub(holder: Holder, tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


def said(reply: Reply, kind: str, holder: Holder) -> Receipt | Refusal:
    """What the document states. Two independent implementations, and our own verifier, which also follows the path."""
    assert reply.headers["Content-Type"] == "application/xml"
    assert xmlsec_says(reply.octets, holder)
    assert signxml_says(reply.octets, holder, references=2)
    now = datetime.now(UTC)
    checked = check(reply.octets, ENVELOPE_XADES, TrustBase(documents=Anchors.of_pem(root().pem)), now)
    assert checked.report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert checked.report.time_evidence is TimeEvidence.CLAIMED
    assert checked.report.path is not None and len(checked.report.path.chain) == 3
    assert checked.content is not None
    stated = from_xml(find(kind), etree.tostring(checked.content))
    assert isinstance(stated, Receipt | Refusal)
    changed = reply.octets.replace(b"<sender>H01.134<", b"<sender>H01.135<")
    assert changed != reply.octets and not xmlsec_says(changed, holder)
    return stated


async def test_a_receipt_in_xml(hub: HttpHub, holder: Holder) -> None:
    """At once and later; the same as the plain one."""
    reply = await hub.send(hub.envelope(), **XML)
    assert reply.status == 202
    receipt = said(reply, "receipt/1", holder)
    later = await hub.call("GET", reply.headers["Location"] + "/receipt", headers=XML)
    assert said(later, "receipt/1", holder) == receipt
    plain = (await hub.call("GET", reply.headers["Location"] + "/receipt")).json
    assert isinstance(receipt, Receipt)
    assert (receipt.digest, receipt.sequence) == (plain["digest"], plain["sequence"])


async def test_a_refusal_in_xml(hub: HttpHub, holder: Holder) -> None:
    """With the status of the problem it stands for; who was refused, of which octets and why."""
    envelope = octets_of(hub.envelope(kind="case.unknown/1"))
    reply = await hub.send(envelope, **XML)
    refusal = said(reply, "refusal/1", holder)
    assert isinstance(refusal, Refusal)
    assert (reply.status, refusal.status, refusal.code) == (422, 422, "kind.unknown")
    assert (refusal.sender, refusal.received_digest) == (COMMUNE, digest(envelope))
    assert (await hub.send(envelope)).headers["Content-Type"] == "application/problem+json"
    either = await hub.send(envelope, Accept="application/json, application/xml;q=0.5")
    assert either.headers["Content-Type"] == "application/problem+json" and "signed" in either.json


async def test_strangers_and_not_now_are_answered_as_ever(hub: HttpHub) -> None:
    """Nothing is signed for whoever is not known."""
    reply = await hub.call("GET", "/v1/mailbox", agency=None, headers=XML)
    assert (reply.status, reply.headers["Content-Type"]) == (401, "application/problem+json")


async def test_the_certificate_is_published_with_the_keys(hub: HttpHub, holder: Holder) -> None:
    """Beside the key for statements."""
    keys = (await hub.call("GET", "/.well-known/jwks.json", agency=None)).json["keys"]
    assert {one["kty"] for one in keys} >= {"OKP"}
    assert [len(one["x5c"]) for one in keys if "x5c" in one] == [2]


async def test_a_hub_without_a_certificate_answers_in_json(tmp_path: Path) -> None:
    """A receipt in another form is better than none."""
    async with http_hub(tmp_path / "other") as hub:
        reply = await hub.send(hub.envelope(), **XML)
        assert (reply.status, reply.headers["Content-Type"]) == (202, "application/json")
        refused = await hub.send(hub.envelope(kind="x/1"), **XML)
        assert refused.headers["Content-Type"] == "application/problem+json" and "signed" in refused.json
