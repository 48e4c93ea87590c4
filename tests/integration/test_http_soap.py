"""The SOAP surface: every operation of the REST side in another grammar, by the same handlers."""

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from contracts.kinds import find
from contracts.kinds.xml import to_xml
from contracts.soap.message import Version
from contracts.soap.mime import Part
from lgsp.http.app import ROUTES
from lgsp.http.soap.operations import operations_of
from lgsp.http.soap.schema import schema_of
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, STRANGER, HttpHub, http_hub
from tests.soap_client import NAMESPACE, Raw, Said, envelope, include, post, soap
from tests.soap_published import FOLDER, HOW, served

FILE = "Giấy chứng nhận quyền sử dụng đất".encode() * 100
VERSIONS = pytest.mark.parametrize("version", Version)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


def addressed(hub: HttpHub, **fields: Any) -> dict[str, Any]:
    """An envelope as a SOAP client writes it; the body is JSON in base64."""
    given = hub.envelope()
    body = base64.b64encode(json.dumps(given.pop("body")).encode()).decode()
    return given | {"body_base64": body} | fields


@VERSIONS
async def test_the_whole_road_in_both_versions(hub: HttpHub, version: Version) -> None:
    """Send, receipt, mailbox, fetch, acknowledge, status, timeline."""
    given = addressed(hub)
    sent = await soap(hub, "sendEnvelope", {"envelope": given}, version=version)
    assert sent.status == 200 and sent.headers["Content-Type"].startswith(version.media_type)
    assert (sent.text("result/message_id"), sent.text("result/sender")) == (given["message_id"], COMMUNE)
    again = await soap(hub, "sendEnvelope", {"envelope": given}, version=version)
    assert again.text("lgsp_duplicate") == "true" and again.text("result/digest") == sent.text("result/digest")

    listed = await soap(hub, "listMailbox", {"limit": 10}, agency=LAND_OFFICE, version=version)
    (delivery_id,) = listed.texts("result/entries/delivery_id")
    fetched = await soap(hub, "fetchDelivery", {"delivery_id": delivery_id}, agency=LAND_OFFICE, version=version)
    assert fetched.text("result/envelope/body_base64") == given["body_base64"]
    items = {"items": [{"delivery_id": delivery_id}]}
    acknowledged = await soap(hub, "acknowledge", items, agency=LAND_OFFICE, version=version)
    assert (acknowledged.text("result/results/applied"), acknowledged.text("result/results/state")) == ("true", "delivered")

    named = {"sender": COMMUNE, "message_id": given["message_id"]}
    assert (await soap(hub, "getEnvelope", named)).texts("result/deliveries/state") == ["delivered"]
    assert (await soap(hub, "getReceipt", named)).text("result/sequence") == sent.text("result/sequence")
    assert "delivered" in (await soap(hub, "getTimeline", named)).texts("result/events/name")


async def test_a_signed_receipt_comes_where_its_form_is_named(hub: HttpHub) -> None:
    sent = await soap(hub, "sendEnvelope", {"envelope": addressed(hub), "form": "application/jose"})
    assert sent.text("content_type") == "application/jose" and sent.text("result/sequence") is None
    assert base64.b64decode(sent.text("content") or "").count(b".") == 2


@pytest.mark.parametrize("way", ["mtom", "swa", "in place"])
async def test_files_come_with_the_envelope_and_are_fetched_again(hub: HttpHub, way: str) -> None:
    """Beside the message or in it: the hub has them as if they had been uploaded before."""
    content = {"mtom": include("f@x"), "swa": "cid:f@x", "in place": base64.b64encode(FILE).decode()}[way]
    parts = () if way == "in place" else (Part(content_id="f@x", octets=FILE, media_type="application/pdf"),)
    file = {"content": content, "name": "giấy chứng nhận.pdf", "media_type": "application/pdf"}
    given = addressed(hub)
    values = {"envelope": given, "file": [file]}
    sent = await soap(hub, "sendEnvelope", values, parts=parts, mtom=way == "mtom")
    assert sent.text("result/sequence"), sent.octets
    again = await soap(hub, "sendEnvelope", values, parts=parts, mtom=way == "mtom")
    assert again.text("lgsp_duplicate") == "true"
    (delivery_id,) = (await soap(hub, "listMailbox", agency=LAND_OFFICE)).texts("result/entries/delivery_id")
    delivery = await soap(hub, "fetchDelivery", {"delivery_id": delivery_id}, agency=LAND_OFFICE)
    assert delivery.text("result/envelope/attachments/name") == file["name"]
    digest = delivery.text("result/envelope/attachments/digest")
    assert digest == f"sha256:{hashlib.sha256(FILE).hexdigest()}"
    found = await soap(hub, "fetchAttachment", {"digest": digest}, agency=LAND_OFFICE)
    assert base64.b64decode(found.text("content") or "") == FILE
    part = await soap(hub, "fetchAttachment", {"digest": digest, "range": "bytes=0-3"}, agency=LAND_OFFICE)
    assert (base64.b64decode(part.text("content") or ""), part.text("content_range")) == (FILE[:4], f"bytes 0-3/{len(FILE)}")


