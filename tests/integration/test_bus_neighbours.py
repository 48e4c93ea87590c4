"""Two hubs of neighbouring provinces: one is to the other the document bus that it knows, as client and as server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.edxml.attachments import files_in
from contracts.edxml.read import read_packet, read_status
from contracts.feed import Feed
from lgsp.bootstrap.keys import token_key
from lgsp.core.directory import Agency, Grant
from lgsp.http.client_secret import new_secret
from lgsp.ports import Credential
from tests.fakes.vxp_client import JavaClient
from tests.integration.http_hub import HttpHub, http_hub
from tests.integration.test_bus_beyond import EDOC, STATUS, until_async
from tests.packets import Enclosed, document, status

OURS, OUR_HUB = AgencyCode("H01.10"), AgencyCode("H01")
THEIRS, THEIR_HUB = AgencyCode("H02.15"), AgencyCode("H02")
_ALL = (Grant(kinds=("document.*",)),)


@dataclass
class Province:
    hub: HttpHub
    secrets: dict[str, str]

    def client(self, agency: str) -> JavaClient:
        return JavaClient(f"{self.hub.url}/bus/vxp", agency, self.secrets[agency], self.hub.client)


async def province(stack: AsyncExitStack, folder: Path, own: AgencyCode, *agencies: Agency) -> Province:
    folder.mkdir()
    hub = await stack.enter_async_context(http_hub(folder, agencies=agencies, signatures="record", hub_code=own))
    secrets = {}
    for agency in agencies:
        secrets[str(agency.code)], hashed = new_secret(token_key(hub.hub.settings), agency.code)
        await hub.hub.store.save_credentials([Credential(client_id=agency.code, agency=agency.code, secret_hash=hashed)])
    return Province(hub, secrets)


@pytest.fixture
async def provinces(tmp_path: Path) -> AsyncIterator[tuple[Province, Province]]:
    """Ours calls theirs: it pushes there and polls there."""
    async with AsyncExitStack() as stack:
        theirs = await province(
            stack,
            tmp_path / "theirs",
            THEIR_HUB,
            Agency(code=THEIRS, name_vi="Sở Tư pháp tỉnh bạn", grants=_ALL),
            Agency(code=OUR_HUB, name_vi="Trục tỉnh An Giang", grants=_ALL, carries=("H01*",)),
        )
        url, secret, options = f"{theirs.hub.url}/bus/vxp", theirs.secrets[OUR_HUB], {"systemid": str(OUR_HUB)}
        peer = Agency(
            code=THEIR_HUB,
            name_vi="Trục tỉnh bạn",
            grants=_ALL,
            carries=("H02*",),
            endpoint=Endpoint(adapter="edxml_bus", url=url, secret=secret, timeout_s=5, options=options | {"to": "H02*"}),
            feed=Feed(adapter="edxml_bus", url=url, secret=secret, every_s=1, timeout_s=5, options=options),
        )
        ours = await province(stack, tmp_path / "ours", OUR_HUB, Agency(code=OURS, name_vi="Sở Nông nghiệp", grants=_ALL), peer)
        yield ours, theirs


async def test_a_document_crosses_the_border_and_its_status_comes_back(provinces: tuple[Province, Province]) -> None:
    """Both hops stand in the trace; a status to a body beyond goes to who carries it, and is fetched from there."""
    ours, theirs = provinces
    sender, receiver = ours.client(OURS), theirs.client(THEIRS)
    packet = document(1, OURS, [THEIRS], [Enclosed("công văn.pdf", b"%PDF-1.4 x")])
    assert (await sender.send_edoc(EDOC | {"from": OURS}, packet))["status"] == "OK"
    await until_async(lambda: receiver.get_received_edoc_list(EDOC), lambda rows: len(rows) == 1)
    (row,) = await receiver.get_received_edoc_list(EDOC)
    found = read_packet(await receiver.get_edoc(row["docId"]))
    assert [hop.organ_id for hop in found.trace.trace_header] == [OURS, OUR_HUB, THEIR_HUB]
    assert [(file.name, file.octets) for file in files_in(found) if file is not None] == [("công văn.pdf", b"%PDF-1.4 x")]

    said = status("03", THEIRS, OURS, found.header.document_id or "")
    assert (await receiver.send_edoc(STATUS | {"from": THEIRS}, said))["status"] == "OK"
    await until_async(lambda: sender.get_received_edoc_list(STATUS), lambda rows: len(rows) == 1)
    (told,) = await sender.get_received_edoc_list(STATUS)
    assert read_status(await sender.get_edoc(told["docId"])).header.from_.organ_id == THEIRS


async def test_a_neighbour_speaks_for_nobody_of_ours(provinces: tuple[Province, Province]) -> None:
    """Only for bodies that are reached through it, and that nobody here is."""
    _, theirs = provinces
    neighbour = theirs.client(OUR_HUB)
    for author in (THEIRS, "H03.1"):
        said = await neighbour.send_edoc(EDOC | {"from": OUR_HUB}, document(1, author, [THEIRS]))
        assert (said["ErrorCode"], said["code"]) == ("19", "auth.sender_mismatch")
    said = await neighbour.send_edoc(EDOC | {"from": OUR_HUB}, document(1, "H01.99.7", [THEIRS]))
    assert said["status"] == "OK"
