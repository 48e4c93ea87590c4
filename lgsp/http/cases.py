"""GET /v1/cases/{identifier}: everything the caller sent or received about one case, document or parcel, in one timeline."""

import msgspec
from aiohttp import web

from contracts.envelope import MAX_IDENTIFIER_CHARS
from contracts.errors import ContractError
from contracts.text import identifier_key
from lgsp.core.directory import Agency
from lgsp.http.answers import json_response
from lgsp.http.parties import visible_deliveries, visible_events
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services
from lgsp.http.status import EnvelopeStatus, status_of
from lgsp.ports import Event

_MAX_SHOWN = 200


class CaseEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """One envelope of the case and what happened to it."""

    envelope: EnvelopeStatus
    events: list[Event]


class CaseTimeline(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest envelope first. `truncated`: there are older ones than are shown; ask for them by their message ids."""

    identifier: str
    envelopes: list[CaseEnvelope]
    truncated: bool


class Cases:
    def __init__(self, services: Services) -> None:
        self._records = services.records
        self._directory = services.directory

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/v1/cases/{identifier}",
                name="getCase",
                tag="Following",
                summary="The timeline of a case by any of its identifiers",
                description="Composed and decomposed Vietnamese, upper and lower case find the same.",
                agency=self.case,
                paths={"identifier": "any identifier of the case, document or parcel, percent-encoded"},
                answers={200: Answer(description="Its envelopes and their events", media={JSON: CaseTimeline})},
                refusals=("access.not_a_party",),
            ),
        )

    async def case(self, request: web.Request, caller: Agency) -> web.Response:
        identifier = request.match_info["identifier"]
        directory = self._directory.current
        found = await self._records.find_case(check_key(identifier_key(identifier)), caller.code, _MAX_SHOWN + 1)
        if not found:
            raise ContractError("access.not_a_party", "identifier")
        shown = found[-_MAX_SHOWN:]
        events: dict[int, list[Event]] = {record.sequence: [] for record in shown}
        for event in await self._records.timeline(*events):
            events[event.sequence].append(event)
        envelopes = [
            CaseEnvelope(
                envelope=status_of(record, visible_deliveries(record, caller, directory)),
                events=visible_events(events[record.sequence], record, caller, directory),
            )
            for record in shown
        ]
        return json_response(CaseTimeline(identifier=identifier, envelopes=envelopes, truncated=len(found) > len(shown)))


def check_key(key: str) -> str:
    """The key, if anything can bear it. Raises ContractError "access.not_a_party"."""
    if not 0 < len(key) <= 2 * MAX_IDENTIFIER_CHARS or not key.isprintable():
        raise ContractError("access.not_a_party", "identifier")
    return key