async def test_who_sends_mtom_gets_mtom(hub: HttpHub) -> None:
    """The octets stand beside the answer."""
    parts = (Part(content_id="f@x", octets=FILE),)
    created = await soap(hub, "createUpload", {"upload_length": len(FILE), "content": include("f@x")}, parts=parts)
    digest = created.text("lgsp_digest")
    asked = envelope("fetchAttachment", {"digest": digest})
    found = await post(hub, asked, COMMUNE, Version.SOAP_11, (Part(content_id="unused@x", octets=b"x"),))
    assert [one.octets for one in found.parts] == [FILE]
    assert found.content.find(f"{{{NAMESPACE}}}content/{{http://www.w3.org/2004/08/xop/include}}Include") is not None


async def test_a_body_of_xml_stands_in_the_message_and_keeps_its_octets(hub: HttpHub) -> None:
    """White space, quotes, references and namespaces as the sender wrote them: a signature may stand over them."""
    kind = find("case.progress/1")
    written = to_xml(kind, kind.examples[0].body).decode().partition("?>")[2].strip()
    body = written.replace("<case_number>", "\r\n  <case_number\t>").replace('="', "='", 1).replace('"', "'", 1)
    given = addressed(hub) | {"body_base64": None, "body": Raw(body)}
    sent = await soap(hub, "sendEnvelope", {"envelope": given})
    assert sent.text("result/sequence"), sent.octets
    (delivery_id,) = (await soap(hub, "listMailbox", agency=LAND_OFFICE)).texts("result/entries/delivery_id")
    fetched = await soap(hub, "fetchBody", {"delivery_id": delivery_id}, agency=LAND_OFFICE)
    assert base64.b64decode(fetched.text("content") or "") == body.encode()
    assert fetched.text("content_type") == "application/xml"


async def test_a_batch_is_answered_line_by_line(hub: HttpHub) -> None:
    good, bad = addressed(hub), addressed(hub, sender=STRANGER)
    answer = await soap(hub, "sendBatch", {"envelope": [good, bad]})
    lines = answer.content.findall(f"{{{NAMESPACE}}}line")
    assert [etree.QName(one[0]).localname for one in lines] == ["receipt", "refusal"]
    assert answer.text("line/refusal/code") == "auth.sender_mismatch"


@VERSIONS
async def test_a_refusal_is_a_fault_with_the_same_facts_and_signed(hub: HttpHub, version: Version) -> None:
    """Code, field, both languages, remedy, and the hub's signature; nothing was stored."""
    refused = await soap(hub, "sendEnvelope", {"envelope": addressed(hub, recipients=["H99"])}, version=version)
    problem = refused.problem
    assert (problem["code"], problem["field"]) == ("route.unknown_recipient", "/recipients/0")
    assert problem["title_vi"] == "Không có cơ quan nhận này" and problem["remedy"] and problem["remedy_vi"]
    assert problem["signed"].count(".") == 2 and problem["message_id"]
    assert refused.status == (500 if version is Version.SOAP_11 else 400)
    assert await hub.stored() == 0


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"limit": 0}, "request.field_invalid", "limit"),
        ({"limit": "many"}, "request.field_invalid", "limit"),
        ({"surprise": 1}, "request.field_invalid", "/surprise"),
        ({"limit": [1, 2]}, "request.field_invalid", "/limit"),
        ({"limit": {"x": 1}}, "request.field_invalid", "/limit"),
        ({"after": 2**70}, "request.field_invalid", "after"),
    ],
)
async def test_what_no_schema_allows_is_refused_naming_the_element(
    hub: HttpHub, values: dict[str, Any], code: str, field: str
) -> None:
    problem = (await soap(hub, "listMailbox", values)).problem
    assert (problem["code"], problem["field"]) == (code, field)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"priority": "high"}, "envelope.field_invalid", "/priority"),
        ({"created_at": "today"}, "envelope.field_invalid", "/created_at"),
        ({"message_id": None}, "envelope.field_invalid", "/message_id"),
        ({"body_base64": "?"}, "body.malformed", "body_base64"),
        ({"body": Raw("<a/>")}, "envelope.field_invalid", "/body"),
        ({"body_base64": None, "body": Raw("<a/><b/>")}, "request.field_invalid", "/envelope/body"),
        ({"body_base64": None}, "envelope.field_invalid", "/body"),
        ({"body_base64": "cid:none"}, "soap.attachment_missing", "body_base64"),
    ],
)
async def test_an_envelope_is_refused_by_the_same_codes_as_in_json(
    hub: HttpHub, change: dict[str, Any], code: str, field: str
) -> None:
    problem = (await soap(hub, "sendEnvelope", {"envelope": addressed(hub) | change})).problem
    assert (problem["code"], problem["field"]) == (code, field)
    assert await hub.stored() == 0


