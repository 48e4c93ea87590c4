"""POST /v1/envelopes/{sender}/{message_id}/recall, and what a recipient sees of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.http_hub import COMMUNE, LAND_OFFICE, POST, STRANGER, HttpHub, Reply, http_hub


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as one:
        yield one


async def recall(hub: HttpHub, message_id: str, *, sender: str = COMMUNE, agency: str = COMMUNE, **body: Any) -> Reply:
    asked = {"reason": "gửi nhầm nơi nhận"} | body
    return await hub.call("POST", f"/v1/envelopes/{sender}/{message_id}/recall", agency=agency, json=asked)


async def sent(hub: HttpHub, **fields: Any) -> tuple[str, list[int]]:
    """Message id and delivery ids."""
    envelope = hub.envelope(**fields)
    receipt = (await hub.send(envelope)).json
    return envelope["message_id"], [one["delivery_id"] for one in receipt["deliveries"]]


async def test_what_nobody_has_fetched_is_taken_back_and_cannot_be_fetched_any_more(hub: HttpHub) -> None:
    """The recipient that knew its id learns why: 410 with a code; asking twice is harmless."""
    message_id, (delivery_id,) = await sent(hub)
    for _ in range(2):
        answer = await recall(hub, message_id)
        assert (answer.status, answer.json) == (
            200,
            {"results": [{"delivery_id": delivery_id, "recipient": LAND_OFFICE, "outcome": "cancelled"}]},
        )
    gone = await hub.call("GET", f"/v1/mailbox/{delivery_id}", agency=LAND_OFFICE)
    assert (gone.status, gone.json["code"]) == (410, "delivery.recalled")
    timeline = await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{message_id}/timeline")
    (event,) = [one for one in timeline.json["events"] if one["name"] == "cancelled"]
    assert (event["reason"], event["detail"]) == ("delivery.recalled", "gửi nhầm nơi nhận")
    foreign = await hub.call("GET", f"/v1/mailbox/{delivery_id}", agency=STRANGER)
    assert foreign.json["code"] == "access.not_a_party"


async def test_what_was_fetched_is_asked_back_and_what_was_acknowledged_is_told(hub: HttpHub) -> None:
    """Each delivery has its own outcome; the status shows that it was asked back."""
    message_id, (delivery_id,) = await sent(hub)
    await hub.call("GET", f"/v1/mailbox/{delivery_id}", agency=LAND_OFFICE)
    assert (await recall(hub, message_id)).json["results"][0]["outcome"] == "requested"
    status = (await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{message_id}")).json
    assert status["deliveries"][0]["recall"] == "requested" and status["deliveries"][0]["fetched_at"]
    await hub.call("POST", "/v1/mailbox/acknowledge", agency=LAND_OFFICE, json={"items": [{"delivery_id": delivery_id}]})
    assert (await recall(hub, message_id)).json["results"][0]["outcome"] == "delivered"


async def test_only_some_recipients_can_be_named(hub: HttpHub) -> None:
    """The others keep it; a stranger among them is a mistake that is pointed at."""
    message_id, _ = await sent(hub, recipients=[LAND_OFFICE, STRANGER])
    answer = await recall(hub, message_id, recipients=[STRANGER])
    assert [(one["recipient"], one["outcome"]) for one in answer.json["results"]] == [(STRANGER, "cancelled")]
    wrong = await recall(hub, message_id, recipients=[STRANGER, POST])
    assert (wrong.status, wrong.json["code"], wrong.json["field"]) == (422, "request.field_invalid", "/recipients/1")
    mailbox = await hub.call("GET", "/v1/mailbox", agency=LAND_OFFICE)
    assert [one["message_id"] for one in mailbox.json["entries"]] == [message_id]


@pytest.mark.parametrize("agency", [LAND_OFFICE, STRANGER])
async def test_nobody_takes_back_what_another_sent(hub: HttpHub, agency: str) -> None:
    """Neither its recipient nor a stranger, under whatever name; and nobody learns whether it exists."""
    message_id, _ = await sent(hub)
    for sender in (COMMUNE, agency):
        answer = await recall(hub, message_id, sender=sender, agency=agency)
        assert (answer.status, answer.json["code"]) == (404, "access.not_a_party")
    assert (await recall(hub, "never-sent", agency=agency)).json["code"] == "access.not_a_party"


async def test_a_sender_may_use_its_other_code(hub: HttpHub) -> None:
    """As everywhere."""
    message_id, _ = await sent(hub)
    assert (await recall(hub, message_id, sender="000.00.15.H01")).status == 200


async def test_a_recall_says_why(hub: HttpHub) -> None:
    """Without a reason, or with fields that mean nothing, nothing is taken back."""
    message_id, _ = await sent(hub)
    for body in ({"reason": ""}, {"reasons": "x"}, {"reason": "x" * 501}):
        answer = await recall(hub, message_id, **body)
        assert answer.status == 422, body
    status = (await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{message_id}")).json
    assert status["deliveries"][0]["state"] == "available"
