"""GET /v1/envelopes/{sender}/{message_id}/signatures: what was found out about its signatures, and the octets it rests on."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts.errors import ContractError
from lgsp.core.directory import Agency
from lgsp.core.signatures.finding import Examination
from lgsp.http.answers import foreign_headers, json_response
from lgsp.http.lookup import PATH, PATHS, Lookup
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services

_OCTETS = "application/octet-stream"
_TYPES = {"certificate": "application/pkix-cert", "crl": "application/pkix-crl", "ocsp": "application/ocsp-response",
          "timestamp": "application/timestamp-reply"}  # fmt: skip


class Signatures(msgspec.Struct, frozen=True, kw_only=True):
    """`examination` is null where nothing was signed and nothing had to be. Evidence is fetched below this address, by digest."""

    sender: str
    message_id: str
    examination: Annotated[
        Examination | None, Meta(description="Verdicts as of acceptance, with the policy and the trust they were judged by")
    ]


class SignatureReports:
    def __init__(self, services: Services) -> None:
        self._records = services.records
        self._lookup = Lookup(services)

    def routes(self) -> tuple[Route, ...]:
        path, refusals = PATH + "/signatures", ("access.not_a_party",)
        return (
            Route(
                method="GET",
                path=path,
                name="getSignatures",
                tag="Following",
                summary="What was found out about the signatures of an envelope",
                agency=self.report,
                paths=PATHS,
                answers={200: Answer(description="The verdicts", media={JSON: Signatures})},
                refusals=refusals,
            ),
            Route(
                method="GET",
                path=path + "/evidence/{exhibit}",
                name="getSignatureEvidence",
                tag="Following",
                summary="A certificate, CRL, OCSP answer or time-stamp that a verdict rests on",
                agency=self.evidence,
                paths=PATHS | {"exhibit": "sha256:<64 hex>, as in `evidence` of a finding"},
                answers={200: Answer(description="The octets", media=dict.fromkeys((*_TYPES.values(), _OCTETS)))},
                refusals=refusals,
            ),
        )

    async def report(self, request: web.Request, caller: Agency) -> web.Response:
        record = await self._lookup.of_party(request, caller)
        envelope = record.envelope
        found = await self._records.examination(record.sequence)
        return json_response(Signatures(sender=envelope.sender, message_id=envelope.message_id, examination=found))

    async def evidence(self, request: web.Request, caller: Agency) -> web.Response:
        record = await self._lookup.of_party(request, caller)
        digest = request.match_info["exhibit"]
        found = await self._records.examination(record.sequence)
        if found is not None and any(digest in one.evidence for one in found.findings):
            for exhibit in await self._records.exhibits([digest]):
                media_type = _TYPES.get(exhibit.what, _OCTETS)
                return web.Response(body=exhibit.octets, headers=foreign_headers(media_type) | {"ETag": f'"{digest}"'})
        raise ContractError("access.not_a_party", "exhibit")
