"""Sending over HTTP: receipts, resends, raw bodies, and a coded refusal for everything that is wrong."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from contracts.kinds import find
from contracts.kinds.xml import to_xml
from lgsp.core.log.proof import parse_proof
from lgsp.core.log.record import Accepted, decode, salted
from tests.integration.http_hub import CLOSED, COMMUNE, LAND_OFFICE, STRANGER, HttpHub, Reply, http_hub, progress


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


def assert_problem(reply: Reply, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """A problem document of RFC 9457 in both languages that names the field."""
    problem: dict[str, Any] = reply.json
    assert (reply.status, problem["code"]) == (status, code), problem
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Content-Language"] == "en, vi"
    assert problem["type"] == f"urn:lgsp:problem:{code}"
    assert problem["status"] == status
    assert problem["title"] and problem["title_vi"] and problem["remedy"] and problem["remedy_vi"]
    assert problem["instance"].removeprefix("urn:lgsp:trace:") == reply.headers["traceresponse"][3:35]
    if field is not None:
        assert problem["field"] == field, problem
    return problem


async def test_an_accepted_envelope_is_answered_with_its_receipt(hub: HttpHub) -> None:
    """202, the receipt, and where its status is."""
    envelope = hub.envelope()
    reply = await hub.send(envelope)
    assert reply.status == 202, reply.octets
    assert reply.json["message_id"] == envelope["message_id"]
    assert [one["recipient"] for one in reply.json["deliveries"]] == [LAND_OFFICE]
    assert (await hub.call("GET", reply.headers["Location"])).json["sequence"] == reply.json["sequence"]


async def test_a_resend_gets_the_identical_receipt(hub: HttpHub) -> None:
    """200 and the same bytes as the first time, marked as a duplicate; nothing is stored twice."""
    envelope = hub.envelope()
    first, second = await hub.send(envelope), await hub.send(envelope)
    assert (first.status, second.status) == (202, 200)
    assert second.octets == first.octets
    assert second.headers["Lgsp-Duplicate"] == "true"
    assert await hub.stored() == 1


async def test_a_receipt_proves_itself(hub: HttpHub) -> None:
    """With the log's key alone: the record is the one of this envelope, and it stands in the log under a signed head."""
    running = hub.hub
    assert running.keys is not None
    (log_key,) = running.keys.log_verifiers("lgsp/HUB")
    receipts = [(await hub.send(hub.envelope())).json for _ in range(3)]
    for receipt in receipts:
        entry = receipt["log"]
        parse_proof(entry["proof"]).verify(entry["leaf"].encode(), log_key)
        told = decode(entry["leaf"].encode())
        assert isinstance(told, Accepted)
        assert (told.message_id, told.sequence) == (receipt["message_id"], receipt["sequence"])
        assert told.digest == salted(base64.b64decode(entry["salt"]), receipt["digest"].encode())


async def test_simultaneous_sends_of_one_envelope_store_it_once(hub: HttpHub) -> None:
    """Twenty connections with the same bytes: one is fresh, all have one receipt."""
    octets = json.dumps(hub.envelope()).encode()
    replies = await asyncio.gather(*(hub.send(octets) for _ in range(20)))
    assert sorted(reply.status for reply in replies) == [200] * 19 + [202]
    assert len({reply.octets for reply in replies}) == 1
    assert await hub.stored() == 1


def _without(name: str) -> Any:
    return lambda envelope: {key: value for key, value in envelope.items() if key != name}


def _with(**fields: Any) -> Any:
    return lambda envelope: envelope | fields


def _now(**shift: int) -> str:
    return (datetime.now(UTC) + timedelta(**shift)).isoformat()


