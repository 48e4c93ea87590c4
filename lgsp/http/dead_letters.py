"""/v1/dead-letters: what could not be delivered, for those whom it concerns; saying of it that somebody has seen to it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from lgsp.core.directory import Agency
from lgsp.http.answers import json_response
from lgsp.http.dead_choice import CONDITIONS, DeadLetterChoice, check_meant, choice_in_query, moved_by, seen_by
from lgsp.http.reading import MAX_ID, PLAIN_TEXT, Query, check_type, decoded, read_body
from lgsp.http.routes import JSON, Answer, Body, Route
from lgsp.http.services import Services
from lgsp.http.trace import NOTES
from lgsp.ports import DeadLetter, DeadLetterCount

MAX_CHOICE_BYTES = 64 * 1024

AFTER = Query("after", Annotated[int, Meta(ge=0, le=MAX_ID)], 0, "the next page: only deliveries with a higher id")
LIMIT = Query("limit", Annotated[int, Meta(ge=1, le=1000)], 100, "at most so many letters")
RESOLVED = Query("resolved", bool, False, "also those that somebody has seen to")


class DeadLetterPage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of acceptance. `next_after` is the `after` of the next page; null on the last."""

    letters: list[DeadLetter]
    next_after: int | None


class ResolveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`everything`: without a condition all of them are meant, and not by mistake."""

    note: Annotated[
        str, Meta(min_length=1, max_length=500, pattern=PLAIN_TEXT, description="What was done; it stands in the timeline")
    ]
    which: DeadLetterChoice = DeadLetterChoice()
    everything: bool = False


class ResolveAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many letters it was said of; those resolved before are not among them."""

    resolved: int


_decoder = msgspec.json.Decoder(ResolveRequest)

READING = (
    "request.malformed",
    "request.field_invalid",
    "request.too_large",
    "request.timeout",
    "request.media_type_unsupported",
    "agency.code_malformed",
    "access.operator_only",
    "dead_letter.filter_empty",
)


class DeadLetters:
    def __init__(self, services: Services) -> None:
        self._journal = services.journal
        self._records = services.records
        self._directory = services.directory
        self._clock: Callable[[], datetime] = services.clock

    def routes(self) -> tuple[Route, ...]:
        refusals = ("request.field_invalid", "agency.code_malformed")
        return (
            Route(
                method="GET",
                path="/v1/dead-letters",
                name="listDeadLetters",
                tag="Dead letters",
                summary="What could not be delivered",
                description="Deliveries that were given up, of which the caller is the sender or the recipient; the sender was"
                " told. Once the recipient works again it replays them (POST /v1/replays), or says that it has seen to them.",
                agency=self.page,
                query=(*CONDITIONS, RESOLVED, AFTER, LIMIT),
                answers={200: Answer(description="A page of letters", media={JSON: DeadLetterPage})},
                refusals=refusals,
            ),
            Route(
                method="GET",
                path="/v1/dead-letters/count",
                name="countDeadLetters",
                tag="Dead letters",
                summary="How many could not be delivered, for whom, since when",
                agency=self.count,
                query=(*CONDITIONS, RESOLVED),
                answers={200: Answer(description="The count", media={JSON: DeadLetterCount})},
                refusals=refusals,
            ),
            Route(
                method="POST",
                path="/v1/dead-letters/resolve",
                name="resolveDeadLetters",
                tag="Dead letters",
                summary="Say that somebody has seen to letters to the caller",
                description="They leave the list and no replay takes them any more. They stay counted as not delivered.",
                agency=self.resolve,
                body=Body(media={JSON: ResolveRequest}),
                answers={200: Answer(description="How many", media={JSON: ResolveAnswer})},
                refusals=READING,
            ),
        )

    async def page(self, request: web.Request, caller: Agency) -> web.Response:
        after, limit = AFTER.read(request), LIMIT.read(request)
        choice, resolved = choice_in_query(request), RESOLVED.read(request)
        which = seen_by(caller, choice, self._directory.current, self._clock().date(), resolved=resolved)
        found = await self._records.dead_letters(which, after, limit + 1)
        letters = found[:limit]
        return json_response(DeadLetterPage(letters=letters, next_after=letters[-1].delivery_id if len(found) > limit else None))

    async def count(self, request: web.Request, caller: Agency) -> web.Response:
        choice, resolved, now = choice_in_query(request), RESOLVED.read(request), self._clock()
        which = seen_by(caller, choice, self._directory.current, now.date(), resolved=resolved)
        return json_response(await self._records.count_dead_letters(which, now))

    async def resolve(self, request: web.Request, caller: Agency) -> web.Response:
        check_type(request, JSON)
        asked = decoded(await read_body(request, MAX_CHOICE_BYTES), _decoder)
        check_meant(asked.which, asked.everything)
        now = self._clock()
        which = moved_by(caller, asked.which, self._directory.current, now.date())
        resolved = await self._journal.resolve_dead_letters(which, caller.code, asked.note, now)
        request[NOTES]["deliveries"] = resolved
        return json_response(ResolveAnswer(resolved=resolved))
