"""POST /v1/envelopes/{sender}/{message_id}/recall: the sender takes back what has not arrived."""

from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts.agency import agency_code
from contracts.errors import ContractError
from contracts.text import is_plain_token
from lgsp.core.directory import Agency
from lgsp.flow.recalls import Withdrawal
from lgsp.http.answers import json_response
from lgsp.http.parties import is_sender
from lgsp.http.reading import PLAIN_TEXT, check_type, decoded, read_body
from lgsp.http.routes import JSON, Answer, Body, Route
from lgsp.http.services import Services
from lgsp.ports import EnvelopeRecord

_MAX_BYTES = 64 * 1024


class RecallRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`recipients`: only these, by the codes that the receipt names; absent: all."""

    reason: Annotated[
        str, Meta(min_length=1, max_length=500, pattern=PLAIN_TEXT, description="Why, for the recipients and the auditor")
    ]
    recipients: Annotated[tuple[str, ...], Meta(max_length=500)] = ()


class RecalledDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """`cancelled`: before anybody saw it. `requested`: it is being handed over just now, or was fetched and not acknowledged; it
    is cancelled if that comes to nothing. `delivered`: the recipient has it; a document is asked back with a packet of business
    type 1 or a status 13. `ended`: it had ended otherwise."""

    delivery_id: int
    recipient: str
    outcome: Literal["cancelled", "requested", "delivered", "ended"]


class RecallAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One result for each delivery asked about."""

    results: list[RecalledDelivery]


_decoder = msgspec.json.Decoder(RecallRequest)


class RecallRoute:
    def __init__(self, services: Services) -> None:
        self._records = services.records
        self._recalls = services.recalls
        self._directory = services.directory

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path="/v1/envelopes/{sender}/{message_id}/recall",
                name="recallEnvelope",
                tag="Following",
                summary="Take back what has not arrived",
                description="For the sender. Repeating it is harmless.",
                agency=self.recall,
                paths={"sender": "code of the sender", "message_id": "id that the sender chose, percent-encoded"},
                body=Body(media={JSON: RecallRequest}),
                answers={200: Answer(description="What became of each delivery", media={JSON: RecallAnswer})},
                refusals=(
                    "access.not_a_party",
                    "request.malformed",
                    "request.field_invalid",
                    "request.too_large",
                    "request.timeout",
                    "request.media_type_unsupported",
                ),
            ),
        )

    async def recall(self, request: web.Request, caller: Agency) -> web.Response:
        check_type(request, JSON)
        asked = decoded(await read_body(request, _MAX_BYTES), _decoder)
        record = await self._record(request, caller)
        known = {one.recipient for one in record.deliveries if not one.copy}
        for place, code in enumerate(asked.recipients):
            if code not in known:
                raise ContractError("request.field_invalid", f"/recipients/{place}", f"{code} is not among its recipients")
        found = await self._recalls.withdraw(record, asked.recipients, asked.reason)
        return json_response(RecallAnswer(results=[_result(one) for one in found if not one.delivery.copy]))

    async def _record(self, request: web.Request, caller: Agency) -> EnvelopeRecord:
        """Raises ContractError "access.not_a_party" for what the caller did not send, whether it exists or not."""
        message_id = request.match_info["message_id"]
        agency_code(request.match_info["sender"], "sender")
        if is_plain_token(message_id, 128):
            record = await self._records.envelope(caller.code, message_id)
            if record is not None and self._names(request.match_info["sender"], caller, record):
                return record
        raise ContractError("access.not_a_party", "message_id")

    def _names(self, sender: str, caller: Agency, record: EnvelopeRecord) -> bool:
        """Whether the address names the caller, by any of its codes."""
        known = self._directory.current.known_as(sender, record.envelope.created_at.date())
        return known is not None and known.code == caller.code and is_sender(record, caller, self._directory.current)


def _result(one: Withdrawal) -> RecalledDelivery:
    return RecalledDelivery(delivery_id=one.delivery.delivery_id, recipient=one.delivery.recipient, outcome=one.outcome)
