"""One signed status over all recipients of an envelope."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jws
from joserfc.jwk import KeySet

from contracts.agency import AgencyCode
from contracts.envelope import MAX_RECIPIENTS, Envelope
from lgsp.core.lifecycle import State
from lgsp.http.answers import preferred
from lgsp.http.overall import STATUS_TYPE, overall_status
from lgsp.ports import DeliveryRecord, EnvelopeRecord
from lgsp.serving import services_of
from signing.jws import MAX_PAYLOAD_BYTES
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, STRANGER, HttpHub, http_hub
from tests.integration.test_http_envelopes import assert_problem

JSON = {"Accept": "application/json"}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


async def sent_to(hub: HttpHub, *recipients: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    """Path of the overall status, and the receipt."""
    sent = await hub.send(hub.envelope(recipients=list(recipients), **fields))
    assert sent.status == 202, sent.octets
    return sent.headers["Location"] + "/status", sent.json


async def settle(hub: HttpHub, recipient: str, **outcome: Any) -> None:
    """The recipient acknowledges the first delivery in its mailbox."""
    (entry, *_) = (await hub.call("GET", "/v1/mailbox", agency=recipient)).json["entries"]
    item = {"delivery_id": entry["delivery_id"], **outcome}
    reply = await hub.call("POST", "/v1/mailbox/acknowledge", agency=recipient, json={"items": [item]})
    assert reply.json["results"][0]["applied"], reply.json


async def test_the_status_follows_what_becomes_of_each_delivery(hub: HttpHub) -> None:
    """In progress until the last recipient has answered; then what the sender has to know: only some have it."""
    path, receipt = await sent_to(hub, LAND_OFFICE, STRANGER)
    first = (await hub.call("GET", path, headers=JSON)).json
    assert (first["overall"]["state"], first["overall"]["counts"]) == ("in_progress", {"available": 2})
    assert first["overall"]["since"] == receipt["accepted_at"]
    await settle(hub, LAND_OFFICE)
    second = (await hub.call("GET", path, headers=JSON)).json
    assert (second["overall"]["state"], second["overall"]["counts"]) == ("in_progress", {"available": 1, "delivered": 1})
    await settle(hub, STRANGER, result="refused", reason="thiếu chữ ký")
    third = (await hub.call("GET", path, headers=JSON)).json
    assert third["overall"]["counts"] == {"delivered": 1, "refused": 1}
    assert (third["overall"]["state"], third["overall"]["title_vi"]) == ("partly_delivered", "Chỉ một số nơi nhận đã nhận")
    assert third["overall"]["since"] == max(one["ended_at"] for one in third["deliveries"])


async def test_the_status_says_which_envelope_and_what_of_each_recipient(hub: HttpHub) -> None:
    """Bound to the octets by the digest of the receipt; each delivery under its id, with reason and titles."""
    path, receipt = await sent_to(hub, LAND_OFFICE)
    await settle(hub, LAND_OFFICE, result="refused", reason="thiếu chữ ký")
    status = (await hub.call("GET", path, headers=JSON)).json
    for name in ("hub", "sender", "message_id", "digest", "accepted_at"):
        assert status[name] == receipt[name]
    assert abs(datetime.fromisoformat(status["as_of"]) - datetime.now(UTC)) < timedelta(seconds=60)
    (delivery,) = status["deliveries"]
    assert delivery.pop("ended_at") == status["overall"]["since"]
    assert delivery == {
        "delivery_id": receipt["deliveries"][0]["delivery_id"],
        "recipient": LAND_OFFICE,
        "state": "refused",
        "reason": "delivery.refused_by_recipient",
        "title_vi": "Hệ thống nhận từ chối",
        "title_en": "The recipient's system refused it",
    }


async def test_the_code_that_the_sender_wrote_is_named_where_it_is_another(hub: HttpHub) -> None:
    """Whoever wrote an alias finds it again."""
    path, _ = await sent_to(hub, "000.00.15.H01")
    (delivery,) = (await hub.call("GET", path, headers=JSON)).json["deliveries"]
    assert (delivery["recipient"], delivery["addressed_as"]) == (COMMUNE, "000.00.15.H01")
    assert (delivery["title_vi"], delivery["title_en"]) == ("trong hộp thư", "in the mailbox")
    assert "ended_at" not in delivery and "reason" not in delivery


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_anybody_verifies_the_signed_form_with_the_published_key(hub: HttpHub) -> None:
    """With a library of the partners' choice, and by hand with the primitive alone; a changed word is noticed."""
    path, _ = await sent_to(hub, LAND_OFFICE)
    reply = await hub.call("GET", path)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/jose")
    token = reply.octets.decode()
    published = await hub.call("GET", "/.well-known/jwks.json", agency=None)
    assert published.headers["Content-Type"] == "application/jwk-set+json"
    read = jws.deserialize_compact(token, KeySet.import_key_set(published.json), algorithms=["Ed25519"])
    assert read.headers()["typ"] == STATUS_TYPE
    unsigned = (await hub.call("GET", path, headers=JSON)).json
    assert json.loads(read.payload or b"") | {"as_of": 0} == unsigned | {"as_of": 0}

    header, payload, signature = token.split(".")
    (jwk,) = [one for one in published.json["keys"] if one["kid"] == json.loads(unb64(header))["kid"]]
    key = Ed25519PublicKey.from_public_bytes(unb64(jwk["x"]))
    key.verify(unb64(signature), f"{header}.{payload}".encode())
    changed = base64.urlsafe_b64encode(unb64(payload).replace(b"in_progress", b"delivered")).rstrip(b"=").decode()
    with pytest.raises(InvalidSignature):
        key.verify(unb64(signature), f"{header}.{changed}".encode())


