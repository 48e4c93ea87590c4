"""The REST facades of the document buses against their own OpenAPI documents: whatever is sent, the answer is as described."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from adapters.edxml_bus.national import NationalBus
from adapters.edxml_bus.provincial import ProvincialBus
from tests.fakes.vxp_client import JavaClient
from tests.integration.bus_hub import COMMUNE, DEPARTMENT, bus_hub
from tests.packets import Enclosed, document
from tests.thorough import much

pytestmark = pytest.mark.slow

EXAMPLES = {GenerationMode.POSITIVE: much(60, 24), GenerationMode.NEGATIVE: much(40, 3)}  # for each operation
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_SIGNATURE = frozenset({"sign-header", "sign-header-key", "hash-header", "systemid", "timestamp"})


@dataclass(frozen=True)
class Target:
    """A running hub, with a packet that waits for the client's agency and one that it sent."""

    client: JavaClient
    received: str
    sent: str
    stop: Any

    def known(self, case: Case[Any]) -> Case[Any]:
        """The call, asking for something that exists."""
        headers, query = dict(case.headers or {}), dict(case.query or {})
        doc_id = self.sent if case.operation.path == "/getSentEdocList" else self.received
        if any(name.lower() == "xroadvnpt-docid" for name in headers):
            headers = {name: value for name, value in headers.items() if name.lower() != "xroadvnpt-docid"}
            headers["XroadVnpt-docId"] = doc_id
        if "docId" in query:
            query["docId"] = doc_id
        case.headers.clear()
        case.headers.update(headers)
        case.query.clear()
        case.query.update(query)
        return case

    def national(self, case: Case[Any]) -> dict[str, str]:
        """Signed, whatever it says."""
        own = {name.removeprefix("XroadVnpt-"): str(value) for name, value in (case.headers or {}).items()}
        said = {name: value for name, value in own.items() if name.lower() not in _SIGNATURE}
        client = replace(self.client, headers={})
        client._put({name: value for name, value in said.items() if not any(ord(char) < 32 for char in value)})
        return {name: value.encode("utf-8").decode("latin-1") for name, value in client._signed().items() if name in _SENT}

    def provincial(self, _: Case[Any]) -> dict[str, str]:
        return {"X-SystemId": self.client.system_id, "X-SecretKey": self.client.secret}


_SENT = ("XroadVnpt-sign-header", "XroadVnpt-sign-header-key", "XroadVnpt-hash-header")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A hub on a thread of its own: the fuzzer's client blocks."""
    ready: Future[Target] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(tmp_path_factory.mktemp("hub"), ready)))
    thread.start()
    found = ready.result(60)
    yield found
    found.stop()
    thread.join(30)


async def _serve(folder: Path, ready: "Future[Target]") -> None:
    async with bus_hub(folder) as bus:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        edoc = {"servicetype": "eDoc", "messagetype": "edoc"}
        other, client = bus.java(COMMUNE), bus.java(DEPARTMENT)
        packet = document(1, COMMUNE, [DEPARTMENT], [Enclosed("a.pdf", b"%PDF-1.4")])
        await other.send_edoc(edoc | {"from": COMMUNE}, packet)
        sent = await client.send_edoc(edoc | {"from": DEPARTMENT}, document(1, DEPARTMENT, [COMMUNE]))
        (row,) = await client.get_received_edoc_list(edoc)
        ready.set_result(Target(bus.java(DEPARTMENT), row["docId"], sent["DocId"], lambda: loop.call_soon_threadsafe(stop.set)))
        await stop.wait()


def fuzz(target: Target, facade: str, mode: GenerationMode) -> dict[str, set[str]]:
    """Calls every operation; by operation whether it said yes or no ("200 yes")."""
    base = target.client.endpoint.replace("/bus/vxp", f"/bus/{facade}")
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    told: dict[str, set[str]] = {}
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES[mode],
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
        def check(case: Case[Any], known: bool) -> None:
            if known:
                case = target.known(case)
            signed = target.national(case) if facade == "vxp" else target.provincial(case)
            if facade == "vxp":
                case.headers.clear()
            response = case.call(base_url=base, headers=signed, timeout=20)
            case.validate_response(response, checks=CHECKS)
            yes = b'"OK"' in response.content or b'"success":true' in response.content or response.content.startswith(b"<?xml")
            told.setdefault(f"{case.method} {case.operation.path}", set()).add(f"{response.status_code} {'yes' if yes else 'no'}")

        try:
            check()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE
    return told


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "against it"])
def test_the_national_facade_answers_as_it_says(target: Target, mode: GenerationMode) -> None:
    """No server error, a described status, media type and form; what exists can be had among the calls as described."""
    told = fuzz(target, "vxp", mode)
    if mode is GenerationMode.POSITIVE:
        assert len(told) == len(NationalBus.operations)
        assert all("200 yes" in said for name, said in told.items() if name not in _NEEDS_MORE), told


# A signed file, a state out of four, a code that the caller registered.
_NEEDS_MORE = {"POST /sendEdoc", "POST /updateStatus", "POST /registerAgency", "POST /deleteAgency"}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "against it"])
def test_the_provincial_facade_answers_as_it_says(target: Target, mode: GenerationMode) -> None:
    told = fuzz(target, "lgsp", mode)
    assert len(told) >= 4
    if mode is GenerationMode.POSITIVE:
        assert len(told) == len(ProvincialBus.operations)
        assert "200 yes" in told["GET /v1/getAgenciesList"] and "200 yes" in told["GET /v1/getEdoc"], told
