"""What is there to be looked up: directory, contracts, health, metrics, and an OpenAPI document that tells the truth."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from adapters.registry import FACADES
from contracts.kinds import KINDS, read_body
from lgsp.events import check_event
from lgsp.http.app import ROUTES
from lgsp.log import trace_id
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, NOBODY_LISTENS, POST, HttpHub, http_hub
from tests.integration.test_http_envelopes import assert_problem


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path) as running:
        yield running


@pytest.mark.parametrize("search", ["ho%20dac", "H%E1%BB%92%20%C4%90%E1%BA%AEC", "h01.134", "00.00.15", "kien%20commune"])
async def test_an_agency_is_found_by_name_without_marks_and_by_any_code(hub: HttpHub, search: str) -> None:
    """Typed without marks, in capitals, a part of its code or of an alias."""
    found = (await hub.call("GET", f"/v1/agencies?search={search}")).json
    assert [agency["code"] for agency in found["agencies"]] == [COMMUNE]


async def test_the_directory_comes_in_pages(hub: HttpHub) -> None:
    """`next_after` leads through all codes in order, and is null at the end."""
    codes: list[str] = []
    after: str | None = ""
    while after is not None:
        answer = (await hub.call("GET", f"/v1/agencies?limit=2&after={after}")).json
        codes += [agency["code"] for agency in answer["agencies"]]
        after = answer["next_after"]
    assert codes == sorted(hub.hub.directory.current.agencies)


async def test_nobody_learns_the_address_or_secret_of_another(hub: HttpHub) -> None:
    """Only whether deliveries are pushed or fetched."""
    for path in ("/v1/agencies", f"/v1/agencies/{POST}"):
        reply = await hub.call("GET", path)
        assert b'"delivery":"push"' in reply.octets
        assert NOBODY_LISTENS.encode() not in reply.octets and b"whsec" not in reply.octets and b"grants" not in reply.octets


async def test_an_agency_is_found_by_a_former_code(hub: HttpHub) -> None:
    """The alias leads to the agency; an unknown code to 404."""
    assert (await hub.call("GET", "/v1/agencies/000.00.15.H01")).json["code"] == COMMUNE
    assert_problem(await hub.call("GET", "/v1/agencies/H01.404"), 404, "agency.unknown", "code")
    assert LAND_OFFICE in (await hub.call("GET", f"/v1/agencies/{LAND_OFFICE}9")).json["detail"]


async def test_every_contract_has_its_schemas_and_valid_examples(hub: HttpHub) -> None:
    """Open to everybody; each link answers, each example is one that the hub would take."""
    listed = (await hub.call("GET", "/v1/contracts", agency=None)).json["contracts"]
    assert {contract["kind"] for contract in listed} == set(KINDS)
    for contract in listed:
        assert (await hub.call("GET", f"/v1/contracts/{contract['kind']}", agency=None)).json == contract
        links = contract["links"]
        schema = await hub.call("GET", links["json_schema"], agency=None)
        assert schema.json["$schema"].startswith("https://json-schema.org/")
        xsd = await hub.call("GET", links["xsd"], agency=None)
        assert ElementTree.fromstring(xsd.octets).tag.endswith("}schema")  # noqa: S314 - our own file
        assert links["examples"]
        for link in links["examples"]:
            example = await hub.call("GET", link, agency=None)
            assert example.status == 200
            media_type = example.headers["Content-Type"]
            if media_type in contract["media_types"]:
                read_body(KINDS[contract["kind"]], example.octets, media_type)


async def test_an_unknown_contract_or_file_is_not_found(hub: HttpHub) -> None:
    """404, also for attempts to climb out of the folder."""
    key = next(iter(KINDS))
    for path in ("case.nothing/1", f"{key}/x.json", f"{key}/..%2F..%2Fproblems.py", f"{key}/%00"):
        assert_problem(await hub.call("GET", f"/v1/contracts/{path}", agency=None), 404, "request.not_found")


async def test_readiness_tells_the_truth(hub: HttpHub) -> None:
    """200 while the hub can work; 503 naming what is missing when it stops. Liveness does not change."""
    ready = await hub.call("GET", "/readyz", agency=None)
    assert ready.status == 200 and ready.json["ready"] and {"journal", "broker"} <= {c["name"] for c in ready.json["checks"]}
    hub.hub.stop.set()
    stopping = await hub.call("GET", "/readyz", agency=None)
    assert stopping.status == 503 and not stopping.json["ready"]
    assert [check["name"] for check in stopping.json["checks"] if not check["ok"] and check["required"]] == ["open"]
    assert (await hub.call("GET", "/healthz", agency=None)).json == {"status": "ok"}


async def test_metrics_count_requests_by_route(hub: HttpHub) -> None:
    """Templates, never paths: no agency and no case number in a label."""
    await hub.send(hub.envelope())
    await hub.call("GET", f"/v1/agencies/{LAND_OFFICE}")
    await hub.call("GET", "/no/such/place")
    text = (await hub.call("GET", "/metrics", agency=None)).octets.decode()
    assert 'lgsp_http_request_seconds_count{method="POST",route="/v1/envelopes",status="202"}' in text
    assert 'route="/v1/agencies/{code}"' in text and LAND_OFFICE not in text and "no/such" not in text
    assert "lgsp_envelopes_accepted_total" in text


async def test_what_is_not_there_is_a_problem_document(hub: HttpHub) -> None:
    """404 and 405 in our words; 405 names what is allowed."""
    assert_problem(await hub.call("GET", "/v2/envelopes"), 404, "request.not_found")
    reply = await hub.call("DELETE", "/v1/envelopes")
    assert_problem(reply, 405, "request.method_not_allowed")
    assert reply.headers["Allow"] == "POST"


async def document(hub: HttpHub) -> dict[str, Any]:
    reply = await hub.call("GET", "/openapi.json", agency=None)
    answer: dict[str, Any] = reply.json
    return answer


async def test_the_openapi_document_has_every_route_and_no_other(hub: HttpHub) -> None:
    """What the router serves is what the document describes; a WSDL describes /soap, documents of their own the facades."""
    described = {(method.upper(), path) for path, methods in (await document(hub))["paths"].items() for method in methods}
    every = {(route.method, route.resource.canonical) for route in hub.app.router.routes() if route.resource is not None}
    foreign = tuple(f"{make().prefix}/" for make in FACADES.values())
    served = {(method, path) for method, path in every if not f"{path}/".startswith(foreign)}
    assert described | {("GET", "/soap"), ("POST", "/soap")} == served
    assert len({route.name for route in hub.app[ROUTES]}) == len(every), "operation ids are unique"


async def test_the_openapi_document_is_complete_in_itself(hub: HttpHub) -> None:
    """Every reference resolves, every variable of a path is described, every operation says who may call it."""
    described = await document(hub)
    text = json.dumps(described)
    schemas = described["components"]["schemas"]
    for place in text.split('"$ref": "#/components/schemas/')[1:]:
        assert place.split('"')[0] in schemas
    for path, methods in described["paths"].items():
        for operation in methods.values():
            variables = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert variables == {part.strip("{}") for part in path.split("/") if part.startswith("{")}
            assert "security" in operation and operation["summary"] and "default" in operation["responses"]


class Recorder:
    """Takes log lines as the catalogue of events allows them."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def info(self, event: str, **fields: Any) -> None:
        line = {"event": event, **fields}
        check_event(None, "info", dict(line))
        self.lines.append(line | {"trace_id": trace_id.get()})


