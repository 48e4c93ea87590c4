"""GET /v1/cases/{identifier}/parcels: what the post carries for a case, as far as the caller was told."""

from datetime import date, datetime

import msgspec
from aiohttp import web

from contracts.errors import ContractError
from contracts.kinds.postal_codes import LegState
from contracts.text import identifier_key
from lgsp.core.directory import Agency
from lgsp.core.postal.following import legs_of
from lgsp.core.postal.legs import STATES, Leg, Step
from lgsp.core.postal.settling import Book, book_of
from lgsp.core.postal.traffic import Direction
from lgsp.flow.postal import traffic_about
from lgsp.http.answers import json_response
from lgsp.http.cases import check_key
from lgsp.http.parties import is_operator
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services


class ParcelStep(msgspec.Struct, frozen=True, kw_only=True):
    """`office`: code or name of the post office. `stray`: it cannot have happened where it stands, and changed nothing."""

    at: datetime
    state: LegState
    state_vi: str
    state_en: str
    office: str
    text: str
    stray: bool


class ParcelSettled(msgspec.Struct, frozen=True, kw_only=True):
    """The post's account of it: what it costs and what was collected, on which day."""

    day: date
    fee_vnd: int
    cod_vnd: int


class CaseParcel(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of the case. `items`: every label that it bore. `ordered_at` None: nobody ordered it, as far as is known."""

    order_number: str
    direction: Direction
    leg: int
    agency: str
    items: tuple[str, ...]
    state: LegState
    state_vi: str
    state_en: str
    since: datetime
    ordered_at: datetime | None
    accepted_at: datetime | None
    ended_at: datetime | None
    attempts: int
    cod_due_vnd: int
    cod_collected_vnd: int | None
    steps: list[ParcelStep]
    settled: list[ParcelSettled]


class CaseParcels(msgspec.Struct, frozen=True, kw_only=True):
    """In the order in which they began."""

    identifier: str
    parcels: list[CaseParcel]


class Parcels:
    def __init__(self, services: Services) -> None:
        self._records, self._directory = services.records, services.directory

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/v1/cases/{identifier}/parcels",
                name="getCaseParcels",
                tag="Following",
                summary="The parcels of a case, step by step, by any of its identifiers",
                description="Made of the orders, cancellations, events and settlements that the caller sent or received; the"
                " operator sees those of everybody.",
                agency=self.parcels,
                paths={"identifier": "case number, order number or item code, percent-encoded"},
                answers={200: Answer(description="Each leg with its steps", media={JSON: CaseParcels})},
                refusals=("access.not_a_party",),
            ),
        )

    async def parcels(self, request: web.Request, caller: Agency) -> web.Response:
        identifier = request.match_info["identifier"]
        check_key(identifier_key(identifier))
        traffic = await traffic_about(
            self._records, self._directory.current, identifier, None if is_operator(caller) else caller.code
        )
        book = book_of(traffic.settlements)
        found = [_shown(leg, book) for leg in legs_of(traffic)]
        if not found:
            raise ContractError("access.not_a_party", "identifier")
        return json_response(CaseParcels(identifier=identifier, parcels=found))


def _shown(leg: Leg, book: Book) -> CaseParcel:
    steps = [_step(one, stray=False) for one in leg.steps] + [_step(one, stray=True) for one in leg.strays]
    settled = [ParcelSettled(day=one.day, fee_vnd=one.line.fee_vnd, cod_vnd=one.line.cod_vnd) for one in book.about(leg.key)]
    return CaseParcel(
        order_number=leg.key.order_number,
        direction=leg.key.direction,
        leg=leg.key.leg,
        agency=leg.agency,
        items=leg.items,
        state=leg.state,
        state_vi=STATES[leg.state][0],
        state_en=STATES[leg.state][1],
        since=leg.since,
        ordered_at=leg.ordered_at,
        accepted_at=leg.accepted_at,
        ended_at=leg.ended_at,
        attempts=leg.attempts,
        cod_due_vnd=leg.cod_due_vnd,
        cod_collected_vnd=leg.cod_collected_vnd,
        steps=sorted(steps, key=lambda one: one.at),
        settled=settled,
    )


def _step(step: Step, *, stray: bool) -> ParcelStep:
    vi, en = STATES[step.state]
    return ParcelStep(at=step.at, state=step.state, state_vi=vi, state_en=en, office=step.office, text=step.text, stray=stray)
