"""Receipts and refusals that can be shown to others: signed by the hub, verified with nothing but what it publishes."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from contracts.kinds import find, read_body
from lgsp.core.key_set import Purpose, activated
from lgsp.http.signed import RECEIPT_TYPE, REFUSAL_TYPE
from lgsp.trust import keys
from lgsp.trust.key_files import KeyFiles
from lgsp.trust.keys import HubKeys, SigningUnavailable
from signing.jws import PublicKey, keys_of, verify
from signing.keys import Algorithm
from signing.local_key import LocalKey
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, STRANGER, HttpHub, Reply, http_hub

JOSE = {"Accept": "application/jose"}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


async def said(hub: HttpHub, token: str, typ: str) -> dict[str, Any]:
    """What is stated, verified by us and by a library of the partners' choice."""
    published = (await hub.call("GET", "/.well-known/jwks.json", agency=None)).octets
    found = jws.deserialize_compact(token, KeySet.import_key_set(json.loads(published)), algorithms=["Ed25519"])
    assert found.headers()["typ"] == typ
    assert verify(token, keys_of(published), typ).payload == found.payload
    statement: dict[str, Any] = json.loads(found.payload)
    return statement


def digest(octets: bytes) -> str:
    return f"sha256:{hashlib.sha256(octets).hexdigest()}"


def octets_of(envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, ensure_ascii=False).encode()


async def test_a_receipt_comes_signed_where_it_is_asked_for(hub: HttpHub) -> None:
    """At once, for a resend, and again later: always the same receipt, which is also what the plain form says."""
    envelope = hub.envelope()
    first = await hub.send(envelope, **JOSE)
    assert (first.status, first.headers["Content-Type"]) == (202, "application/jose")
    again = await hub.send(envelope, **JOSE)
    assert (again.status, again.headers["Lgsp-Duplicate"]) == (200, "true")
    path = first.headers["Location"] + "/receipt"
    later = await hub.call("GET", path, headers=JOSE)
    assert (later.status, later.headers["Vary"]) == (200, "Accept")
    assert first.octets == again.octets == later.octets
    receipt = await said(hub, first.octets.decode(), RECEIPT_TYPE)
    assert receipt == (await hub.call("GET", path)).json == (await hub.send(envelope)).json
    assert read_body(find("receipt/1"), json.dumps(receipt).encode(), "application/json")


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, application/jose", "text/html", ""])
async def test_a_receipt_is_plain_json_by_default(hub: HttpHub, accept: str | None) -> None:
    """Whoever does not ask for another form pays for none."""
    reply = await hub.send(hub.envelope(), **({} if accept is None else {"Accept": accept}))
    assert (reply.status, reply.headers["Content-Type"]) == (202, "application/json")


async def refused(hub: HttpHub, reply: Reply, octets: bytes | None, sender: str = COMMUNE) -> dict[str, Any]:
    """What the signed refusal states, compared with the problem document around it."""
    problem = reply.json
    statement = await said(hub, problem["signed"], REFUSAL_TYPE)
    for name, other in (("code", "code"), ("title_vi", "title_vi"), ("title_en", "title"), ("remedy_vi", "remedy_vi"),
                        ("remedy_en", "remedy"), ("status", "status"), ("retryable", "retryable")):  # fmt: skip
        assert statement[name] == problem[other]
    assert (statement.get("field", ""), statement.get("detail", "")) == (problem["field"], problem["detail"])
    assert (statement["hub"], statement["sender"]) == ("HUB", sender)
    assert statement.get("message_id") == problem.get("message_id")
    assert statement.get("received_digest") == (None if octets is None else digest(octets))
    assert abs(datetime.fromisoformat(statement["refused_at"]) - datetime.now(UTC)) < timedelta(seconds=60)
    assert read_body(find("refusal/1"), json.dumps(statement).encode(), "application/json")
    return statement


async def test_every_refusal_of_an_envelope_is_signed(hub: HttpHub) -> None:
    """Of which octets, from whom, why and when; also where nothing could be read of it."""
    for envelope, code in (
        (octets_of(hub.envelope(kind="case.unknown/1")), "kind.unknown"),
        (octets_of(hub.envelope(body={})), "body.invalid"),
        (octets_of(hub.envelope(recipients=["H01.0"])), "route.unknown_recipient"),
        (b'{"message_id": "half', "envelope.malformed"),
        (b"", "envelope.malformed"),
    ):
        reply = await hub.send(envelope)
        assert reply.json["code"] == code
        await refused(hub, reply, envelope)
    other = octets_of(hub.envelope(sender=LAND_OFFICE))
    statement = await refused(hub, await hub.send(other, agency=STRANGER), other, STRANGER)
    assert statement["code"] == "auth.sender_mismatch", "who was refused is who called, not who was named"