REFUSALS: dict[str, tuple[Any, int, str, str | None]] = {
    "cut off": (lambda envelope: json.dumps(envelope).encode()[:-7], 400, "envelope.malformed", None),
    "empty": (lambda _: b"", 400, "envelope.malformed", None),
    "not an object": (lambda _: b"[1, 2]", 422, "envelope.field_invalid", ""),
    "bad UTF-8 outside the body": (lambda _: b'{"message_id": "\xff"}', 400, "envelope.malformed", None),
    "bad UTF-8 inside the body": (
        lambda envelope: json.dumps(envelope | {"body": {"case_number": "@@"}}).encode().replace(b"@@", b"\xff"),
        400,
        "body.malformed",
        "/body",
    ),
    "nested without end": (
        lambda envelope: json.dumps(envelope | {"body": "@@"}).encode().replace(b'"@@"', b"[" * 20_000 + b"]" * 20_000),
        400,
        "envelope.malformed",
        None,
    ),
    "unknown field": (_with(priorty=1), 422, "envelope.field_invalid", None),
    "no message id": (_without("message_id"), 422, "envelope.field_invalid", None),
    "message id with a space": (_with(message_id="a b"), 422, "envelope.field_invalid", "/message_id"),
    "unknown kind": (_with(kind="case.fiel/1"), 422, "kind.unknown", "/kind"),
    "unknown version": (_with(kind="case.file/999"), 422, "kind.unknown", "/kind"),
    "wrong recipient code": (_with(recipients=["H01 134"]), 422, "agency.code_malformed", "/recipients/0"),
    "unknown recipient": (_with(recipients=[LAND_OFFICE, "H01.404"]), 422, "route.unknown_recipient", "/recipients/1"),
    "closed recipient": (_with(recipients=[CLOSED]), 422, "route.recipient_closed", "/recipients/0"),
    "sender is another": (_with(sender=STRANGER), 403, "auth.sender_mismatch", "/sender"),
    "expired": (_with(expires_at="2020-01-01T00:00:00Z"), 422, "envelope.expired", "/expires_at"),
    "from the future": (lambda e: e | {"created_at": _now(hours=1)}, 422, "envelope.created_in_future", "/created_at"),
    "time without zone": (_with(created_at="2026-11-22T08:00:00"), 422, "envelope.field_invalid", "/created_at"),
    "body breaks its schema": (_with(body={"case_number": 7}), 422, "body.invalid", None),
    "broken base64": (
        lambda e: _without("body")(e) | {"body_base64": "%%%", "media_type": "application/xml"},
        400,
        "body.malformed",
        "/body_base64",
    ),
    "both bodies": (_with(body_base64="e30="), 422, "envelope.field_invalid", "/body"),
    "unknown attachment": (
        _with(attachments=[{"digest": "sha256:" + "0" * 64, "size_bytes": 1}]),
        422,
        "attachment.unknown",
        "/attachments/0/digest",
    ),
    "body over its limit": (_with(body=progress(1) | {"padding": "x" * 70_000}), 413, "body.too_large", "/body"),
}


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.replace(" ", "-"))
async def test_what_is_wrong_is_refused_with_a_code_and_not_stored(hub: HttpHub, case: str) -> None:
    """Each refusal is a problem document with its own code, names the field, and leaves nothing in the journal."""
    make, status, code, field = REFUSALS[case]
    assert_problem(await hub.send(make(hub.envelope())), status, code, field)
    assert await hub.stored() == 0


async def test_an_id_is_never_reused_for_other_bytes(hub: HttpHub) -> None:
    """409 for the second use of an id; the first envelope stays as it was."""
    envelope = hub.envelope()
    first = await hub.send(envelope)
    problem = assert_problem(await hub.send(envelope | {"priority": 3}), 409, "envelope.id_reused", "/message_id")
    assert problem["message_id"] == envelope["message_id"]
    assert (await hub.send(envelope)).octets == first.octets
    assert await hub.stored() == 1


async def test_a_request_beyond_the_limit_is_not_read(hub: HttpHub) -> None:
    """413 from Content-Length alone, and also when the size is not announced."""
    octets = b" " * 500_000

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(octets), 16_384):
            yield octets[start : start + 16_384]

    assert_problem(await hub.send(octets), 413, "request.too_large")
    headers = {"Content-Type": "application/json"}
    assert_problem(await hub.call("POST", "/v1/envelopes", data=in_chunks(), headers=headers), 413, "request.too_large")
    assert await hub.stored() == 0