async def test_a_recipient_does_not_learn_what_became_of_the_others(hub: HttpHub) -> None:
    """It sees its own delivery elsewhere; the overall status is the sender's, under any of the sender's codes."""
    path, _ = await sent_to(hub, LAND_OFFICE, STRANGER)
    for headers in ({}, JSON):
        assert_problem(await hub.call("GET", path, agency=STRANGER, headers=headers), 404, "access.not_a_party", "message_id")
    assert_problem(await hub.call("GET", path, agency=None), 401, "auth.missing")
    assert (await hub.call("GET", path.replace(COMMUNE, "000.00.15.H01"), headers=JSON)).json["sender"] == COMMUNE


async def test_no_cache_keeps_a_status(hub: HttpHub) -> None:
    """It changes, and has two forms."""
    path, _ = await sent_to(hub, LAND_OFFICE)
    for headers in ({}, JSON):
        told = (await hub.call("GET", path, headers=headers)).headers
        assert (told["Cache-Control"], told["Vary"]) == ("no-store", "Accept")


async def test_the_key_is_the_same_for_every_gateway(hub: HttpHub) -> None:
    """And only its public half is published."""
    published = (await hub.call("GET", "/.well-known/jwks.json", agency=None)).json
    (key,) = published["keys"]
    assert key["kid"] == services_of(hub.hub).keys.kid
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}


@pytest.mark.parametrize(
    ("accept", "json_wanted"),
    [
        ("", False),
        ("*/*", False),
        ("application/*", False),
        ("application/jose", False),
        ("application/json", True),
        ("application/json, */*", False),
        ("application/json, */*;q=0.1", True),
        ("text/html, application/json;q=0.9, */*;q=0.8", True),
        ("application/jose;q=0.5, Application/JSON ; q=0.6", True),
        ("application/jose, application/json", False),
        ("application/json;q=0", False),
        ("application/json;q=nonsense", True),
        ("text/html", False),
        (";;,q=;=", False),
    ],
)
def test_json_is_given_to_whoever_prefers_it(accept: str, json_wanted: bool) -> None:
    """By the weights of RFC 9110; in doubt the signed form."""
    assert (preferred(accept, ("application/jose", "application/json")) == "application/json") is json_wanted


def test_the_status_of_the_largest_envelope_can_be_signed() -> None:
    """Every recipient refused it, with the longest codes there are."""
    at = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    code = AgencyCode("H" * 50)
    envelope = Envelope(message_id="m" * 128, sender=code, recipients=(code,), kind="case.file/1", created_at=at, body=b"")
    delivery = DeliveryRecord(
        delivery_id=2**63 - 1,
        recipient=code,
        addressed_as=AgencyCode("A" * 50),
        state=State.REFUSED,
        attempt=9,
        ended_at=at,
        reason="delivery.refused_by_recipient",
        detail="x" * 320,
    )
    record = EnvelopeRecord(
        sequence=1,
        accepted_at=at,
        expires_at=at,
        digest="sha256:" + "0" * 64,
        directory_version=1,
        body_bytes=0,
        envelope=envelope,
        order_key=None,
        identifiers=(),
        deliveries=(delivery,) * MAX_RECIPIENTS,
    )
    assert len(msgspec.json.encode(overall_status(record, code, at))) < MAX_PAYLOAD_BYTES / 2
