"""What simulated counterparts have in common: the ways to misbehave that each of them knows, and how they are told to."""

import asyncio
import contextlib
from dataclasses import asdict, dataclass
from typing import Generic, TypeVar

from aiohttp import web


@dataclass(slots=True)
class Misbehaviour:
    """`fail_next`, `garbage`, `half_answer`, `text_reply`: for so many calls."""

    fail_next: int = 0
    hang: bool = False
    slow_s: float = 0.0
    garbage: int = 0
    half_answer: int = 0
    text_reply: int = 0


Ways = TypeVar("Ways", bound=Misbehaviour)


class Misbehaving(Generic[Ways]):
    def __init__(self, ways: Ways) -> None:
        self.misbehaviour = ways
        self._released = asyncio.Event()

    async def _delay(self) -> None:
        wrong = self.misbehaviour
        if wrong.hang or wrong.slow_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._released.wait(), None if wrong.hang else wrong.slow_s)

    def _fails(self) -> bool:
        failing = self.misbehaviour.fail_next > 0
        self.misbehaviour.fail_next -= failing
        return failing

    def _spoiled(self, answer: web.Response) -> web.Response:
        """What was asked is done by now."""
        wrong = self.misbehaviour
        if wrong.garbage:
            wrong.garbage -= 1
            return web.Response(text="<html><body>Bảo trì</html>", content_type="text/html")
        if wrong.half_answer and isinstance(answer.body, bytes):
            wrong.half_answer -= 1
            return web.Response(body=answer.body[: len(answer.body) // 2], content_type=answer.content_type)
        if wrong.text_reply:
            wrong.text_reply -= 1
            return web.Response(text="ERROR: queue full")
        return answer

    async def _misbehave(self, request: web.Request) -> web.Response:
        """POST /misbehave: members of `Misbehaviour` as JSON; the others stay as they are."""
        known, wish = asdict(self.misbehaviour), await request.json()
        if unknown := set(wish) - set(known):
            return web.json_response({"unknown": sorted(unknown), "known": known}, status=400)
        self.misbehaviour = type(self.misbehaviour)(**(known | wish))
        return web.json_response(asdict(self.misbehaviour))
