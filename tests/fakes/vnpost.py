"""Vietnam Post as its clients meet it: orders, registrations, cancellations, one tracking feed for all contracts of a key.

In both shapes: NGSP with a token of OAuth 2.0, the wrapper with a header of its own. It misbehaves on demand.

    async with Vnpost() as post:
        post.happen("H01.134-20261118-0000042", 4, "Phát thành công")
        post.misbehaviour.fail_next = 1

`python -m tests.fakes.vnpost --port N` runs one; `POST /misbehave` takes members of `Misbehaviour`, `POST /happen` an event.
"""

import argparse
import asyncio
import base64
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web

from tests.fakes import misbehaving

KEY, SECRET, STATIC_TOKEN = "vnpost-key", "vnpost-secret", "a token for ever"
CUSTOMER = "AG-VPDK-0117"
FEE_VND = 26_500
STATES = ((1, "Đang đi gom"), (2, "Đã thu gom"), (3, "Đang vận chuyển"), (4, "Phát thành công"))
FIRST_MADE_S = 1_764_547_200  # 2025-12-01, of the first document
_REQUIRED = (
    "CustomerCode",
    "OrderNumber",
    "SenderName",
    "SenderTel",
    "SenderAddress",
    "ReceiverName",
    "ReceiverTel",
    "ReceiverAddress",
)


@dataclass(slots=True)
class Misbehaviour(misbehaving.Misbehaviour):
    """`refuse`: order numbers it will not have."""

    drop_tokens: int = 0  # so many tokens are forgotten right after they were given
    duplicate: bool = False  # each page has its last document twice
    shuffle: bool = False  # pages are unordered
    repeat_pages: bool = False  # lastId is not heeded
    refuse: list[str] = field(default_factory=list)