async def test_a_file_without_content_is_refused_by_its_place(hub: HttpHub) -> None:
    files = [{"content": "aGk=", "name": "a.txt"}, {"name": "b.txt"}]
    problem = (await soap(hub, "sendEnvelope", {"envelope": addressed(hub), "file": files})).problem
    assert (problem["code"], problem["field"]) == ("request.field_invalid", "/file/1/content")


async def test_files_of_an_envelope_that_is_refused_are_not_kept(hub: HttpHub) -> None:
    file = {"content": base64.b64encode(FILE).decode(), "name": "a.pdf"}
    refused = await soap(hub, "sendEnvelope", {"envelope": addressed(hub, recipients=["H99"]), "file": file})
    assert refused.problem["code"] == "route.unknown_recipient"
    missing = await soap(hub, "checkAttachment", {"digest": f"sha256:{hashlib.sha256(FILE).hexdigest()}"})
    assert missing.problem["code"] == "access.not_a_party"


async def test_more_files_than_an_envelope_may_have_are_refused_before_any_is_kept(hub: HttpHub) -> None:
    files = [{"content": base64.b64encode(f"{number}".encode()).decode()} for number in range(65)]
    refused = await soap(hub, "sendEnvelope", {"envelope": addressed(hub), "file": files})
    assert (refused.problem["code"], refused.problem["field"]) == ("envelope.field_invalid", "/attachments")
    missing = await soap(hub, "checkAttachment", {"digest": f"sha256:{hashlib.sha256(b'0').hexdigest()}"})
    assert missing.problem["code"] == "access.not_a_party"


async def test_strangers_get_what_is_open_and_nothing_else(hub: HttpHub) -> None:
    assert "case.file/1" in (await soap(hub, "listContracts", agency=None)).texts("result/contracts/kind")
    assert (await soap(hub, "listMailbox", agency=None)).problem["code"] == "auth.missing"
    long = await soap(hub, "listContracts", {"x": "y" * 70_000}, agency=None)
    assert long.problem["code"] == "request.too_large"
    reply = await hub.call(
        "POST", "/soap", agency=None, data=b"", headers={"Authorization": "Bearer no", "Content-Type": "text/xml"}
    )
    assert b"auth.invalid" in reply.octets and reply.status == 500


@VERSIONS
async def test_a_block_that_must_be_understood_is_not_passed_over(hub: HttpHub, version: Version) -> None:
    block = '<a:Security xmlns:a="urn:a" s:mustUnderstand="{}"/>'
    told = await soap(hub, "listMailbox", header=block.format(1), version=version)
    assert told.problem["code"] == "soap.must_understand" and b"MustUnderstand" in told.octets
    assert (b"NotUnderstood" in told.octets) is (version is Version.SOAP_12)
    assert (await soap(hub, "listMailbox", header=block.format(0), version=version)).text("result") is not None


async def test_an_operation_that_there_is_not_is_named(hub: HttpHub) -> None:
    assert (await soap(hub, "dropEverything")).problem["code"] == "soap.operation_unknown"


