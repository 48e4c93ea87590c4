"""The HTTP surface against its own OpenAPI document: whatever is sent, the answer is one that the document describes."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, SerializationContext
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from contracts.kinds.examples import POSTAL_ORDER
from lgsp.trust.demo_pki import DemoPki
from tests.integration.http_hub import COMMUNE, POST, HttpHub, http_hub
from tests.statements import signed_statement

pytestmark = pytest.mark.slow

EXAMPLES = 8  # for each operation and mode
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FILE = b"a file"


@schemathesis.serializer("application/x-ndjson", "application/offset+octet-stream")
def as_text(context: SerializationContext, value: Any) -> bytes:
    """Text as it is, anything else as one line of JSON."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@dataclass(frozen=True)
class Target:
    """A running hub, a token, and names of things that exist in it: variable of a path -> value."""

    url: str
    headers: dict[str, str]
    known: dict[str, str]
    envelope: bytes


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A hub on a thread of its own: the fuzzer's client blocks."""
    ready: Future[Target] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(tmp_path_factory.mktemp("hub"), ready)))
    thread.start()
    found = ready.result(30)
    yield found
    _stop_soon(found)
    thread.join(30)


_stops: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}


def _stop_soon(target: Target) -> None:
    loop, stop = _stops.pop(target.url)
    loop.call_soon_threadsafe(stop.set)


async def _serve(folder: Path, ready: "Future[Target]") -> None:
    async with http_hub(folder, long_poll_max_s=0.05, signatures="record") as hub:
        stop = asyncio.Event()
        _stops[hub.url] = asyncio.get_running_loop(), stop
        ready.set_result(Target(hub.url, hub.headers(), await _things(hub), json.dumps(hub.envelope()).encode()))
        await stop.wait()


async def _things(hub: HttpHub) -> dict[str, str]:
    tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    await hub.call("POST", "/v1/attachments", data=FILE, headers=tus | {"Upload-Length": str(len(FILE))})
    begun = await hub.call("POST", "/v1/attachments", data=FILE, headers=tus | {"Upload-Length": "1000"})
    digest = "sha256:" + hashlib.sha256(FILE).hexdigest()
    envelope = hub.envelope(recipients=[COMMUNE], attachments=[{"digest": digest, "size_bytes": len(FILE)}])
    envelope["signature"] = signed_statement(
        json.dumps(envelope, ensure_ascii=False).encode(), DemoPki.make({COMMUNE: "Xã"}, datetime.now(UTC)).seal(COMMUNE)
    )
    sent = await hub.send(envelope)
    assert sent.status == 202, sent.octets
    order = {**msgspec.to_builtins(POSTAL_ORDER[0].body), "case_number": envelope["body"]["case_number"]}
    sent_order = await hub.send(hub.envelope(message_id="order-1", recipients=[POST], kind="postal.order/1", body=order))
    assert sent_order.status == 202, sent_order.octets
    found = await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{envelope['message_id']}/signatures")
    return {
        "sender": COMMUNE,
        "message_id": envelope["message_id"],
        "delivery_id": str(sent.json["deliveries"][0]["delivery_id"]),
        "identifier": envelope["body"]["case_number"],
        "digest": digest,
        "exhibit": found.json["examination"]["findings"][0]["evidence"][0],
        "upload_id": begun.headers["Location"].rpartition("/")[2],
        "code": COMMUNE,
        "kind": "case.file",
        "version": "1",
        "file": "schema.xsd",
    }


def has_rules(operation: dict[str, Any]) -> bool:
    """Whether it takes anything that could be wrong: any text will do in a path."""
    return "requestBody" in operation or any(one["in"] != "path" for one in operation.get("parameters", []))


def fuzz(target: Target, mode: GenerationMode, *, known: bool) -> dict[str, set[int]]:
    """Calls every operation; status codes by operation. `known`: with the names of things that exist."""
    statuses: dict[str, set[int]] = {}
    schema = schemathesis.openapi.from_url(f"{target.url}/openapi.json")
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not has_rules(schema.raw_schema["paths"][operation.path][operation.method]):
            continue
        variables = {name: value for name, value in target.known.items() if f"{{{name}}}" in operation.path}
        if known and not variables:
            continue
        strategy = operation.as_strategy(generation_mode=mode, path_parameters=variables if known else None)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def check(case: Case[Any]) -> None:
            response = case.call(base_url=target.url, headers=target.headers, timeout=20)
            case.validate_response(response, checks=CHECKS)
            statuses.setdefault(f"{case.method} {case.operation.path}", set()).add(response.status_code)

        try:
            check()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE and not list(operation.body), operation.label
    return statuses


def test_requests_as_described_are_answered_as_described(target: Target) -> None:
    """No server error, a described status, media type and form for every operation."""
    statuses = fuzz(target, GenerationMode.POSITIVE, known=False)
    assert len(statuses) > 25
    assert 200 in statuses["GET /v1/mailbox"] and 200 in statuses["GET /v1/agencies"]


def test_requests_against_the_description_are_answered_as_described(target: Target) -> None:
    """The same for what the document forbids: it is refused, and never with a server error."""
    statuses = fuzz(target, GenerationMode.NEGATIVE, known=False)
    assert len(statuses) > 10
    assert statuses["POST /v1/envelopes"].isdisjoint({200, 202})


def test_what_exists_is_answered_as_described(target: Target) -> None:
    """With the names of an envelope, a delivery, a file, an upload, an agency and a contract."""
    statuses = fuzz(target, GenerationMode.POSITIVE, known=True)
    for operation, found in statuses.items():
        if operation.startswith("GET "):
            assert 200 in found, operation


_pieces = st.sampled_from(
    [
        b"",
        b"\x00",
        b"\xff",
        b'"',
        b"{",
        b"]",
        b"\\ud800",
        b"\\u0000",
        b"null",
        b"-1",
        b"1e999",
        b"[" * 3000,
        b"%00",
        "đ\u0309".encode(),
    ]
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(start=st.floats(0, 1), cut=st.integers(0, 40), piece=_pieces | st.binary(max_size=20), explain=st.booleans())
def test_a_damaged_envelope_is_never_a_server_error(target: Target, start: float, cut: int, piece: bytes, explain: bool) -> None:
    """A valid envelope with a few bytes cut out and others put in: a receipt or a refusal."""
    octets = target.envelope
    place = int(start * len(octets))
    damaged = octets[:place] + piece + octets[place + cut :]
    headers = target.headers | {"Content-Type": "application/json"}
    path = "/v1/explain" if explain else "/v1/envelopes"
    response = requests.post(target.url + path, data=damaged, headers=headers, timeout=20)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.json()["code"] and response.json()["title_vi"]
