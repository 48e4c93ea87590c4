"""GET /v1/balance: whether everything that was accepted is accounted for, by two sources that know nothing of each other."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts.errors import ContractError
from lgsp.core.directory import Agency
from lgsp.core.lifecycle import State
from lgsp.http.answers import json_response
from lgsp.http.parties import is_operator
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services
from lgsp.ports import Balance


class BalanceSheet(msgspec.Struct, frozen=True, kw_only=True):
    """accepted = delivered + refused + dead + expired + cancelled + in_flight. The left side counts events, the right side the
    delivery table. `by_state` is the right side in detail, `ended_events` are endings as the events tell them."""

    accepted: int
    delivered: int
    refused: int
    dead: int
    expired: int
    cancelled: int
    in_flight: int
    difference: Annotated[int, Meta(description="Deliveries and endings that only one of the two knows; not 0 is an alarm")]
    by_state: dict[str, int]
    ended_events: dict[str, int]


class BalanceRoute:
    def __init__(self, services: Services) -> None:
        self._records = services.records

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/v1/balance",
                name="getBalance",
                tag="Operation",
                summary="Whether everything accepted is accounted for",
                description="For the operator, who calls as the hub itself. It counts whole tables: ask every few minutes.",
                agency=self.balance,
                answers={200: Answer(description="Both accounts", media={JSON: BalanceSheet})},
                refusals=("access.operator_only",),
            ),
        )

    async def balance(self, request: web.Request, caller: Agency) -> web.Response:
        if not is_operator(caller):
            raise ContractError("access.operator_only")
        return json_response(sheet_of(await self._records.balance()))


def sheet_of(balance: Balance) -> BalanceSheet:
    """The balance as it is told."""
    table = balance.by_state
    return BalanceSheet(
        accepted=balance.accepted_events,
        delivered=table.get(State.DELIVERED, 0),
        refused=table.get(State.REFUSED, 0),
        dead=table.get(State.DEAD, 0),
        expired=table.get(State.EXPIRED, 0),
        cancelled=table.get(State.CANCELLED, 0),
        in_flight=balance.in_flight,
        difference=balance.difference,
        by_state={state.label: table.get(state, 0) for state in State},
        ended_events={state.label: balance.ended_events.get(state, 0) for state in State if state.is_final},
    )
