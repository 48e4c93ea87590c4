"""Rounds of every target, interleaved: what the machine does meanwhile hits all of them alike."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tests.bench.load import Result, Round
from tests.bench.processes import BenchFailed, Child, cpu_s
from tests.bench.report import Row, row
from tests.bench.targets import Target

_AFTERMATH_S = 0.3  # what a target still does after the last arrival (settling, acknowledging) counts as its CPU time
_WARM_UP_S = 0.7
_ROOM = 1_000_000  # numbers a round may use

UNITS = {
    "accepted_per_s": "1/s",
    "delivered_per_s": "1/s",
    "accept_ms_p50": "ms",
    "accept_ms_p99": "ms",
    "end_to_end_ms_p50": "ms",
    "end_to_end_ms_p99": "ms",
}
_CPU_UNIT = "us/envelope"


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A target under a scenario: envelopes come one a request, or `batch` at once."""

    scenario: str
    target: Target
    path: str
    batch: int = 1
    samples: list[Mapping[str, float]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.scenario}/{self.target.setup}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    rounds: int
    seconds: float
    messages: int
    connections: int


def measure(load: Child, runners: Sequence[Runner], plan: Plan, tell: Callable[[str], None]) -> None:
    """Fills the runners' samples. Raises BenchFailed when a message is lost, refused, or arrives twice."""
    numbers = iter(range(0, 1000 * _ROOM, _ROOM))
    for runner in runners:
        _one_round(load, runner, msgspec.structs.replace(_order(runner, plan, next(numbers)), seconds=_WARM_UP_S))
    for count in range(plan.rounds):
        for runner in _rotated(runners, count):
            tell(f"round {count + 1} of {plan.rounds}: {runner.name}")
            runner.samples.append(_one_round(load, runner, _order(runner, plan, next(numbers))))


def _rotated(runners: Sequence[Runner], count: int) -> Iterator[Runner]:
    """Each round begins with another one, so that none always follows the same."""
    for place in range(len(runners)):
        yield runners[(place + count) % len(runners)]


def _order(runner: Runner, plan: Plan, first: int) -> Round:
    return Round(
        port=runner.target.port,
        path=runner.path,
        token=runner.target.token,
        first=first,
        batch=runner.batch,
        connections=min(plan.connections, 8) if runner.batch > 1 else plan.connections,
        seconds=plan.seconds,
        messages=plan.messages,
    )


def _one_round(load: Child, runner: Runner, order: Round) -> Mapping[str, float]:
    before = _cpu(load, runner.target)
    load.say(msgspec.json.encode(order).decode())
    result = msgspec.json.decode(load.hear(), type=Result)
    time.sleep(_AFTERMATH_S)
    after = _cpu(load, runner.target)
    runner.target.check()
    _check(runner, result)
    return sample(result, {part: after[part] - before[part] for part in before})


def _check(runner: Runner, result: Result) -> None:
    wrong = result.failure
    if result.delivered != result.accepted or result.repeated or not result.accepted:
        wrong = wrong or f"{result.accepted} accepted, {result.delivered} delivered, {result.repeated} of them again"
    if wrong:
        said = "".join(f"\n{child.name}: {child.complaints()}" for child in runner.target.children)
        raise BenchFailed(f"{runner.name}: {wrong}{said}")


def _cpu(load: Child, target: Target) -> dict[str, float]:
    return {"load": cpu_s([load.pid])} | {part: cpu_s(pids) for part, pids in target.parts.items()}


def sample(result: Result, cpu: Mapping[str, float]) -> dict[str, float]:
    """The metrics of one round. `cpu`: seconds by part; the load generator's are not part of the sum."""
    used = {f"cpu_{part}_us": seconds / result.delivered * 1e6 for part, seconds in cpu.items()}
    return {
        "accepted_per_s": result.accepted / result.accept_s,
        "delivered_per_s": result.delivered / result.deliver_s,
        **{f"accept_ms_{name}": value for name, value in result.accept_ms.items()},
        **{f"end_to_end_ms_{name}": value for name, value in result.end_to_end_ms.items()},
        **used,
        "cpu_us": sum(value for name, value in used.items() if name != "cpu_load_us"),
    }


def rows_of(runners: Sequence[Runner]) -> list[Row]:
    """A row per metric; ratios to the first runner, the relay."""
    relay = runners[0]
    return [
        row(
            runner.scenario,
            runner.target.setup,
            metric,
            UNITS.get(metric, _CPU_UNIT),
            [one[metric] for one in runner.samples],
            [one[metric] for one in relay.samples if metric in one] if runner is not relay else (),
            relay.name,
        )
        for runner in runners
        for metric in runner.samples[0]
    ]
