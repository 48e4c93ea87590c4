"""POST /v1/explain: what would the hub do with this envelope, and why. Nothing is stored."""

from aiohttp import web

from lgsp.core.directory import Agency
from lgsp.core.explain import Explanation
from lgsp.http.answers import json_response
from lgsp.http.envelopes import ENVELOPE_BODY, RAW_HEADERS, envelope_limit_bytes, envelope_of
from lgsp.http.reading import read_body
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services


class Explain:
    def __init__(self, services: Services) -> None:
        self._intake = services.intake
        self._limit_bytes = envelope_limit_bytes(services.settings.max_body_bytes)

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path="/v1/explain",
                name="explain",
                tag="Sending",
                summary="A dry run: every check, every delivery that would be made",
                description="An envelope that can be read is explained with 200, also when it would be refused.",
                agency=self.post,
                headers=RAW_HEADERS,
                body=ENVELOPE_BODY,
                answers={200: Answer(description="The decision and the steps to it", media={JSON: Explanation})},
                refusals=(
                    "envelope.malformed",
                    "body.malformed",
                    "envelope.field_invalid",
                    "agency.code_malformed",
                    "request.too_large",
                    "request.timeout",
                    "request.media_type_unsupported",
                ),
            ),
        )

    async def post(self, request: web.Request, caller: Agency) -> web.Response:
        octets = await read_body(request, self._limit_bytes)
        return json_response(await self._intake.explain(envelope_of(request, octets), caller))
