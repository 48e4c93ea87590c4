"""What the evidence log costs: CPU per accepted and delivered envelope, beside the same hub without it, in the same rounds."""

from collections.abc import Callable, Sequence

from rich.console import Console

from tests.bench import report, throughput
from tests.bench.processes import Child
from tests.bench.report import Row, row
from tests.bench.targets import World, start_hub
from tests.bench.throughput import Plan, Runner

LIMIT = 1.15
WITHOUT = "tests.bench.unlogged"
_WAYS = {"single": ("/v1/envelopes", 1), "batch100": ("/v1/envelopes:batch", 100)}


def measure(world: World, load: Child, setups: Sequence[str], plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """A row for each set-up and way of sending; `ratio`: with the log to without it, the median over the rounds."""
    rows: list[Row] = []
    for setup in setups:
        hubs = (start_hub(world, setup), start_hub(world, setup, program=WITHOUT))
        pairs = [
            [Runner(scenario=f"evidence {way}", target=hub, path=path, batch=batch) for hub in hubs]
            for way, (path, batch) in _WAYS.items()
        ]
        throughput.measure(load, [runner for pair in pairs for runner in pair], plan, tell)
        rows += [one for pair in pairs for one in _rows(setup, *pair)]
    return rows


def _rows(setup: str, logged: Runner, unlogged: Runner) -> list[Row]:
    with_log, without = ([one["cpu_us"] for one in runner.samples] for runner in (logged, unlogged))
    return [
        row(logged.scenario, setup, "cpu_us", "us/envelope", with_log, without, f"without, {setup}"),
        row(logged.scenario, f"{setup}, without", "cpu_us", "us/envelope", without),
    ]


def show(console: Console, rows: Sequence[Row]) -> None:
    report.print_rows(console, f"Evidence log: CPU with it, {LIMIT} times that without promised at most", rows)