@pytest.mark.parametrize("media_type", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", None])
async def test_a_form_is_not_an_envelope(hub: HttpHub, media_type: str | None) -> None:
    """415 says what to send instead."""
    headers = {"Content-Type": media_type} if media_type else {}
    skip = () if media_type else ("Content-Type",)
    reply = await hub.call("POST", "/v1/envelopes", data=b"a=b", headers=headers, skip_auto_headers=skip)
    assert_problem(reply, 415, "request.media_type_unsupported", "Content-Type")


async def test_a_content_coding_is_refused(hub: HttpHub) -> None:
    """415 for gzip: nothing is unpacked before it is counted."""
    reply = await hub.send(b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    assert_problem(reply, 415, "request.media_type_unsupported", "Content-Encoding")


def raw_headers(number: int, **more: str) -> dict[str, str]:
    return {
        "Content-Type": "application/xml",
        "Lgsp-Message-Id": f"x-{number}",
        "Lgsp-Sender": COMMUNE,
        "Lgsp-Recipients": f"{LAND_OFFICE}, {STRANGER}",
        "Lgsp-Kind": "case.progress/1",
        "Lgsp-Created-At": datetime.now(UTC).isoformat(),
        "Lgsp-Order-Key": quote("hồ sơ 7"),
        "Lgsp-Identifiers": f"notation={quote('12/QĐ-UBND')},receipt=AG.7",
        "Lgsp-Priority": "2",
    } | {name.replace("_", "-"): value for name, value in more.items()}


def xml_body(number: int) -> bytes:
    kind = find("case.progress/1")
    return to_xml(kind, msgspec.convert(progress(number), kind.model))


async def test_an_xml_body_travels_octet_for_octet_with_its_addressing_in_headers(hub: HttpHub) -> None:
    """What the recipient fetches as a raw body is what the sender posted, and the Lgsp-* headers come back."""
    octets = xml_body(1) + b"<!-- kept -->"
    sent = await hub.call("POST", "/v1/envelopes", data=octets, headers=raw_headers(1))
    assert sent.status == 202, sent.octets
    delivery = next(one["delivery_id"] for one in sent.json["deliveries"] if one["recipient"] == LAND_OFFICE)
    fetched = await hub.call("GET", f"/v1/mailbox/{delivery}/body", agency=LAND_OFFICE)
    assert fetched.octets == octets
    assert fetched.headers["Content-Type"] == "application/xml"
    assert fetched.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("Lgsp-Message-Id", "Lgsp-Sender", "Lgsp-Order-Key", "Lgsp-Priority"):
        assert fetched.headers[name] == raw_headers(1)[name]
    status = (await hub.call("GET", sent.headers["Location"])).json
    assert {"scheme": "notation", "value": "12/QĐ-UBND"} in status["identifiers"]
    assert status["order_key"] == "hồ sơ 7"


@pytest.mark.parametrize(
    ("headers", "code", "field"),
    [
        ({"Lgsp_Sender": ""}, "envelope.field_invalid", "/sender"),
        ({"Lgsp_Created_At": "yesterday"}, "envelope.field_invalid", "/created_at"),
        ({"Lgsp_Created_At": "1763770000"}, "envelope.field_invalid", "/created_at"),
        ({"Lgsp_Priority": "urgent"}, "envelope.field_invalid", "/priority"),
        ({"Lgsp_Order_Key": "%FF"}, "envelope.field_invalid", "/order_key"),
        ({"Lgsp_Order_Key": "hồ sơ"}, "envelope.field_invalid", "/order_key"),
        ({"Lgsp_Identifiers": "case"}, "envelope.field_invalid", "/identifiers/0"),
        ({"Lgsp_Recipients": "H01.10.01,"}, "agency.code_malformed", "/recipients/1"),
    ],
)
async def test_a_wrong_header_is_named_as_the_field_it_stands_for(
    hub: HttpHub, headers: dict[str, str], code: str, field: str
) -> None:
    """The pointer is the one of the JSON form, so that both forms are refused alike."""
    reply = await hub.call("POST", "/v1/envelopes", data=xml_body(1), headers=raw_headers(1, **headers))
    assert_problem(reply, 422, code, field)
    assert await hub.stored() == 0


async def test_malformed_xml_and_a_dtd_are_refused(hub: HttpHub) -> None:
    """400 before anything is stored; entities are never expanded."""
    for octets in (b"<case.progress>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe"):
        reply = await hub.call("POST", "/v1/envelopes", data=octets, headers=raw_headers(1))
        assert_problem(reply, 400, "body.malformed")
    assert await hub.stored() == 0


async def test_explain_decides_and_stores_nothing(hub: HttpHub) -> None:
    """The dry run tells the steps of an acceptance and of a refusal."""
    headers = {"Content-Type": "application/json"}
    good = await hub.call("POST", "/v1/explain", data=json.dumps(hub.envelope()), headers=headers)
    assert good.status == 200 and good.json["accepted"] and good.json["hops"][0]["recipient"] == LAND_OFFICE
    bad = await hub.call("POST", "/v1/explain", data=json.dumps(hub.envelope(recipients=["H01.404"])), headers=headers)
    assert bad.status == 200 and not bad.json["accepted"]
    assert bad.json["refusal"]["code"] == "route.unknown_recipient"
    assert [step["ok"] for step in bad.json["steps"]][-1] is False
    assert_problem(await hub.call("POST", "/v1/explain", data=b"{", headers=headers), 400, "envelope.malformed")
    assert await hub.stored() == 0


async def test_the_trace_of_the_sender_goes_with_the_envelope(hub: HttpHub) -> None:
    """A valid traceparent is kept and told; an invalid one is replaced by a new trace."""
    given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    sent = await hub.send(hub.envelope(), traceparent=given)
    assert sent.headers["traceresponse"] == given
    assert (await hub.call("GET", sent.headers["Location"])).json["traceparent"] == given
    broken = await hub.send(hub.envelope(), traceparent="00-" + "0" * 32 + "-00f067aa0ba902b7-01")
    assert broken.status == 202
    own = broken.headers["traceresponse"]
    assert own[3:35] != "0" * 32
    assert (await hub.call("GET", broken.headers["Location"])).json["traceparent"] == own


async def test_a_message_id_may_hold_what_a_path_may_not(hub: HttpHub) -> None:
    """Slashes, percent signs and question marks are found again percent-encoded."""
    for message_id in ("a/b", "50%2F?x=1#y", "urn:uuid:7/receipt", "%41"):
        sent = await hub.send(hub.envelope(message_id=message_id))
        assert sent.status == 202, sent.octets
        found = await hub.call("GET", sent.headers["Location"])
        assert found.json["message_id"] == message_id
        assert sent.headers["Location"] == f"/v1/envelopes/{COMMUNE}/{quote(message_id, safe='')}"


async def test_a_full_hub_says_when_to_come_back(tmp_path: Path) -> None:
    """503 with Retry-After while more is under way than the hub holds; what it then accepts is as good as ever."""
    async with http_hub(tmp_path, intake_capacity=1) as hub:
        replies = await asyncio.gather(*(hub.send(hub.envelope()) for _ in range(40)))
        turned_away = [reply for reply in replies if reply.status == 503]
        assert turned_away, "forty at once fit into room for one"
        for reply in turned_away:
            assert assert_problem(reply, 503, "hub.overloaded")["retryable"] is True
            assert int(reply.headers["Retry-After"]) > 0
        assert await hub.stored() == len(replies) - len(turned_away)


async def test_a_stopping_hub_turns_envelopes_away(hub: HttpHub) -> None:
    """503 hub.stopping with Retry-After, and readiness says so."""
    await hub.hub.intake.close()
    reply = await hub.send(hub.envelope())
    assert_problem(reply, 503, "hub.stopping")
    assert int(reply.headers["Retry-After"]) > 0


async def test_a_bug_is_answered_without_details(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 hub.internal with the trace id, and the connection serves on."""

    def broken(record: object) -> None:
        raise KeyError("secret detail")

    sent = await hub.send(hub.envelope())
    monkeypatch.setattr(hub.hub.intake, "receipt_of_record", broken)
    reply = await hub.call("GET", sent.headers["Location"] + "/receipt")
    assert_problem(reply, 500, "hub.internal")
    assert b"secret detail" not in reply.octets
    assert (await hub.call("GET", "/healthz")).status == 200
