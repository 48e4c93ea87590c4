"""Virtual time: event loops that share one clock, which jumps to the next timer as soon as nobody has anything to do.

Each process of the simulated hub has a loop of its own, so it can be killed between any two of its callbacks: what a dead loop
still had to run is never run, not even a `finally`. Callbacks run one at a time, first come first served; nothing sleeps, no
thread and no socket exists.
"""

import asyncio
import contextvars
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any


class Stuck(Exception):
    """Nobody has anything to do any more, or somebody never stops."""


class Handle:
    """A callback to be run, as `asyncio.Handle` and `asyncio.TimerHandle`."""

    __slots__ = ("_when", "args", "callback", "context", "loop", "off")

    def __init__(
        self,
        loop: "Loop",
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        when: float,
    ) -> None:
        self.loop = loop
        self.callback = callback
        self.args = args
        self.context = context or contextvars.copy_context()
        self.off = False
        self._when = when

    def cancel(self) -> None:
        self.off = True

    def cancelled(self) -> bool:
        return self.off

    def when(self) -> float:
        return self._when


class Time:
    """The clock, in seconds since the simulation began, and everything that is to happen."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ready: deque[Handle] = deque()
        self.timers: list[tuple[float, int, Handle]] = []
        self.numbers = count()
        self.steps = 0

    def run(self, until: "asyncio.Future[Any]", max_steps: int) -> None:
        """Runs what is to happen, in order, until the future is done. Raises Stuck."""
        ready, timers, running = self.ready, self.timers, None
        try:
            while not until.done():
                if not ready:
                    if not timers:
                        raise Stuck("nobody has anything to do any more")
                    self.now, _, handle = heapq.heappop(timers)
                else:
                    handle = ready.popleft()
                loop = handle.loop
                if handle.off or (loop.watched and not loop.admits(handle)):
                    continue
                self.steps += 1
                if self.steps > max_steps:
                    raise Stuck(f"{max_steps} steps and no end: {handle.callback} of {loop.name}")
                if loop is not running:
                    events._set_running_loop(loop)
                    running = loop
                try:
                    handle.context.run(handle.callback, *handle.args)
                except Exception as error:  # noqa: BLE001 - as any event loop does
                    loop.call_exception_handler({"message": f"exception in {handle.callback}", "exception": error})
        finally:
            events._set_running_loop(None)


class _Task(asyncio.Task[Any]):
    """Its hash is a number of its own and not its address: sets of tasks have the same order in every run."""

    def __hash__(self) -> int:
        try:
            return self._number
        except AttributeError:
            self._number: int = next(self.get_loop().time_line.numbers)
            return self._number


class Loop(asyncio.AbstractEventLoop):
    """What asyncio needs of a loop, for one process. `on_trouble` gets what nobody handled."""

    def __init__(self, time: Time, name: str, on_trouble: Callable[[str], None]) -> None:
        self.time_line = time
        self.name = name
        self.alive = True
        self.watched = False  # dead, paused or about to die: `admits` is asked
        self._on_trouble = on_trouble
        self._steps_left: int | None = None
        self._on_death: Callable[[], None] = _nothing
        self._held: list[Handle] | None = None
        self._remains: list[Handle] = []  # freed with a dead process, its coroutines would run their `finally`

    # life and death

    def kill(self) -> None:
        """Nothing of it is ever run again."""
        self.alive, self.watched = False, True

    def kill_after(self, steps: int, on_death: Callable[[], None]) -> None:
        """Dies after so many more callbacks."""
        self._steps_left, self._on_death, self.watched = steps, on_death, True

    def spare(self) -> None:
        """It does not die after all."""
        self._steps_left = None

    def pause(self) -> None:
        """SIGSTOP: time passes, and nothing of it is run."""
        if self._held is None:
            self._held, self.watched = [], True

    def resume(self) -> None:
        held, self._held = self._held or [], None
        self.time_line.ready.extend(held)

    def admits(self, handle: Handle) -> bool:
        if not self.alive:
            self._remains.append(handle)
            return False
        if self._held is not None:
            self._held.append(handle)
            return False
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left < 0:
                self._steps_left = None
                self.kill()
                self._remains.append(handle)
                self._on_death()
                return False
        return True

    # as asyncio knows it

    def time(self) -> float:
        return self.time_line.now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Handle:  # type: ignore[override]
        handle = Handle(self, callback, args, context, self.time_line.now)
        self.time_line.ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        time = self.time_line
        handle = Handle(self, callback, args, context, when)
        heapq.heappush(time.timers, (when if when > time.now else time.now, next(time.numbers), handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        return self.call_at(self.time_line.now + delay, callback, *args, context=context)

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: contextvars.Context | None = None
    ) -> _Task:
        return _Task(coro, loop=self, name=name, context=context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.alive:
            self._on_trouble(f"{self.name}: {context['message']}: {context.get('exception')!r}")


def _nothing() -> None:
    return None