class Vnpost(misbehaving.Misbehaving[Misbehaviour]):
    """Everything it got is in `got`: (operation, message). An order number that it has is answered 101, as a second copy. With
    `pace_s` each parcel goes its way by itself, a step in so many seconds."""

    def __init__(self, port: int = 0, pace_s: float = 0.0) -> None:
        super().__init__(Misbehaviour())
        self._port = port
        self._pace_s = pace_s
        self._lives: set[asyncio.Task[None]] = set()
        self.url = ""
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.orders: dict[str, dict[str, Any]] = {}
        self.documents: dict[str, dict[str, Any]] = {}
        self.cancelled: dict[str, str] = {}
        self.feed: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []  # queries of the tracking feed
        self.tokens: set[str] = set()
        self.tokens_given = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.post("/token", self._token),
                web.post("/postOrder", self._guarded(self._order)),
                web.post("/order", self._guarded(self._order)),
                web.post("/orderWithoutItemCode", self._guarded(self._order)),
                web.post("/postDocument", self._guarded(self._document)),
                web.post("/cancelOrder", self._guarded(self._cancel)),
                web.get("/getOrderTracking", self._guarded(self._tracking)),
                web.get("/settlement.csv", self._settlement),
                web.post("/misbehave", self._misbehave),
                web.post("/happen", self._happened),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._released.set()
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        await self._runner.cleanup()

    def happen(self, order: str, status: Any, text: str = "", *, at: datetime | None = None, **more: Any) -> str:
        """Adds a document to the feed; its id. `more`: other members, also to spoil it."""
        made_s = FIRST_MADE_S + len(self.feed)
        oid = f"{made_s:08x}{len(self.feed):016x}"
        moment = at or datetime.fromtimestamp(made_s, UTC)
        document = {
            "_id": {"oid": oid},
            "CustomerCode": CUSTOMER,
            "OrderNumber": order,
            "EventTime": int(moment.timestamp() * 1000),
            "POSID": "883450",
            "ItemCode": "EL123456785VN",
            "StatusCode": status,
            "StatusMessage": text,
            "Notes": None,
        } | more
        self.feed.append(document)
        return str(document["_id"]["oid"]) if isinstance(document["_id"], dict) else oid

    # --- what it answers

    def _guarded(
        self, work: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            await self._delay()
            if self._fails():
                return web.json_response({"Status": 500, "Message": "Lỗi hệ thống"}, status=500)
            if not self._known(request):
                return web.json_response({"Status": 401, "Message": "Unauthorized"}, status=401)
            return self._spoiled(await work(request))

        return answer

    def _known(self, request: web.Request) -> bool:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return bearer in self.tokens or request.headers.get("access_token") == STATIC_TOKEN

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        expected = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if request.headers.get("Authorization") != expected or form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "invalid_client"}, status=401)
        token = secrets.token_hex(16)
        self.tokens_given += 1
        if self.misbehaviour.drop_tokens:
            self.misbehaviour.drop_tokens -= 1
        else:
            self.tokens.add(token)
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    async def _order(self, request: web.Request) -> web.Response:
        message = await _json(request)
        self.got.append((request.path.strip("/"), message))
        number = str(message.get("OrderNumber", ""))
        missing = [name for name in _REQUIRED if not message.get(name)]
        if missing or number in self.misbehaviour.refuse:
            return _reply(request, 102, f"Thiếu {', '.join(missing)}" if missing else "Địa chỉ ngoài vùng phục vụ")
        if number in self.orders:
            return _reply(request, 101, "Đơn đã tồn tại")
        self.orders[number] = message
        if self._pace_s:
            life = asyncio.create_task(self._live(number))
            self._lives.add(life)
            life.add_done_callback(self._lives.discard)
        return _reply(request, 100, "Thành công")

    async def _live(self, number: str) -> None:
        """Collected, carried, delivered, unless it is cancelled before anybody came for it."""
        for status, text in STATES:
            await asyncio.sleep(self._pace_s)
            order = self.orders.get(number)
            if order is None:
                return
            told = {"CustomerCode": order.get("CustomerCode"), "ItemCode": order.get("ItemCode")}
            self.happen(number, status, text, at=datetime.now(UTC), **told)

    async def _settlement(self, request: web.Request) -> web.Response:
        """Of what was delivered so far, as a spreadsheet in Vietnam writes it."""
        customer = request.query.get("CustomerCode")
        delivered = [
            (one["OrderNumber"], self.orders[one["OrderNumber"]])
            for one in self.feed
            if one["StatusCode"] == 4 and one["OrderNumber"] in self.orders and customer in (None, one["CustomerCode"])
        ]
        lines = [f"{number};{FEE_VND};{order.get('CODAmount') or 0}" for number, order in delivered]
        return web.Response(text="\ufeff" + "\r\n".join(["Số đơn;Cước;Thu hộ", *lines, ""]), content_type="text/csv")

    async def _document(self, request: web.Request) -> web.Response:
        message = await _json(request)
        self.got.append(("postDocument", message))
        self.documents[str(message.get("OrderNumber", ""))] = message
        return _reply(request, 100, "Thành công")

    async def _cancel(self, request: web.Request) -> web.Response:
        message = await _json(request)
        self.got.append(("cancelOrder", message))
        number = str(message.get("OrderNumber", ""))
        if number in self.cancelled:
            return _reply(request, 103, "Đơn đã được hủy trước đó")
        if self.orders.pop(number, None) is None:
            return _reply(request, 104, "Không tìm thấy đơn")
        self.cancelled[number] = str(message.get("CustomerCode", ""))
        return _reply(request, 100, "Đã hủy")

    async def _tracking(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        self.asked.append(query)
        size = int(query["pagesize"])
        if not 1 <= size <= 1000:
            return web.json_response({"Status": 400, "Message": "pagesize"}, status=400)
        after = "" if self.misbehaviour.repeat_pages else query["lastId"]
        customer = query.get("CustomerCode")
        behind = [
            one for one in self.feed
            if (not isinstance(one, dict) or not isinstance(one.get("_id"), dict) or one["_id"].get("oid", "") > after)
            and (customer is None or one.get("CustomerCode") == customer)
        ]  # fmt: skip
        page = behind[:size]
        if self.misbehaviour.duplicate and page:
            page = [*page, page[-1]]
        if self.misbehaviour.shuffle:
            page = page[::-1]
        found: dict[str, Any] = {"_size": len(behind), "_total_pages": -(-len(behind) // size), "_returned": len(page)}
        return web.json_response(found | ({"_embedded": {"doc": page}} if page else {}))

    # --- what it is told by whoever plays with it

    async def _happened(self, request: web.Request) -> web.Response:
        """{"order": ..., "status": 4, "text": "..."} and other members of a document. It happens now."""
        wish = await _json(request)
        order, status, text = wish.pop("order"), wish.pop("status", None), wish.pop("text", "")
        return web.json_response({"id": self.happen(order, status, text, at=datetime.now(UTC), **wish)})


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.read())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _reply(request: web.Request, status: int, message: str) -> web.Response:
    """The wrapper writes numbers as texts."""
    wrapped = "access_token" in request.headers
    return web.json_response({"Status": str(status) if wrapped else status, "Message": message})


async def _serve(port: int, pace_s: float) -> None:
    async with Vnpost(port, pace_s) as post:
        print(
            f"Vietnam Post (simulated) at {post.url}; in FILE: {KEY}:{SECRET}, of shape lgsp: {STATIC_TOKEN}\n"
            f"  first:      lgsp agency add CODE --name 'Bưu điện' --level post --may-send 'postal.*'\n"
            f"  shape ngsp: lgsp agency endpoint CODE {post.url} --adapter vnpost --secret-file FILE\n"
            f"  shape lgsp: lgsp agency endpoint CODE {post.url} --adapter vnpost --option shape=lgsp --secret-file FILE\n"
            f"  tracking:   lgsp agency feed CODE {post.url} --adapter vnpost --option others=CODE --secret-file FILE\n"
            f"              and --option customer.CONTRACT=AGENCY for each contract: to whom its events go\n"
            f"  settlement: curl {post.url}/settlement.csv, for `lgsp postal settlement`\n"
            f'  POST {post.url}/happen {{"order": ..., "status": 4}} and POST {post.url}/misbehave {{"fail_next": 3}}',
            flush=True,
        )
        await asyncio.Event().wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.vnpost", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pace-s", type=float, default=5.0, help="seconds from one step of a parcel to the next; 0: they stay")
    told = parser.parse_args()
    try:
        asyncio.run(_serve(told.port, told.pace_s))
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
