"""Clients of the e-doc generation connect to a running hub by changing their endpoint and token, and nothing else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.edoc_soap.collector import EdocCollector
from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.feed import Feed
from lgsp.bootstrap.keys import token_key
from lgsp.core.directory import Agency, Alias, Grant
from lgsp.http.client_secret import new_secret
from lgsp.ports import Credential
from tests.compliance.wire import until
from tests.fakes.edoc_bus import EdocBus, document_of
from tests.fakes.edoc_client import SOAP_12, Doc, EdocClient, manifest, message_header, status_record, trace_list
from tests.integration.http_hub import HttpHub, http_hub

JUSTICE, FARMS, CASES = "000.00.15.H01", "000.00.10.H01", "H01.77"
AGENCIES = (
    Agency(
        code=AgencyCode("H01.15"),
        name_vi="Sở Tư pháp",
        level="department",
        aliases=(Alias(code=AgencyCode(JUSTICE)),),
        grants=(Grant(kinds=("document.*",)),),
    ),
    Agency(
        code=AgencyCode("H01.10"),
        name_vi="Sở Nông nghiệp và Môi trường",
        level="department",
        aliases=(Alias(code=AgencyCode(FARMS)),),
        grants=(Grant(kinds=("document.*",)),),
    ),
    Agency(code=AgencyCode(CASES), name_vi="UBND xã chỉ gửi hồ sơ", level="commune", grants=(Grant(kinds=("case.*",)),)),
)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    """Whose signatures are recorded: systems of this generation sign inside their files, if at all."""
    async with http_hub(tmp_path, agencies=AGENCIES, signatures="record") as found:
        yield found


async def client(hub: HttpHub, organ_id: str, agency: str, *, version: str = "") -> EdocClient:
    """Its token is the secret of a client whose id is the OrganId that it is configured with."""
    secret, hashed = new_secret(token_key(hub.hub.settings), organ_id)
    credential = Credential(client_id=organ_id, agency=AgencyCode(agency), secret_hash=hashed)
    await hub.hub.store.save_credentials([credential])
    found = EdocClient(secret, organ_id, url=f"{hub.url}/bus/edoc", session=hub.client)
    found.version = version or found.version
    return found


def today(**changes: str | tuple[tuple[str, str, bytes], ...]) -> Doc:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return Doc(promulgated=f"{yesterday:%d/%m/%Y}", timestamp=f"{yesterday:%d/%m/%Y} 09:30:00", **changes)  # type: ignore[arg-type]


async def test_a_document_goes_out_is_fetched_confirmed_and_answered(hub: HttpHub) -> None:
    """From SOAP 1.1 to SOAP 1.2 and back, by codes of the older generation, over the journal."""
    justice = await client(hub, JUSTICE, "H01.15")
    farms = await client(hub, FARMS, "H01.10", version=SOAP_12)
    sent = await justice.ask(justice.send(today()))
    assert sent.succeeded and (await justice.ask(justice.send(today()))).texts("DocumentId") == sent.texts("DocumentId")

    [number] = (await farms.ask(farms.pending())).texts("DocumentId")
    got = await farms.ask(farms.get(number))
    assert list(got.parts.values()) == [today().files[0][2]]
    assert (await farms.ask(farms.confirm(number))).succeeded
    assert (await farms.ask(farms.pending())).texts("DocumentId") == []

    assert (await farms.ask(farms.update_traces(status_record("03", timestamp=today().timestamp)))).succeeded
    assert (await justice.ask(justice.traces())).texts("StatusCode") == ["03"]
    assert (await justice.ask(justice.traces())).texts("StatusCode") == []


async def test_the_hub_answers_at_the_address_that_clients_know_too(hub: HttpHub) -> None:
    justice = await client(hub, JUSTICE, "H01.15")
    justice.url += "/services/DynamicService"
    assert (await justice.ask(justice.check_permission())).succeeded
    book = await justice.ask(justice.organizations())
    assert {FARMS, "H01.10", JUSTICE} <= set(book.texts("OrganId"))


async def test_several_megabytes_go_through(hub: HttpHub) -> None:
    justice, farms = await client(hub, JUSTICE, "H01.15"), await client(hub, FARMS, "H01.10")
    file = ("bản vẽ.pdf", "application/pdf", b"%PDF" + bytes(range(256)) * 3500)
    assert (await justice.ask(justice.send(today(files=(file,))))).succeeded
    [number] = (await farms.ask(farms.pending())).texts("DocumentId")
    assert list((await farms.ask(farms.get(number))).parts.values()) == [file[2]]


async def test_strangers_are_refused_in_the_grammar_of_that_bus(hub: HttpHub) -> None:
    for token, organ_id in (("wrong", JUSTICE), ("", JUSTICE), ("wrong", "H99.99")):
        stranger = EdocClient(token, organ_id, url=f"{hub.url}/bus/edoc", session=hub.client)
        for request, code in ((stranger.send(today()), "M.CheckSignature"), (stranger.pending(), "M.CheckPermission")):
            reply = await stranger.ask(request)
            assert (reply.status, reply.succeeded, reply.codes) == (200, False, [code])
    assert await hub.stored() == 0


async def test_a_refusal_comes_with_the_hubs_signature_and_leaves_nothing(hub: HttpHub, tmp_path: Path) -> None:
    justice = await client(hub, JUSTICE, "H01.15")
    reply = await justice.ask(justice.send(today(receivers=("H99.99",))))
    assert reply.codes == ["M.MessageHeader.To.OrganId"]
    proof = reply.root[0].findtext("{urn:lgsp:refusal:1}Refusal") or ""
    assert proof.count(".") == 2
    assert await hub.stored() == 0 and not list((tmp_path / "blobs").rglob("*.pdf"))


async def test_what_an_agency_may_not_send_it_may_not_send_here(hub: HttpHub) -> None:
    commune = await client(hub, CASES, CASES)
    reply = await commune.ask(commune.send(today(sender=CASES, receivers=(FARMS,))))
    assert reply.codes == ["M.CheckSignature"] and "grant.kind_not_allowed" in reply.texts("Description")[0]


async def test_where_signatures_are_demanded_an_unsigned_document_is_told_so(tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"document.packet/1": [{"parts": ["body", "envelope", "attachments"], "need": "required"}]}')
    async with http_hub(tmp_path, agencies=AGENCIES, signature_policy_file=policy) as hub:
        justice = await client(hub, JUSTICE, "H01.15")
        reply = await justice.ask(justice.send(today()))
        assert reply.codes == ["M.Signature"] and "signature.missing" in reply.texts("Description")[0]
        assert await hub.stored() == 0


async def test_the_hub_fetches_from_such_a_bus_and_delivers_to_one(tmp_path: Path) -> None:
    """A document and a trace come in over the journal, for a body that reads its mailbox; a status goes back by delivery."""
    async with EdocBus({FARMS: "t", "W29": "t"}) as bus:
        far = Agency(
            code=AgencyCode("W29"),
            name_vi="Trục liên thông của tỉnh bạn",
            level="other",
            carries=(JUSTICE,),
            grants=(Grant(kinds=("document.*",)),),
            feed=Feed(adapter="edoc_soap", url=bus.url, secret="t", options={"organ_id": FARMS}),
            endpoint=Endpoint(adapter="edoc_soap", url=bus.url, secret="t", options={"organ_id": "W29"}),
        )
        doc = today(receivers=(FARMS,))
        parts = {"file-0": ("application/pdf", doc.files[0][2])}
        bus.put(document_of(message_header(doc), trace_list(doc), manifest(doc), parts), FARMS)
        bus.traces = [(FARMS, status_record("01", sender=JUSTICE, about=FARMS, timestamp=doc.timestamp))]
        async with http_hub(tmp_path, agencies=(AGENCIES[1], far), signatures="record") as hub:
            collector = EdocCollector()
            found = await collector.collect(far.feed or Feed(adapter="", url=""), hub.hub.desks.of(far))
            await collector.close()
            assert (found.taken, found.refused, bus.pending[FARMS], bus.traces) == (2, 0, [], [])
            farms = await client(hub, FARMS, "H01.10")
            [number] = (await farms.ask(farms.pending())).texts("DocumentId")
            assert list((await farms.ask(farms.get(number))).parts.values()) == [doc.files[0][2]]
            assert (await farms.ask(farms.traces())).texts("StatusCode") == ["01"]
            await farms.ask(farms.update_traces(status_record("03", timestamp=doc.timestamp)))
            await until(lambda: bool(bus.updates))
            assert bus.updates[0].findtext("StatusCode") == "03"
