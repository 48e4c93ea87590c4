"""One seed, from its plan to the verdict."""

import gc
import hashlib
import sys
import warnings
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from lgsp import metrics
from tests.sim.judge import broken_promises
from tests.sim.plan import Plan, draw_plan
from tests.sim.trace import lines
from tests.sim.world import World

_ERROR = 40
_heard: list[str] = []  # what the hub of the run under way logged as unexpected


@dataclass(frozen=True, slots=True)
class Run:
    """`broken`: the promises that were not kept, in words. `rest_s`: from peace until all was at rest."""

    plan: Plan
    broken: tuple[str, ...]
    notes: tuple[tuple[Any, ...], ...]
    deliveries: int
    rest_s: float | None

    def trace(self) -> Iterator[str]:
        return lines(self.notes)

    def trace_hash(self) -> str:
        return hashlib.blake2b("\n".join(self.trace()).encode(), digest_size=8).hexdigest()


def simulate(seed: int) -> Run:
    """The run of this seed: the same one, to the last callback, whenever and wherever. Only inside a `laboratory`."""
    assert not gc.isenabled(), "simulate inside a laboratory"
    plan = draw_plan(seed)
    world = World(plan)
    _heard.clear()
    try:
        world.run()
        broken = (*_heard, *broken_promises(world))
    except Exception as error:
        error.add_note(f"seed {seed}: a mistake of the simulation itself")
        raise
    run = Run(plan, broken, tuple(world.outside.notes), len(world.server.store.tables.deliveries), world.rested_s)
    del world
    metrics.watch_intake(_nobody, _nobody)  # or the gauge would hold on to the last hub, and so to its world
    _bury()
    return run


@contextmanager
def laboratory(*, for_good: bool = False) -> Iterator[None]:
    """Nothing is logged, but what the hub calls unexpected counts as a broken promise. `for_good`: the program does nothing else.

    Coroutines of dead processes must not run their `finally` while the others go on, so they are collected only after each run.
    """
    structlog.configure(
        processors=[_listen], wrapper_class=structlog.make_filtering_bound_logger(_ERROR), cache_logger_on_first_use=for_good
    )
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
        structlog.reset_defaults()


def _listen(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if line["event"] in ("error.unexpected", "balance.broken"):
        _heard.append(f"logged: {dict(line)}")
    raise structlog.DropEvent


def _bury() -> None:
    """What the coroutines of the dead still had to say is said to nobody."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
    finally:
        sys.unraisablehook = hook


def _nobody() -> float:
    return 0.0
