"""Promise 5, measured: what the partners that are well notice when one begins to hang and one to answer 500.

Quiet rounds and rounds with such neighbours by turns, the same steady load in both, well below what the hub can do, in equal
shares to all partners, the two included. The seconds until their circuit breakers open are part of the measured time. After each
round everybody is well again, and the next one begins when the last envelope has arrived.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from statistics import median

import msgspec
from rich.console import Console

from tests.bench import report, targets
from tests.bench.envelopes import RECIPIENTS
from tests.bench.load import quantiles
from tests.bench.processes import BenchFailed, Child
from tests.bench.report import Row, row
from tests.bench.steady import Mood, Result, Round
from tests.bench.targets import Target, World

GOAL = 1.10  # of the p99 of the others
_RECIPIENTS = 10
# Both share their shard of the broker with some that are well.
_ILL: dict[str, Mood] = {RECIPIENTS[8]: "hangs", RECIPIENTS[9]: "fails"}
_TIMEOUT_S = 2.0  # of the one that hangs; its breaker opens when five attempts have run into it
_ROOM = 1_000_000  # numbers a round may use
_WARM_UP_S = 3.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """So many pairs of rounds, quiet and with neighbours, of each set-up."""

    pairs: int
    seconds: float = 5.0
    rate_per_s: float = 150.0


def measure(world: World, setups: Sequence[str], plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """`setups`: "embedded", "production". Raises BenchFailed when something is refused or lost, or where all is well repeated."""
    with ExitStack() as stack:
        load = stack.enter_context(Child(["-m", "tests.bench.steady"], world.folder, "steady", talks=True))
        here = dataclasses.replace(world, sink_port=int(load.hear()))
        hubs = [targets.start_hub(here, setup, timeout_s=_TIMEOUT_S) for setup in setups]
        numbers = iter(range(0, 900 * _ROOM, _ROOM))
        for hub in hubs:
            _round(load, hub, dataclasses.replace(plan, seconds=_WARM_UP_S), next(numbers), 0, {})
        found: dict[str, list[tuple[Result, Result]]] = {setup: [] for setup in setups}
        for pair in range(plan.pairs):
            for hub in hubs:
                tell(f"neighbours: round {pair + 1} of {plan.pairs}, {hub.setup}")
                found[hub.setup].append(_pair(load, hub, plan, pair, numbers))
    return [one for setup, pairs in found.items() for one in rows_of(setup, pairs)]


def _pair(load: Child, hub: Target, plan: Plan, pair: int, numbers: Iterator[int]) -> tuple[Result, Result]:
    """Quiet and with neighbours, by the same timetable; what comes first changes from pair to pair."""
    arms: list[dict[str, Mood]] = [{}, _ILL] if pair % 2 == 0 else [_ILL, {}]
    first, second = (_round(load, hub, plan, next(numbers), pair, ill) for ill in arms)
    return (first, second) if pair % 2 == 0 else (second, first)


def _round(load: Child, hub: Target, plan: Plan, first: int, seed: int, ill: dict[str, Mood]) -> Result:
    order = Round(
        port=hub.port,
        token=hub.token,
        first=first,
        seed=seed,
        rate_per_s=plan.rate_per_s,
        seconds=plan.seconds,
        recipients=_RECIPIENTS,
        ill=ill,
    )
    load.say(msgspec.json.encode(order).decode())
    result = msgspec.json.decode(load.hear(), type=Result)
    hub.check()
    wrong = result.failure or (f"{result.repeated} arrived again" if result.repeated and not ill else "")
    if wrong:
        said = "".join(f"\n{child.name}: {child.complaints()}" for child in hub.children)
        raise BenchFailed(f"neighbours/{hub.setup}: {wrong}{said}")
    return result


def rows_of(setup: str, pairs: Sequence[tuple[Result, Result]]) -> list[Row]:
    """Of the partners that are well: from the moment in the timetable to arrival. Ratios are of the rounds of one pair; "of all"
    takes the journeys of all rounds together, which a calm machine measures better and a busy one worse."""
    arms = tuple(zip(*pairs, strict=True))
    p50s = [[quantiles(one.journeys_ms)["p50"] for one in arm] for arm in arms]
    p99s = [[quantiles(one.journeys_ms)["p99"] for one in arm] for arm in arms]
    of_all = [[quantiles([ms for one in arm for ms in one.journeys_ms])["p99"]] for arm in arms]
    found = []
    for name, (quiet, beside) in {"p50": p50s, "p99": p99s, "p99_of_all": of_all}.items():
        found.append(row("neighbours", setup, f"quiet_ms_{name}", "ms", quiet))
        found.append(row("neighbours", setup, f"with_neighbours_ms_{name}", "ms", beside, quiet, f"quiet_ms_{name}"))
    return found


def show(console: Console, rows: Sequence[Row]) -> None:
    own = [one for one in rows if one.scenario == "neighbours"]
    title = "Partners that are well, while one hangs and one answers 500: from sending until the envelope is there"
    report.print_rows(console, title, own)
    by_metric = {(one.setup, one.metric): one.samples for one in own}
    for setup in dict.fromkeys(one.setup for one in own):
        said = verdict(by_metric[setup, "quiet_ms_p99"], by_metric[setup, "with_neighbours_ms_p99"])
        console.print(f"  {setup}: {said}", highlight=False)


def verdict(quiet: Sequence[float], beside: Sequence[float]) -> str:
    """The median of the pairs' ratios against the goal, and all of them: how far to trust it."""
    ratios = sorted(one / before for before, one in zip(quiet, beside, strict=True))
    said = "met" if median(ratios) < GOAL else "NOT met"
    spread = " ".join(f"{ratio:.2f}" for ratio in ratios)
    return f"p99 x{median(ratios):.2f}, goal below x{GOAL:.2f} {said}; by round: {spread}"
