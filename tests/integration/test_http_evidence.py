"""Bundles of evidence over HTTP: who gets what, and that each proves it without the hub."""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.agency import AgencyCode
from lgsp.core.directory import Agency
from lgsp.core.key_set import Purpose, activated
from lgsp.evidence.findings import Exit, Finding, Result, State
from lgsp.evidence.given import Given
from lgsp.evidence.verify import verify
from lgsp.ports import Erasure
from lgsp.trust.key_files import KeyFiles
from signing.jose import thumbprints
from signing.keys import Algorithm
from signing.local_key import LocalKey
from tests.integration.http_hub import AGENCIES, COMMUNE, LAND_OFFICE, STRANGER, HttpHub, Reply, http_hub
from tests.integration.test_http_attachments import DIGEST, FILE, create, patch
from tests.integration.test_http_envelopes import assert_problem
from tests.integration.test_http_signed_xml import IN_FORCE, middle, root
from tests.signatures import issue

OPERATOR = AgencyCode("H01")


@pytest.fixture(params=[True, False], ids=["certificate", "statement"])
def certified(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[bool]:
    """Whether the hub has a key with a certificate."""
    if request.param:
        files, key, now = KeyFiles(tmp_path / "keys"), LocalKey.new(Algorithm.ECDSA_P256_SHA256), datetime.now(UTC)
        record = files.add(Purpose.RECEIPTS, key, now)
        files.certify(record.name, issue("Trục liên thông tỉnh", key.key, middle(), **IN_FORCE).pem + middle().pem + root().pem)
        files.change(lambda keys: activated(keys, record.name, now, now))
    yield bool(request.param)


@pytest.fixture
async def hub(certified: bool, tmp_path: Path) -> AsyncIterator[HttpHub]:
    operator = Agency(code=OPERATOR, name_vi="Trục liên thông tỉnh", level="hub")
    known = [one for one in AGENCIES if one.code != OPERATOR]
    async with http_hub(tmp_path, agencies=(*known, operator)) as running:
        yield running


async def given(hub: HttpHub) -> Given:
    """What a party keeps of the hub's keys."""
    jwks = await hub.call("GET", "/.well-known/jwks.json", agency=None)
    keys = hub.hub.keys
    assert keys is not None and hub.hub.keeper is not None
    return Given(keys.log_verifiers(hub.hub.keeper.origin), thumbprints(jwks.octets))


def checked(reply: Reply, brought: Given) -> Result:
    assert reply.status == 200, reply.octets
    assert reply.headers["Content-Type"] == "application/vnd.etsi.asic-e+zip"
    return verify(io.BytesIO(reply.octets), brought, datetime.now(UTC))


def manifest(reply: Reply) -> Any:
    return json.loads(zipfile.ZipFile(io.BytesIO(reply.octets)).read("manifest.json"))


async def sent(hub: HttpHub, **fields: Any) -> str:
    """With an attachment, to the land office, which acknowledges it; the path of its evidence."""
    location = await create(hub, len(FILE))
    assert (await patch(hub, location, 0, FILE)).status == 204
    attachment = {"digest": DIGEST, "size_bytes": len(FILE), "name": "giấy phép.pdf"}
    receipt = await hub.send(hub.envelope(attachments=[attachment]) | fields)
    assert receipt.status == 202, receipt.octets
    delivery = next(one for one in receipt.json["deliveries"] if one["recipient"] == LAND_OFFICE)
    items = {"items": [{"delivery_id": delivery["delivery_id"], "reason": "đã nhận"}]}
    await hub.call("POST", "/v1/mailbox/acknowledge", agency=LAND_OFFICE, json=items)
    return f"/v1/envelopes/{COMMUNE}/{receipt.json['message_id']}/evidence"


def found(result: Result, what: str) -> list[Finding]:
    return [one for one in result.findings if one.what == what]


async def test_a_sender_takes_away_what_proves_its_envelope(hub: HttpHub, certified: bool) -> None:
    """All of it fits by the keys that the sender has kept, and the seal is the one that the hub can make."""
    reply = await hub.call("GET", await sent(hub))
    result = checked(reply, await given(hub))
    assert [one for one in result.findings if one.state in (State.WRONG, State.UNCONFIRMED)] == []
    assert result.exit is Exit.PROVED
    names = set(zipfile.ZipFile(io.BytesIO(reply.octets)).namelist())
    assert ("META-INF/signature.p7s" in names, "messages/1/receipt.xml" in names) == (certified, certified)
    assert {"messages/1/receipt.jws", "messages/1/attachment-1.pdf", "report.pdf", "log/checkpoint.txt"} <= names
    (proven,) = result.messages
    assert [one.name for one in proven.timeline][:2] == ["accepted", "routed"] and proven.timeline[-1].name == "delivered"
    assert proven.timeline[-1].detail == "đã nhận" or proven.timeline[-1].reason == "đã nhận"


async def test_postgresql_gives_the_same_proofs(tmp_path: Path, postgres_dsn: str, amqp_url: str, rabbit_prefix: str) -> None:
    """Salts, records and hashes come out of the other journal as they went in."""
    async with http_hub(tmp_path, journal_url=postgres_dsn, amqp_url=amqp_url, broker_prefix=rabbit_prefix.rstrip("-")) as hub:
        result = checked(await hub.call("GET", await sent(hub)), await given(hub))
        assert result.exit is Exit.PROVED and len(result.messages[0].timeline) > 2


async def test_without_its_keys_it_is_consistent_and_no_more(hub: HttpHub) -> None:
    result = checked(await hub.call("GET", await sent(hub)), Given())
    assert result.exit is Exit.KEYS_NOT_CONFIRMED


async def test_a_recipient_gets_its_own_part(hub: HttpHub) -> None:
    """Neither the receipt nor what happened to others, and that is proved as well."""
    path = await sent(hub, recipients=[LAND_OFFICE, STRANGER])
    reply = await hub.call("GET", path, agency=LAND_OFFICE)
    result = checked(reply, await given(hub))
    assert result.exit is Exit.PROVED and result.view == "party"
    assert [one.state for one in found(result, "receipt")] == [State.NOT_HERE]
    assert {one.recipient for one in result.messages[0].timeline} == {"", LAND_OFFICE}


async def test_the_operator_gets_all_of_it_and_the_log_says_so(hub: HttpHub) -> None:
    path = await sent(hub, recipients=[LAND_OFFICE, STRANGER])
    result = checked(await hub.call("GET", path, agency=OPERATOR), await given(hub))
    assert result.exit is Exit.PROVED and result.view == "whole"
    assert {one.recipient for one in result.messages[0].timeline} == {"", LAND_OFFICE, STRANGER}
    leaves = await hub.hub.store.log_leaves(0, 1000)
    assert sum(b"evidence_exported" in one for one in leaves) == 1


async def test_a_case_is_one_bundle(hub: HttpHub) -> None:
    """Every envelope that bears the number, each with its records under one checkpoint."""
    number = [{"scheme": "case", "value": "H01.101-261128-9999"}]
    for _ in range(2):
        await sent(hub, identifiers=number)
    result = checked(await hub.call("GET", "/v1/cases/H01.101-261128-9999/evidence"), await given(hub))
    assert result.exit is Exit.PROVED and len(result.messages) == 2
    assert_problem(await hub.call("GET", "/v1/cases/nothing-bears-this/evidence"), 404, "access.not_a_party", "identifier")


async def test_nobody_else_learns_that_there_is_something(hub: HttpHub) -> None:
    path = await sent(hub)
    assert_problem(await hub.call("GET", path, agency=STRANGER), 404, "access.not_a_party", "message_id")


async def test_after_the_erasure_the_rest_is_proved(hub: HttpHub) -> None:
    path = await sent(hub)
    before = manifest(await hub.call("GET", path))["messages"][0]
    erasure = Erasure(sequence=before["sequence"], reason="retention", detail="a rule")
    assert [one.outcome for one in await hub.hub.store.erase([erasure], datetime.now(UTC))] == ["erased"]
    reply = await hub.call("GET", path)
    result = checked(reply, await given(hub))
    assert result.exit is Exit.PROVED
    assert {one.what for one in result.findings if one.state is State.NOT_HERE} >= {"envelope", "attachment"}
    assert before["leaves"][0]["leaf"] == manifest(reply)["messages"][0]["leaves"][0]["leaf"]
    assert "body_erased" in {one.name for one in result.messages[0].timeline}


async def test_more_bundles_than_can_be_made_have_to_come_again(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await sent(hub)
    monkeypatch.setattr("lgsp.flow.evidence._WAITING", 0)
    reply = await hub.call("GET", path)
    assert (reply.status, reply.json["code"]) == (503, "hub.overloaded") and "Retry-After" in reply.headers


async def test_a_bundle_that_would_be_too_large_is_refused(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lgsp.flow.evidence.MAX_BODIES_BYTES", 10)
    assert_problem(await hub.call("GET", await sent(hub)), 422, "evidence.too_large")