async def test_the_same_id_with_other_octets_gets_a_signed_refusal(hub: HttpHub) -> None:
    """Promise 3."""
    envelope = hub.envelope()
    await hub.send(envelope)
    other = octets_of(envelope | {"priority": 1})
    statement = await refused(hub, await hub.send(other), other)
    assert (statement["code"], statement["message_id"]) == ("envelope.id_reused", envelope["message_id"])


async def test_refusals_of_other_requests_are_signed_for_a_known_caller_only(hub: HttpHub) -> None:
    """A stranger was promised nothing; what was not read has no digest."""
    await refused(hub, await hub.call("GET", "/v1/envelopes/H01.134/none/receipt"), None)
    item = b'{"items": 7}'
    reply = await hub.call("POST", "/v1/mailbox/acknowledge", data=item, headers={"Content-Type": "application/json"})
    await refused(hub, reply, item)
    await refused(hub, await hub.send(b"x" * 400_000), None)
    assert "signed" not in (await hub.call("GET", "/v1/mailbox", agency=None)).json
    assert "signed" not in (await hub.call("GET", "/nowhere")).json


async def test_each_refused_line_of_a_batch_is_signed_by_itself(hub: HttpHub) -> None:
    """With the digest of its own octets; lines that were taken over get their receipt as before."""
    lines = [octets_of(hub.envelope()), octets_of(hub.envelope(kind="x/1")), b"{", octets_of(hub.envelope(body=[]))]
    reply = await hub.call(
        "POST", "/v1/envelopes:batch", data=b"\n".join(lines), headers={"Content-Type": "application/x-ndjson"}
    )
    answers = [json.loads(line) for line in reply.octets.splitlines()]
    assert [("receipt" in one, "signed" in one) for one in answers] == [(True, False), *[(False, True)] * 3]
    for line, answer in zip(lines[1:], answers[1:], strict=True):
        statement = await said(hub, answer["signed"], REFUSAL_TYPE)
        assert statement == answer["refusal"]
        assert (statement["received_digest"], statement["sender"]) == (digest(line), COMMUNE)


async def test_not_now_is_no_refusal_and_is_not_signed(tmp_path: Path) -> None:
    """429 and 503: the same bytes may come again, so there is nothing to show to anybody."""
    async with http_hub(tmp_path, quota_per_s=0.001, quota_burst=1) as hub:
        assert (await hub.send(hub.envelope())).status == 202
        reply = await hub.send(hub.envelope())
        assert (reply.status, "signed" in reply.json) == (429, False)


async def test_keys_change_under_load_and_every_answer_is_verified_by_the_set_before_or_after_it(
    hub: HttpHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five changes, each at once as in an emergency, the old key retired right behind; receipts and refusals go on meanwhile."""
    monkeypatch.setattr(keys, "_LOOK_EVERY_S", 0.0)
    files, done, moved = KeyFiles(tmp_path / "keys"), asyncio.Event(), asyncio.Event()
    kids: set[str] = set()

    async def published() -> tuple[PublicKey, ...]:
        return keys_of((await hub.call("GET", "/.well-known/jwks.json", agency=None)).octets)

    async def ask() -> None:
        while not done.is_set():
            before = await published()
            receipt = (await hub.send(hub.envelope(), **JOSE)).octets.decode()
            refusal = (await hub.send(hub.envelope(kind="x/1"))).json["signed"]
            known = (*before, *await published())
            found = {verify(receipt, known, RECEIPT_TYPE).kid, verify(refusal, known, REFUSAL_TYPE).kid}
            if found - kids:
                moved.set()
            kids.update(found)

    async def change() -> None:
        for number in range(1, 6):
            moved.clear()
            record = files.add(Purpose.STATEMENTS, LocalKey.new(Algorithm.ED25519), datetime.now(UTC))
            files.change(lambda found: activated(found, record.name, datetime.now(UTC), datetime.now(UTC)))  # noqa: B023
            files.retire(f"statements-{number}", None, datetime.now(UTC))
            await moved.wait()
        done.set()

    async with asyncio.timeout(60):
        await asyncio.gather(ask(), ask(), ask(), change())
    assert len(kids) >= 5


async def test_without_a_key_that_answers_refusals_are_given_all_the_same(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unsigned; a signed receipt is told to come later, the envelope stays accepted, and accepting goes on."""

    async def away(*_: Any) -> str:
        raise SigningUnavailable("the token says DeviceRemoved")

    monkeypatch.setattr(HubKeys, "statement", away)
    reply = await hub.send(hub.envelope(kind="x/1"))
    assert reply.json["code"] == "kind.unknown" and "signed" not in reply.json
    envelope = hub.envelope()
    later = await hub.send(envelope, **JOSE)
    assert (later.status, later.json["code"], "Retry-After" in later.headers) == (503, "hub.signing_unavailable", True)
    assert (await hub.send(envelope)).headers["Lgsp-Duplicate"] == "true"
    monkeypatch.undo()
    assert (await hub.send(envelope, **JOSE)).status == 200
