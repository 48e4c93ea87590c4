"""The journal as its processes see it: a server behind a line. Calls take time, fail before or after their commit, or never
answer; what was sent is done even if the sender dies meanwhile."""

import asyncio
import inspect
from collections.abc import Coroutine
from functools import partial
from typing import Any

from lgsp.errors import JournalUnavailable
from tests.sim.memory import MemoryStore
from tests.sim.outside import Machine, Outside

CALLS = [name for name, member in vars(MemoryStore).items() if inspect.iscoroutinefunction(member)]


class Server:
    """`event_times` and `history_times` stand beside the journal's: when, by the true clock, each was committed."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.store = MemoryStore()
        self.event_times: list[float] = []
        self.history_times: list[float] = []
        self.away: dict[str, int] = {}  # machine, "" for all -> for how many troubles at once
        self.shaky: dict[str, list[float]] = {}

    def is_away(self, name: str) -> bool:
        return not self.outside.peace and (self.away.get("", 0) > 0 or self.away.get(name, 0) > 0)

    def shakiness(self, name: str) -> float:
        return max((*self.shaky.get("", ()), *self.shaky.get(name, ())), default=0.0)

    def perform(self, name: str, args: tuple[Any, ...]) -> Any:
        """One transaction, now. Raises what the store raises."""
        result = at_once(getattr(self.store, name)(*args))
        tables, now = self.store.tables, self.outside.time.now
        self.event_times += [now] * (len(tables.events) - len(self.event_times))
        self.history_times += [now] * (len(tables.history) - len(self.history_times))
        return result


def at_once(call: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never suspends."""
    try:
        call.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a call of the store in memory suspended")


class Line:
    """`lgsp.ports.Store` for one process."""

    def __init__(self, server: Server, machine: Machine, timeout_s: float) -> None:
        self._server = server
        self._machine = machine
        self._timeout_s = timeout_s
        for name in CALLS:
            setattr(self, name, partial(self._call, name))

    async def _call(self, name: str, *args: Any) -> Any:
        machine, outside = self._machine, self._server.outside
        answer: asyncio.Future[Any] = machine.loop.create_future()
        done = machine.calls(name)
        there_s, lost = self._fate()
        outside.loop.call_later(there_s, self._perform, name, args, answer, lost, done)
        if there_s > self._timeout_s:
            machine.loop.call_later(self._timeout_s, _fail, answer, JournalUnavailable(f"{name}: no answer in time"))
        return await answer

    def _fate(self) -> tuple[float, str]:
        """How long it takes to get there, and whether it or its answer is lost."""
        outside = self._server.outside
        there_s = outside.latency_s()
        if self._server.shaky and outside.likely(self._server.shakiness(self._machine.name)):
            lost = outside.chance.choice(("request", "answer", "answer", "slow"))
            return (there_s + outside.chance.random() * 5.0, "") if lost == "slow" else (there_s, lost)
        return there_s, ""

    def _perform(self, name: str, args: tuple[Any, ...], answer: asyncio.Future[Any], lost: str, done: Any) -> None:
        server, machine, outside = self._server, self._machine, self._server.outside
        back = machine.loop.call_later
        if lost == "request" or (server.away and server.is_away(machine.name)):
            outside.note(machine.name, name, "not done")
            back(outside.latency_s(), _fail, answer, JournalUnavailable(f"{name}: the journal is away"))
            return
        try:
            result = server.perform(name, args)
        except Exception as error:  # noqa: BLE001 - the caller's to handle
            outside.note(machine.name, name, "failed", repr(error))
            back(outside.latency_s(), _fail, answer, error)
            return
        if name not in _SILENT and (name not in _DULL or result not in _NOTHING):
            told = args if name not in _CHANGES else args[:1] if isinstance(args[0], str) else ()  # a change holds on to its hub
            outside.note(machine.name, name, told, result, lost)
        if lost == "answer":
            back(outside.latency_s(), _fail, answer, JournalUnavailable(f"{name}: the line broke after the commit"))
        else:
            back(outside.latency_s(), _succeed, answer, result)
        if done is not None:
            done()


_DULL = frozenset({"take_due", "overdue", "mailbox", "step_replays", "let_go"})  # unless they find something
_NOTHING = ([], ([], []))
_CHANGES = frozenset({"change_hold", "change_agencies"})
_SILENT = frozenset({"directory_version", "directory", "balance", "count_holds", "hold"})


def _succeed(answer: asyncio.Future[Any], result: Any) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