async def test_the_log_has_one_line_per_request_without_secrets(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Method, template, status, time, agency, trace; no token, no query, no body."""
    log = Recorder()
    monkeypatch.setattr("lgsp.http.app.log", log)
    envelope = hub.envelope()
    sent = await hub.send(envelope)
    await hub.call("GET", "/v1/agencies?search=confidential")
    await hub.call("POST", "/oauth/token", agency=None, data={"client_secret": "confidential"})
    assert [(line["method"], line["path"], line["status"]) for line in log.lines] == [
        ("POST", "/v1/envelopes", 202),
        ("GET", "/v1/agencies", 200),
        ("POST", "/oauth/token", 400),
    ]
    assert log.lines[0]["trace_id"] == sent.headers["traceresponse"][3:35]
    assert log.lines[0]["agency"] == COMMUNE and log.lines[0]["took_ms"] > 0
    accepted = {name: log.lines[0][name] for name in ("sender", "message_id", "kind", "sequence")}
    assert accepted == {
        "sender": COMMUNE, "message_id": envelope["message_id"], "kind": "case.progress/1", "sequence": sent.json["sequence"]
    }  # fmt: skip
    for secret in ("confidential", hub.headers()["Authorization"], envelope["body"]["case_number"]):
        assert secret not in str(log.lines)
