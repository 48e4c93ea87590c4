"""What is common to everything outside the hub: the clock, chance, who dies in which call, and a record of all that happened."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.sim.loop import Loop, Time

EPOCH = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)


class Outside:
    """`loop` never dies: servers, partners and people live on it. `peace`: nothing goes wrong any more."""

    def __init__(self, chance: Random) -> None:
        self.time = Time()
        self.trouble: list[str] = []  # what nobody handled: each is a bug
        self.loop = Loop(self.time, "outside", self.trouble.append)
        self.chance = chance
        self.peace = False
        self.notes: list[tuple[Any, ...]] = []

    def note(self, who: str, what: str, *details: Any) -> None:
        self.notes.append((self.time.now, who, what, *details))

    def latency_s(self) -> float:
        return self.chance.random() * 0.004

    def likely(self, probability: float) -> bool:
        return probability > 0.0 and not self.peace and self.chance.random() < probability


class Machine:
    """Where one process of the hub runs, from its start to its death. `skew_s`: by how much its clock is wrong."""

    def __init__(self, outside: Outside, name: str) -> None:
        self.outside = outside
        self.name = name
        self.loop = Loop(outside.time, name, outside.trouble.append)
        self.skew_s = 0.0
        self.deaths: list[Callable[[], None]] = []  # called once, when it dies
        self._fatal_call: tuple[str, int] | None = None

    def clock(self) -> datetime:
        return EPOCH + timedelta(seconds=self.outside.time.now + self.skew_s)

    def kill(self) -> None:
        if self.loop.alive:
            self.loop.kill()
            self._died()

    def kill_after(self, steps: int) -> None:
        if self.loop.alive:
            self.loop.kill_after(steps, self._died)

    def kill_in_call(self, what: str, steps: int) -> None:
        """In the next call of this name: 0 before it is sent, 1 while it is under way, more: so many callbacks after."""
        self._fatal_call = (what, steps)

    def calls(self, what: str) -> Callable[[], None] | None:
        """Asked before each call; the answer, if any, is to be called when the far side has done its part."""
        if self._fatal_call is None or self._fatal_call[0] != what:
            return None
        steps, self._fatal_call = self._fatal_call[1], None
        if steps == 0:
            self.loop.kill_after(0, self._died)
            return None
        return self.kill if steps == 1 else lambda: self.kill_after(steps)

    def recover(self) -> None:
        """From now on it lives, and its clock is right."""
        self._fatal_call, self.skew_s = None, 0.0
        self.loop.spare()
        self.loop.resume()

    def _died(self) -> None:
        self.outside.note(self.name, "died")
        deaths, self.deaths = self.deaths, []
        for death in deaths:
            death()
