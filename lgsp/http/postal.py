"""GET /v1/postal/reconciliation: the account of a day with the post, for the operator and the post; for an agency its own
part."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta

import msgspec
from aiohttp import web

from contracts.errors import ContractError
from lgsp.core.directory import Agency
from lgsp.core.postal.differences import Difference
from lgsp.core.postal.reconciliation import OpenLeg, Reconciliation, Row
from lgsp.core.postal.report import csv_of
from lgsp.core.postal.traffic import local_day
from lgsp.flow.postal import account_of
from lgsp.http.answers import accept_of, json_response, preferred
from lgsp.http.parties import is_operator
from lgsp.http.reading import Query
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services

CSV = "text/csv"
_FRESH = timedelta(seconds=60)
_REMEMBERED = 8  # days
_DAY: Query[date | None] = Query("day", date, None, "The day, by local time, such as 2026-12-02; yesterday where it is left out")


class PostalAccount(msgspec.Struct, frozen=True, kw_only=True):
    """`clean`: no differences but warnings. `as_of`: what comes later may complete the account."""

    day: date
    as_of: datetime
    clean: bool
    total: Row
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    open: tuple[OpenLeg, ...]


class PostalRoute:
    """One account at a time is made; it is good for a minute."""

    def __init__(self, services: Services) -> None:
        self._records, self._directory = services.records, services.directory
        self._clock: Callable[[], datetime] = services.clock
        self._turn = asyncio.Lock()
        self._made: dict[date, tuple[datetime, Reconciliation]] = {}

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/v1/postal/reconciliation",
                name="getPostalReconciliation",
                tag="Following",
                summary="What was handed over to the post, accepted, delivered and paid on a day, and what does not fit",
                description="The operator and the post see everything, an agency its own part. Legs count on the day on which"
                " their state ended. With Accept: text/csv the same as one table.",
                agency=self.reconciliation,
                query=(_DAY,),
                answers={200: Answer(description="The account of the day", media={JSON: PostalAccount, CSV: None})},
                refusals=("request.field_invalid",),
            ),
        )

    async def reconciliation(self, request: web.Request, caller: Agency) -> web.Response:
        day = _DAY.read(request) or local_day(self._clock()) - timedelta(days=1)
        if not 2000 <= day.year <= 2200:
            raise ContractError("request.field_invalid", "day", "a year from 2000 to 2200")
        as_of, account = await self._account(day)
        if not is_operator(caller) and caller.level != "post":
            account = account.of(caller.code)
        headers = {"Vary": "Accept", "Cache-Control": "no-store"}
        if preferred(accept_of(request), (JSON, CSV)) == CSV:
            name = {"Content-Disposition": f'attachment; filename="doi-soat-buu-chinh-{day.isoformat()}.csv"'}
            return web.Response(
                body=csv_of(account).encode(), headers={"Content-Type": f"{CSV}; charset=utf-8", **name, **headers}
            )
        return json_response(shown(account, as_of), headers=headers)

    async def _account(self, day: date) -> tuple[datetime, Reconciliation]:
        async with self._turn:
            now = self._clock()
            self._made = {known: made for known, made in self._made.items() if now - made[0] < _FRESH}
            if day not in self._made:
                account = await account_of(self._records, self._directory.current, day)
                if len(self._made) >= _REMEMBERED:
                    del self._made[min(self._made, key=lambda known: self._made[known][0])]
                self._made[day] = now, account
            return self._made[day]


def shown(account: Reconciliation, as_of: datetime) -> PostalAccount:
    return PostalAccount(
        day=account.day,
        as_of=as_of,
        clean=account.is_clean,
        total=account.total,
        rows=account.rows,
        differences=account.differences,
        open=account.open,
    )
