"""The demo's SOAP client against a hub: the whole road of a message, and what happens when its token has run out."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from contracts import wire
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope, Identifier
from contracts.receipt import Receipt
from lgsp.demo.hub_client import Problem
from lgsp.demo.sandbox import Member
from lgsp.demo.soap_client import SoapClient
from tests.integration.http_hub import COMMUNE, SECRET, HttpHub, http_hub, progress

TO_ITSELF = Envelope(
    message_id="by-soap-1",
    sender=COMMUNE,
    recipients=(COMMUNE,),
    kind="case.progress/1",
    created_at=datetime.now(UTC),
    body=msgspec.json.encode(progress(1)),
    identifiers=(Identifier("receipt", "BN <1> & 2"),),
)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


@pytest.fixture
def client(hub: HttpHub) -> SoapClient:
    return SoapClient(hub.client, hub.url, Member(client_id="commune", client_secret=SECRET), 5.0)


async def test_a_message_goes_and_comes_as_it_is(client: SoapClient) -> None:
    """The envelope that is fetched is the one that was sent, to the octet of its body; acknowledged, it is gone."""
    receipt = await client.submit(TO_ITSELF)
    assert isinstance(receipt, Receipt) and [one.recipient for one in receipt.deliveries] == [COMMUNE]
    assert await client.send(wire.render(TO_ITSELF)) == receipt
    (entry,) = await client.mailbox(10, 5.0)
    document = msgspec.json.decode(await client.fetch(entry.delivery_id), type=dict[str, msgspec.Raw])
    fetched = wire.parse(bytes(document["envelope"]))
    assert msgspec.structs.replace(fetched, traceparent=None) == TO_ITSELF  # the hub began a trace, as there was none
    await client.acknowledge([entry.delivery_id])
    assert await client.mailbox(10, 0) == []


async def test_a_refusal_says_what_it_says_elsewhere(client: SoapClient) -> None:
    """Code, place and the signed form; nothing is tried again."""
    refused = await client.submit(msgspec.structs.replace(TO_ITSELF, recipients=(AgencyCode("H99.404"),)))
    assert isinstance(refused, Problem)
    assert (refused.code, refused.field, refused.status) == ("route.unknown_recipient", "/recipients/0", 422)
    assert refused.signed.count(".") == 2 and refused.title_vi and refused.english_remedy
    files = (Attachment(digest="sha256:" + "0" * 64, size_bytes=1),)
    missing = await client.submit(msgspec.structs.replace(TO_ITSELF, message_id="by-soap-2", attachments=files))
    assert isinstance(missing, Problem) and missing.code == "attachment.unknown"


async def test_a_token_that_ran_out_is_renewed(client: SoapClient) -> None:
    """A fault says so where REST says 401."""
    client._authorization = "Bearer long.gone.by"
    assert await client.mailbox(10, 0) == []