HOSTILE = {
    "nothing": b"",
    "no XML": b"POST",
    "a DTD": b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>',
    "many tags": b"<s:Envelope>" + b"<a/>" * 300_000,
    "deep": envelope("sendEnvelope", {"envelope": Raw("<a>" * 200 + "</a>" * 200)}),
    "another version": envelope("listMailbox", {}).replace(b"schemas.xmlsoap.org/soap", b"example.org"),
    "no parts": envelope("sendEnvelope", {"envelope": {"body_base64": include("x")}}),
    "deep in the schema": envelope("sendEnvelope", {"envelope": Raw("<recipients>" * 60 + "</recipients>" * 60)}),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_messages_are_refused_with_a_code_and_soon(hub: HttpHub, name: str) -> None:
    headers = {"Content-Type": "text/xml"}
    took = []
    for _ in range(3):
        started = time.perf_counter()
        reply = await hub.call("POST", "/soap", data=HOSTILE[name], headers=headers)
        took.append(time.perf_counter() - started)
        assert reply.status == 500 and b"urn:lgsp:problem:" in reply.octets and b"hub.internal" not in reply.octets
    assert min(took) < 0.25  # 5 to 50 ms on a machine that is not busy
    assert await hub.stored() == 0


async def test_the_wsdl_is_served_and_every_operation_of_the_routes_is_in_it(hub: HttpHub) -> None:
    wsdl = etree.fromstring((await hub.call("GET", "/soap?wsdl", agency=None)).octets)
    names = {one.get("name") for one in wsdl.iterfind("{*}portType/{*}operation")}
    only_http = {"issueToken", "overrideMethod", "getUploadOptions", "getOpenApi"}
    assert names == {one.name for one in hub.app[ROUTES] if one.tag != "SOAP" and "." not in one.name} - only_http
    xsd = etree.fromstring((await hub.call("GET", "/soap?xsd", agency=None)).octets)
    etree.XMLSchema(xsd)


async def test_the_published_files_are_what_is_served(hub: HttpHub) -> None:
    """An operation, a field or a note that changes is published with it."""
    for name, octets in (await served(hub)).items():
        assert (FOLDER / name).read_bytes() == octets, f"write {name} anew: {HOW}"


async def test_every_answer_is_valid_by_the_schema(hub: HttpHub) -> None:
    """What is generated from the schema has to be able to read what comes."""
    schema = etree.XMLSchema(schema_of(operations_of(hub.app[ROUTES])))
    given = addressed(hub)
    named = {"sender": COMMUNE, "message_id": given["message_id"]}
    case = json.loads(base64.b64decode(given["body_base64"]))["case_number"]
    answers: list[Said] = [await soap(hub, "sendEnvelope", {"envelope": given})]
    answers.append(await soap(hub, "sendBatch", {"envelope": [addressed(hub), addressed(hub, sender="H9")]}))
    answers.append(await soap(hub, "explain", {"envelope": addressed(hub, recipients=["H9"])}))
    for operation in ("getEnvelope", "getReceipt", "getTimeline", "getOverallStatus", "getSignatures"):
        answers.append(await soap(hub, operation, named))
    for operation, values in (
        ("listMailbox", {}), ("fetchDelivery", {"delivery_id": 1}), ("fetchBody", {"delivery_id": 1}),
        ("acknowledge", {"items": {"delivery_id": 1, "result": "refused", "reason": "sai địa chỉ"}}),
    ):  # fmt: skip
        answers.append(await soap(hub, operation, values, agency=LAND_OFFICE))
    for operation, values in (
        ("getKeys", {}), ("getCase", {"identifier": case}), ("listDeadLetters", {}), ("countDeadLetters", {}),
        ("listAgencies", {"search": "ho dac"}), ("getAgency", {"code": COMMUNE}), ("listContracts", {}), ("getLogKeys", {}),
        ("getContract", {"kind": "case.file", "version": "1"}), ("getHealth", {}), ("getReadiness", {}), ("getMetrics", {}),
        ("getContractFile", {"kind": "case.file", "version": "1", "file": "schema.xsd"}), ("listReplays", {}),
        ("getEvidence", named), ("getCaseEvidence", {"identifier": case}), ("getBalance", {}), ("getCheckpoint", {}),
        ("startReplay", {"dry_run": "true", "which": {"sender": COMMUNE}}), ("getProof", named),
        ("getConsistency", {"from": 0}), ("getTile", {"level": "0", "path": "000"}),
    ):  # fmt: skip
        answers.append(await soap(hub, operation, values))
    answers.append(await soap(hub, "recallEnvelope", named | {"reason": "gửi nhầm"}))
    created = await soap(hub, "createUpload", {"upload_length": 8})
    upload_id = (created.text("location") or "").rpartition("/")[2]
    answers.append(created)
    for chunk, offset in ((b"four", 0), (b"more", 4)):
        content = {"content": base64.b64encode(chunk).decode()}
        answers.append(await soap(hub, "appendChunk", {"upload_id": upload_id, "upload_offset": offset, **content}))
        answers.append(await soap(hub, "getUploadOffset", {"upload_id": upload_id}))
    assert answers[-1].text("lgsp_digest") == f"sha256:{hashlib.sha256(b'fourmore').hexdigest()}"
    faults = [one for one in answers if one.status != 200]
    for one in answers:
        found = one.content if one.status == 200 else next(one.content.iter(f"{{{NAMESPACE}}}problem"))
        schema.assertValid(etree.fromstring(etree.tostring(found)))
    assert {one.problem["code"] for one in faults} <= {"request.not_found", "log.not_published", "access.operator_only"}


async def test_text_that_looks_like_markup_comes_back_as_it_was(hub: HttpHub) -> None:
    key = 'hồ sơ <1> & "2"'
    given = addressed(hub, order_key=key)
    await soap(hub, "sendEnvelope", {"envelope": given})
    found = await soap(hub, "getEnvelope", {"sender": COMMUNE, "message_id": given["message_id"]})
    assert found.text("result/order_key") == key


async def test_times_are_read_with_any_zone(hub: HttpHub) -> None:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+07:00").replace("+07:00", "Z")
    assert (await soap(hub, "sendEnvelope", {"envelope": addressed(hub, created_at=moment)})).text("result/sequence")
