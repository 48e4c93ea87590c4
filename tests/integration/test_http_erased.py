"""What was erased: whoever asks for it is told so, and everything that proves it can still be had."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lgsp.archive.checking import check_folder
from lgsp.core.lifecycle import State
from lgsp.errors import SettingsError
from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import Erasure, Settlement
from tests.compliance.builders import LEASE_S, admitted
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, STRANGER, HttpHub, Reply, http_hub
from tests.integration.test_http_attachments import DIGEST, FILE, TUS, create, patch, upload
from tests.integration.test_http_envelopes import assert_problem


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


async def sent_and_erased(hub: HttpHub, **fields: Any) -> tuple[bytes, Reply, int]:
    """The octets of an envelope that was delivered and erased, its receipt and its delivery."""
    octets = json.dumps(hub.envelope(**fields)).encode()
    receipt = await hub.send(octets)
    assert receipt.status == 202, receipt.octets
    delivery_id: int = receipt.json["deliveries"][0]["delivery_id"]
    items = {"items": [{"delivery_id": delivery_id, "reason": "received with thanks"}]}
    await hub.call("POST", "/v1/mailbox/acknowledge", agency=LAND_OFFICE, json=items)
    erasure = Erasure(sequence=receipt.json["sequence"], reason="retention", detail="a rule")
    (erased,) = await hub.hub.store.erase([erasure], datetime.now(UTC))
    assert erased.outcome == "erased"
    return octets, receipt, delivery_id


async def test_an_erased_body_is_gone_for_its_recipient(hub: HttpHub) -> None:
    """410 with a code of its own, in both forms; nobody else learns that there was something."""
    _, _, delivery_id = await sent_and_erased(hub)
    for path in (f"/v1/mailbox/{delivery_id}", f"/v1/mailbox/{delivery_id}/body"):
        assert_problem(await hub.call("GET", path, agency=LAND_OFFICE), 410, "envelope.erased", "delivery_id")
        assert_problem(await hub.call("GET", path, agency=STRANGER), 404, "access.not_a_party", "delivery_id")


async def test_the_same_bytes_again_get_the_same_receipt_after_the_erasure(hub: HttpHub) -> None:
    """Accepted is accepted; other bytes under the same id are still told apart, and nothing is stored anew."""
    octets, receipt, _ = await sent_and_erased(hub)
    assert (await hub.send(octets)).json == receipt.json
    other = octets.replace(b'"kind"', b'"priority": 1, "kind"')
    assert_problem(await hub.send(other), 409, "envelope.id_reused")
    assert await hub.stored() == 1


async def test_receipt_status_and_timeline_of_an_erased_envelope_can_still_be_had(hub: HttpHub) -> None:
    """The status says when it was erased, the timeline by what right; what the recipient wrote is gone."""
    _, receipt, _ = await sent_and_erased(hub)
    path = f"/v1/envelopes/{COMMUNE}/{receipt.json['message_id']}"
    assert (await hub.call("GET", path + "/receipt")).json["digest"] == receipt.json["digest"]
    status = (await hub.call("GET", path)).json
    assert datetime.fromisoformat(status["body_erased_at"]) > datetime.now(UTC) - timedelta(minutes=5)
    events = (await hub.call("GET", path + "/timeline", agency=LAND_OFFICE)).json["events"]
    told = {one["name"]: one for one in events}
    assert "detail" not in told["delivered"]
    assert (told["body_erased"]["reason"], told["body_erased"]["detail"]) == ("retention", "a rule")


async def test_an_erased_file_is_gone_for_its_parties(hub: HttpHub) -> None:
    """At once, while the blob is still on disk; who was no party is told what strangers are told."""
    await upload(hub)
    attached = {"attachments": [{"digest": DIGEST, "size_bytes": len(FILE), "name": "đơn.pdf", "media_type": "application/pdf"}]}
    _, receipt, _ = await sent_and_erased(hub, **attached)
    for method in ("GET", "HEAD"):
        reply = await hub.call(method, f"/v1/attachments/{DIGEST}", agency=LAND_OFFICE)
        assert reply.status == 410
    assert_problem(await hub.call("GET", f"/v1/attachments/{DIGEST}"), 410, "envelope.erased", "digest")
    assert_problem(await hub.call("GET", f"/v1/attachments/{DIGEST}", agency=STRANGER), 404, "access.not_a_party", "digest")
    status = await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{receipt.json['message_id']}")
    assert status.json["files_erased_at"] == status.json["body_erased_at"]
    refused = await hub.send(hub.envelope(**attached))
    assert_problem(refused, 422, "attachment.unknown", "/attachments/0/digest")
    await upload(hub)
    assert (await hub.send(hub.envelope(**attached))).status == 202


async def test_an_upload_whose_file_was_erased_meanwhile_begins_anew(hub: HttpHub) -> None:
    """Its sender may not believe that the file is there: 404, as for any upload that is gone, and the next one brings it."""
    place = await create(hub, len(FILE))
    assert (await patch(hub, place, 0, FILE)).status == 204
    assert await hub.hub.blobs.delete(DIGEST)
    assert (await hub.call("HEAD", place, headers=TUS)).status == 404
    await upload(hub)
    assert await hub.hub.blobs.stat(DIGEST) is not None


async def test_a_running_hub_applies_its_rules(tmp_path: Path) -> None:
    """From its start on, and beside everything else: what was delivered long ago is archived, handed over and erased."""
    long_ago = datetime.now(UTC) - timedelta(days=100)
    old = SqliteStore.open(tmp_path / "journal.db", timeout_s=10)
    await old.accept([admitted("old", LAND_OFFICE), admitted("young", LAND_OFFICE)], long_ago, LEASE_S)
    await old.settle([Settlement(delivery_id=1, state=State.DELIVERED)], long_ago, LEASE_S)
    await old.settle([Settlement(delivery_id=2, state=State.DELIVERED)], datetime.now(UTC), LEASE_S)
    await old.close()
    rules = tmp_path / "retention.toml"
    rules.write_text('[[rule]]\nname = "all"\nbodies_days = 90\narchive_first = true\n')
    async with http_hub(tmp_path, retention_file=rules, archive_hook="true") as hub:
        async with asyncio.timeout(20):
            while (await hub.hub.store.timeline(1))[-1].name != "body_erased":  # noqa: ASYNC110 - the event is the journal's
                await asyncio.sleep(0.05)
        assert [one.has_body for one in await hub.hub.store.kept(0, 9, long_ago)] == [False, True]
    checked = check_folder(tmp_path / "archive")
    assert (checked.is_sound, checked.envelopes) == (True, 1)


async def test_rules_that_cannot_be_used_keep_the_hub_from_starting(tmp_path: Path) -> None:
    """As any setting that is wrong; nothing is erased by half a file of rules."""
    rules = tmp_path / "retention.toml"
    rules.write_text("[[rule]]\nbodies_days = 0\n")
    with pytest.raises(SettingsError) as caught:
        async with http_hub(tmp_path, retention_file=rules):
            pass
    assert len(caught.value.problems) == 2
