"""A hub delivers to another hub by the WSDL that it publishes: outgoing SOAP on one side, the SOAP surface on the other."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from adapters.soap.delivery import SoapDelivery
from contracts.adapter import Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.outcome import Delivered, Refused
from tests.compliance.adapter_suite import MemoryFiles
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, HttpHub, http_hub
from tests.soap_published import FOLDER

FILE = "Giấy chứng nhận quyền sử dụng đất".encode() * 100
OPTIONS = {
    "operation": "sendEnvelope",
    "http.Authorization": "{secret}",
    "field.envelope.message_id": "{envelope.message_id}",
    "field.envelope.sender": "{envelope.sender}",
    "field.envelope.recipients": "{delivery.addressed_as}",
    "field.envelope.kind": "{envelope.kind}",
    "field.envelope.created_at": "{envelope.created_at}",
    "field.envelope.media_type": "{envelope.media_type}",
    "field.envelope.body_base64": "{content}",
    "field.file[files].name": "{file.name}",
    "field.file[files].media_type": "{file.media_type}",
    "field.file[files].content": "{file.content}",
    "answer.reference": "sequence",
}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


@pytest.fixture
async def files() -> MemoryFiles:
    return MemoryFiles()


@pytest.fixture
async def adapter(files: MemoryFiles) -> AsyncIterator[SoapDelivery]:
    found = SoapDelivery(files)
    yield found
    await found.close()


@pytest.mark.parametrize("port", ["LgspSoap11", "LgspSoap12"])
@pytest.mark.parametrize("binary", ["inline", "mtom"])
async def test_what_one_hub_delivers_stands_in_the_mailbox_of_the_other(
    hub: HttpHub, adapter: SoapDelivery, files: MemoryFiles, port: str, binary: str
) -> None:
    """With its file, once however often it is delivered; and what the other refuses is told to the sender."""
    paper = files.add(FILE, "giấy chứng nhận.pdf", "application/pdf")
    given = hub.envelope()
    envelope = Envelope(
        message_id=given["message_id"],
        sender=AgencyCode(COMMUNE),
        recipients=(AgencyCode(LAND_OFFICE),),
        kind=given["kind"],
        created_at=datetime.fromisoformat(given["created_at"]),
        body=json.dumps(given["body"], ensure_ascii=False).encode(),
        attachments=(paper,),
    )
    to = AgencyCode(LAND_OFFICE)
    parcel = Parcel(delivery_id=1, attempt=1, recipient=to, addressed_as=to, sequence=1, envelope=envelope)
    endpoint = Endpoint(
        adapter="soap",
        url=f"{hub.url}/soap",
        secret=hub.headers()["Authorization"],
        wsdl=(FOLDER / "lgsp.wsdl").read_text("utf-8"),
        options={**OPTIONS, "port": port, "binary": binary},
    )
    first = await adapter.deliver(parcel, endpoint)
    assert isinstance(first, Delivered) and first.remote_ref
    assert await adapter.deliver(msgspec.structs.replace(parcel, attempt=2), endpoint) == first
    (entry,) = (await hub.call("GET", "/v1/mailbox", agency=LAND_OFFICE)).json["entries"]
    held = (await hub.call("GET", f"/v1/mailbox/{entry['delivery_id']}", agency=LAND_OFFICE)).json["envelope"]
    assert held["attachments"][0]["digest"] == paper.digest
    assert held["body"] == json.loads(envelope.body)
    other = msgspec.structs.replace(envelope, body=b"{}")
    refused = await adapter.deliver(msgspec.structs.replace(parcel, envelope=other), endpoint)
    assert isinstance(refused, Refused)
    spoiled = msgspec.structs.replace(endpoint, options={**endpoint.options, "field.envelope.kind": "case.nothing/1"})
    told = await adapter.deliver(parcel, spoiled)
    assert isinstance(told, Refused) and "kind.unknown" in told.detail
