"""GET /v1/envelopes/{sender}/{message_id}/evidence, GET /v1/cases/{identifier}/evidence: proof to take away, in one file."""

import asyncio
import tempfile
from collections.abc import Sequence
from typing import IO

from aiohttp import web

from contracts.errors import ContractError
from contracts.text import identifier_key
from lgsp.core.directory import Agency
from lgsp.errors import Overloaded
from lgsp.evidence.asic import MEDIA_TYPE
from lgsp.flow.evidence import Asked
from lgsp.flow.evidence_parts import Part
from lgsp.http.answers import foreign_headers, streaming_headers
from lgsp.http.cases import check_key
from lgsp.http.lookup import PATH, PATHS, Lookup
from lgsp.http.parties import is_operator, is_sender, visible_deliveries
from lgsp.http.routes import Answer, Route
from lgsp.http.services import Services
from lgsp.ports import EnvelopeRecord

MAX_ENVELOPES = 200
_PIECE_BYTES = 2**18
_TOLD = (
    "An ASiC-E container (EN 319 162-1): octets, signatures, verdicts with their evidence, receipt, records of the log and their"
    " proofs, a report in PDF. Checked without this hub by `lgsp evidence verify`, or by the stand-alone file that"
    " `lgsp evidence verifier` writes. A recipient gets what it may see: no receipt, and no deliveries to others."
)


class EvidenceRoutes:
    def __init__(self, services: Services) -> None:
        self._records = services.records
        self._directory = services.directory
        self._lookup = Lookup(services)
        self._desk = services.evidence

    def routes(self) -> tuple[Route, ...]:
        answers = {200: Answer(description="The bundle", media={MEDIA_TYPE: None})}
        refusals = ("access.not_a_party", "evidence.too_large")
        return (
            Route(
                method="GET",
                path=PATH + "/evidence",
                name="getEvidence",
                tag="Following",
                summary="Everything that proves what became of an envelope, in one file",
                description=_TOLD,
                agency=self.of_envelope,
                paths=PATHS,
                answers=answers,
                refusals=refusals,
            ),
            Route(
                method="GET",
                path="/v1/cases/{identifier}/evidence",
                name="getCaseEvidence",
                tag="Following",
                summary=f"The same of a case: of its newest {MAX_ENVELOPES} envelopes that the caller sent or received",
                description=_TOLD,
                agency=self.of_case,
                paths={"identifier": "any identifier of the case, document or parcel, percent-encoded"},
                answers=answers,
                refusals=refusals,
            ),
        )

    async def of_envelope(self, request: web.Request, caller: Agency) -> web.StreamResponse:
        record = await self._lookup.of_party_or_operator(request, caller)
        return await self._answer(request, caller, f"{record.envelope.sender}/{record.envelope.message_id}", [record])

    async def of_case(self, request: web.Request, caller: Agency) -> web.StreamResponse:
        identifier = request.match_info["identifier"]
        party = None if is_operator(caller) else caller.code
        found = await self._records.find_case(check_key(identifier_key(identifier)), party, MAX_ENVELOPES)
        if not found:
            raise ContractError("access.not_a_party", "identifier")
        return await self._answer(request, caller, identifier, found)

    async def _answer(
        self, request: web.Request, caller: Agency, subject: str, records: Sequence[EnvelopeRecord]
    ) -> web.StreamResponse:
        """Made as a whole before the first octet leaves: what goes wrong is still told as a refusal."""
        with tempfile.TemporaryFile(prefix="lgsp-evidence-") as file:
            try:
                await self._desk.export(self._asked(caller, subject, records), file)
            except OSError as error:  # no room for it
                raise Overloaded(f"{error.strerror}") from error
            return await _sent(request, file)

    def _asked(self, caller: Agency, subject: str, records: Sequence[EnvelopeRecord]) -> Asked:
        if is_operator(caller):
            return Asked(subject, "operator", "whole", [Part(one) for one in records], by=caller.code)
        directory = self._directory.current
        parts = [
            Part(
                one,
                frozenset(each.delivery_id for each in visible_deliveries(one, caller, directory)),
                is_sender(one, caller, directory),
            )
            for one in records
        ]
        return Asked(subject, caller.code, "party", parts)


async def _sent(request: web.Request, file: IO[bytes]) -> web.StreamResponse:
    headers = foreign_headers(MEDIA_TYPE, "evidence.asice") | streaming_headers(request, MEDIA_TYPE)
    response = web.StreamResponse(headers=headers | {"Cache-Control": "no-store"})
    response.content_length = file.seek(0, 2)
    file.seek(0)
    await response.prepare(request)
    while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
        await response.write(piece)
    await response.write_eof()
    return response
