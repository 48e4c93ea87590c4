"""/v1/mailbox: pull delivery. List (long poll), fetch, acknowledge."""

import asyncio
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts import wire
from contracts.errors import ContractError
from lgsp.core.directory import Agency
from lgsp.flow.mailbox import Acknowledgement
from lgsp.http.addressing import write_addressing
from lgsp.http.answers import encode, foreign_headers, json_response
from lgsp.http.reading import MAX_ID, PLAIN_TEXT, Query, check_type, decoded, read_body
from lgsp.http.routes import JSON, Answer, Body, Route
from lgsp.http.services import Services
from lgsp.http.status import StateLabel
from lgsp.http.trace import NOTES
from lgsp.ports import MailboxEntry, Work

MAX_ACKNOWLEDGED = 1000
_MAX_REASON_CHARS = 500
_MAX_ACKNOWLEDGE_BYTES = MAX_ACKNOWLEDGED * (6 * _MAX_REASON_CHARS + 100)
# What is not yet, or no longer, the recipient's: waiting for its turn, recalled, expired.

_PATHS = {"delivery_id": "id of a delivery to the caller"}


class MailboxPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next_after` is the `after` of the next page of this listing; null on the last. The next listing begins without it: what
    waited behind an earlier delivery of its case comes in with the lower id that it was given when it was accepted."""

    entries: list[MailboxEntry]
    next_after: int | None


class DeliveryHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`delivery_id` is the same in every attempt: a second copy is dropped by it. `number`: of all deliveries from this sender to
    this recipient, dense from 1: where one is missing, ask for it."""

    delivery_id: int
    attempt: int
    sequence: int
    recipient: str
    addressed_as: str
    number: int | None = None


class DeliveryDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipient gets, fetched or pushed."""

    delivery: DeliveryHead
    envelope: wire.WireEnvelope


class AcknowledgeItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The recipient has it ("delivered"), or will not take it ("refused", with a reason in words that its sender reads)."""

    delivery_id: Annotated[int, Meta(ge=1, le=MAX_ID)]
    result: Literal["delivered", "refused"] = "delivered"
    reason: Annotated[str, Meta(max_length=_MAX_REASON_CHARS, pattern=PLAIN_TEXT)] = ""


class AcknowledgeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    items: Annotated[list[AcknowledgeItem], Meta(min_length=1, max_length=MAX_ACKNOWLEDGED)]


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """`applied` false: it had ended before (`state` tells how), or it is no delivery to the caller (`state` is null)."""

    delivery_id: int
    applied: bool
    state: StateLabel | None


class AcknowledgeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One result for each item, in the same order."""

    results: list[Acknowledged]


AFTER = Query("after", Annotated[int, Meta(ge=0, le=MAX_ID)], 0, "the next page: only deliveries with a higher id; no long poll")
LIMIT = Query("limit", Annotated[int, Meta(ge=1, le=1000)], 100, "at most so many entries")

_decoder = msgspec.json.Decoder(AcknowledgeRequest)


class Mailboxes:
    def __init__(self, services: Services) -> None:
        self._mailbox = services.mailbox
        self._closing = asyncio.Event()
        longest_s = services.settings.long_poll_max_s
        self._wait_s = Query(
            "wait_s", Annotated[float, Meta(ge=0, le=longest_s)], 0.0, "long poll: wait so many seconds for the first"
        )

    async def close(self, app: web.Application) -> None:
        """Ends long polls; a signal handler of the application's shutdown."""
        self._closing.set()

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/v1/mailbox",
                name="listMailbox",
                tag="Receiving",
                summary="Deliveries that wait for the caller, oldest first",
                agency=self.page,
                query=(AFTER, LIMIT, self._wait_s),
                answers={200: Answer(description="Empty when nothing waits", media={JSON: MailboxPage})},
                refusals=("request.field_invalid",),
            ),
            Route(
                method="GET",
                path="/v1/mailbox/{delivery_id}",
                name="fetchDelivery",
                tag="Receiving",
                summary="One delivery with its envelope: the same document as a push",
                agency=self.fetch,
                paths=_PATHS,
                answers={200: Answer(description="The delivery", media={JSON: DeliveryDocument})},
                refusals=("access.not_a_party", "delivery.recalled", "envelope.erased"),
            ),
            Route(
                method="GET",
                path="/v1/mailbox/{delivery_id}/body",
                name="fetchBody",
                tag="Receiving",
                summary="The body alone, octet for octet as the sender wrote it; its addressing stands in Lgsp-* headers",
                agency=self.body,
                paths=_PATHS,
                answers={
                    200: Answer(
                        description="The body in its own media type",
                        media={"*/*": None},
                        headers={"Lgsp-Number": "of all deliveries from this sender to this recipient, dense from 1"},
                    )
                },
                refusals=("access.not_a_party", "delivery.recalled", "envelope.erased"),
            ),
            Route(
                method="POST",
                path="/v1/mailbox/acknowledge",
                name="acknowledge",
                tag="Receiving",
                summary="Say of deliveries that they are safe, or refused",
                description="Repeating it is harmless.",
                agency=self.acknowledge,
                body=Body(media={JSON: AcknowledgeRequest}),
                answers={200: Answer(description="One result for each item", media={JSON: AcknowledgeAnswer})},
                refusals=(
                    "request.malformed",
                    "request.field_invalid",
                    "request.too_large",
                    "request.timeout",
                    "request.media_type_unsupported",
                ),
            ),
        )

    async def page(self, request: web.Request, caller: Agency) -> web.Response:
        after, limit, wait_s = AFTER.read(request), LIMIT.read(request), self._wait_s.read(request)
        if after and wait_s:
            raise ContractError("request.field_invalid", "wait_s", "only without after: what comes may have a lower id")
        found = await self._wait_for_entries(caller, after, limit + 1, wait_s)
        entries = found[:limit]
        return json_response(MailboxPage(entries=entries, next_after=entries[-1].delivery_id if len(found) > limit else None))

    async def _wait_for_entries(self, caller: Agency, after: int, limit: int, wait_s: float) -> list[MailboxEntry]:
        """Ends early, and empty, when the hub stops: a restart does not wait for those who wait."""
        if wait_s == 0:
            return await self._mailbox.list(caller.code, after, limit, 0.0)
        listing = asyncio.create_task(self._mailbox.list(caller.code, after, limit, wait_s))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({listing, closing}, return_when=asyncio.FIRST_COMPLETED)
            return listing.result() if listing.done() else []
        finally:
            listing.cancel()
            closing.cancel()

    async def fetch(self, request: web.Request, caller: Agency) -> web.Response:
        work = await self._work(request, caller)
        return web.Response(body=document(work), headers={"Content-Type": JSON, "Cache-Control": "private, no-store"})

    async def body(self, request: web.Request, caller: Agency) -> web.Response:
        work = await self._work(request, caller)
        envelope = work.envelope
        headers = foreign_headers(envelope.media_type) | write_addressing(envelope)
        if work.number is not None:
            headers["Lgsp-Number"] = str(work.number)
        return web.Response(body=envelope.body, headers=headers)

    async def acknowledge(self, request: web.Request, caller: Agency) -> web.Response:
        check_type(request, JSON)
        items = decoded(await read_body(request, _MAX_ACKNOWLEDGE_BYTES), _decoder).items
        request[NOTES]["deliveries"] = len(items)
        settled = await self._mailbox.acknowledge(
            caller.code, [Acknowledgement(delivery_id=item.delivery_id, result=item.result, reason=item.reason) for item in items]
        )
        results = [
            Acknowledged(delivery_id=item.delivery_id, applied=one.applied, state=None if one.state is None else one.state.label)
            for item, one in zip(items, settled, strict=True)
        ]
        return json_response(AcknowledgeAnswer(results=results))

    async def _work(self, request: web.Request, caller: Agency) -> Work:
        text = request.match_info["delivery_id"]
        delivery_id = int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else 0
        request[NOTES]["delivery_id"] = delivery_id
        if 0 < delivery_id <= MAX_ID:
            return await self._mailbox.take(caller.code, delivery_id)
        raise ContractError("access.not_a_party", "delivery_id")


def document(work: Work) -> bytes:
    """{"delivery": ..., "envelope": ...}, the envelope octet for octet as `contracts.wire` renders it."""
    head = DeliveryHead(
        delivery_id=work.delivery_id,
        attempt=work.attempt,
        sequence=work.sequence,
        recipient=work.recipient,
        addressed_as=work.addressed_as,
        number=work.number,
    )
    return b'{"delivery":' + encode(head) + b',"envelope":' + wire.render(work.envelope) + b"}"
