"""/v1/replays: dead letters back on their way, at a rate that the recipient bears; looking how far it has got; stopping it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts.errors import ContractError
from lgsp.core.directory import Agency
from lgsp.core.replay import Replay, ReplayState
from lgsp.flow.replays import begin
from lgsp.http.answers import json_response
from lgsp.http.dead_choice import DeadLetterChoice, check_meant, choice_of, moved_by
from lgsp.http.dead_letters import MAX_CHOICE_BYTES, READING
from lgsp.http.parties import is_operator
from lgsp.http.reading import MAX_ID, Query, check_type, decoded, read_body
from lgsp.http.routes import JSON, Answer, Body, Route
from lgsp.http.services import Services
from lgsp.http.trace import NOTES
from lgsp.ports import DeadLetterCount

_LOOKED_THROUGH = 1000  # of the newest jobs; people start them

LIMIT = Query("limit", Annotated[int, Meta(ge=1, le=1000)], 100, "at most so many jobs")
_PATHS = {"replay_id": "number of a replay"}


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`everything`: without a condition all of them are meant, and not by mistake. `rate_per_s`: letters a second; null: as fast
    as the hub likes. `dry_run`: count only."""

    which: DeadLetterChoice = DeadLetterChoice()
    everything: bool = False
    rate_per_s: Annotated[float, Meta(ge=0.001, le=10_000)] | None = None
    dry_run: bool = False


class ReplayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A job and how far it has got. Of `total` letters counted when it began, `moved` went on their way; `expired` were past
    their time and stay as they are. `operator`: who began it. `since` and `until` of `which` are those it works with: what is
    given up after it began is no part of it."""

    replay_id: int
    state: ReplayState
    which: DeadLetterChoice
    operator: str
    created_at: datetime
    rate_per_s: float | None
    total: int
    moved: int
    expired: int
    ended_at: datetime | None


class ReplayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What it is about, and the job; null where none was begun: only counted, or nothing that could go."""

    count: DeadLetterCount
    replay: ReplayStatus | None


class ReplayList(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first."""

    replays: list[ReplayStatus]


_decoder = msgspec.json.Decoder(ReplayRequest)


class Replays:
    def __init__(self, services: Services) -> None:
        self._journal = services.journal
        self._records = services.records
        self._directory = services.directory
        self._clock: Callable[[], datetime] = services.clock

    def routes(self) -> tuple[Route, ...]:
        one = Answer(description="The job", media={JSON: ReplayStatus})
        return (
            Route(
                method="POST",
                path="/v1/replays",
                name="startReplay",
                tag="Dead letters",
                summary="Put dead letters back on their way",
                description="Those to the caller, one job at a time: in the order of their acceptance, with a new retry schedule,"
                " each under its old delivery id.",
                agency=self.start,
                body=Body(media={JSON: ReplayRequest}),
                answers={
                    200: Answer(description="Counted; nothing was begun", media={JSON: ReplayAnswer}),
                    201: Answer(description="Begun", media={JSON: ReplayAnswer}, headers={"Location": "the job"}),
                },
                refusals=(*READING, "replay.under_way"),
            ),
            Route(
                method="GET",
                path="/v1/replays",
                name="listReplays",
                tag="Dead letters",
                summary="Replays of letters to the caller, newest first",
                agency=self.page,
                query=(LIMIT,),
                answers={200: Answer(description="The jobs", media={JSON: ReplayList})},
                refusals=("request.field_invalid",),
            ),
            Route(
                method="GET",
                path="/v1/replays/{replay_id}",
                name="getReplay",
                tag="Dead letters",
                summary="How far a replay has got",
                agency=self.one,
                paths=_PATHS,
                answers={200: one},
                refusals=("replay.unknown",),
            ),
            Route(
                method="POST",
                path="/v1/replays/{replay_id}/cancel",
                name="cancelReplay",
                tag="Dead letters",
                summary="Stop a replay",
                description="What went stays gone, what did not stays a dead letter. Repeating it is harmless.",
                agency=self.cancel,
                paths=_PATHS,
                answers={200: one},
                refusals=("replay.unknown",),
            ),
        )

    async def start(self, request: web.Request, caller: Agency) -> web.Response:
        check_type(request, JSON)
        asked = decoded(await read_body(request, MAX_CHOICE_BYTES), _decoder)
        check_meant(asked.which, asked.everything)
        now = self._clock()
        which = moved_by(caller, asked.which, self._directory.current, now.date())
        if asked.dry_run:
            return json_response(ReplayAnswer(count=await self._records.count_dead_letters(which, now), replay=None))
        await self._check_idle(caller)
        count, replay = await begin(self._journal, self._records, which, caller.code, asked.rate_per_s, now)
        if replay is None:
            return json_response(ReplayAnswer(count=count, replay=None))
        request[NOTES]["deliveries"] = count.letters
        answer = ReplayAnswer(count=count, replay=status_of(replay))
        return json_response(answer, status=201, headers={"Location": f"/v1/replays/{replay.replay_id}"})

    async def page(self, request: web.Request, caller: Agency) -> web.Response:
        limit = LIMIT.read(request)
        found = [replay for replay in await self._records.replays(_LOOKED_THROUGH) if _concerns(replay, caller)]
        return json_response(ReplayList(replays=[status_of(replay) for replay in found[:limit]]))

    async def one(self, request: web.Request, caller: Agency) -> web.Response:
        return json_response(status_of(await self._replay(request, caller)))

    async def cancel(self, request: web.Request, caller: Agency) -> web.Response:
        replay = await self._replay(request, caller)
        stopped = await self._journal.cancel_replay(replay.replay_id, self._clock())
        return json_response(status_of(stopped or replay))

    async def _replay(self, request: web.Request, caller: Agency) -> Replay:
        text = request.match_info["replay_id"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else 0
        replay = await self._records.replay(number) if 0 < number <= MAX_ID else None
        if replay is None or not _concerns(replay, caller):
            raise ContractError("replay.unknown", "replay_id")
        return replay

    async def _check_idle(self, caller: Agency) -> None:
        """The hub's own people may have several; a program of an agency's that asks again and again gets no second one."""
        if is_operator(caller):
            return
        for replay in await self._records.replays(_LOOKED_THROUGH):
            if replay.state == "running" and _concerns(replay, caller):
                raise ContractError("replay.under_way", "", f"/v1/replays/{replay.replay_id}")


def _concerns(replay: Replay, caller: Agency) -> bool:
    """A job over letters to this agency alone is its business, whoever began it."""
    return is_operator(caller) or replay.which.recipient == caller.code


def status_of(replay: Replay) -> ReplayStatus:
    """The job as it is told."""
    return ReplayStatus(
        replay_id=replay.replay_id,
        state=replay.state,
        which=choice_of(replay.which),
        operator=replay.operator,
        created_at=replay.created_at,
        rate_per_s=replay.rate_per_s,
        total=replay.total,
        moved=replay.moved,
        expired=replay.expired,
        ended_at=replay.ended_at,
    )
