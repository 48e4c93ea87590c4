"""Results: rows for programs (build/bench.json), tables for people, and two runs side by side."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

PACKAGES = ("aiohttp", "aio-pika", "asyncpg", "msgspec", "uvloop")
_TIE = 0.15  # single rounds move by more than this


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value. `samples`: a value a round; `value` is their median. `ratio`: median of the rounds' ratios to
    the same metric of `ratio_to` ("scenario/setup", or the name of a floor) in the same run."""

    scenario: str
    setup: str
    metric: str
    value: float
    unit: str
    ratio: float | None = None
    ratio_to: str | None = None
    samples: tuple[float, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.scenario, self.setup, self.metric)


def row(
    scenario: str,
    setup: str,
    metric: str,
    unit: str,
    samples: Sequence[float],
    measure: Sequence[float] = (),
    measure_name: str | None = None,
) -> Row:
    """`measure`: samples of what it is compared with, of the same rounds."""
    ratios = [sample / one for sample, one in zip(samples, measure, strict=False) if one]
    return Row(
        scenario=scenario,
        setup=setup,
        metric=metric,
        value=_rounded(median(samples)),
        unit=unit,
        ratio=_rounded(median(ratios)) if ratios else None,
        ratio_to=measure_name if ratios else None,
        samples=tuple(_rounded(sample) for sample in samples),
    )


def _rounded(value: float) -> float:
    """Four digits are more than the noise leaves."""
    return float(f"{value:.4g}") if abs(value) < 10_000 else float(round(value))


def write(rows: Sequence[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n")


def read(path: Path) -> list[Row]:
    """Raises OSError, or msgspec.ValidationError when it is no result of a bench."""
    return msgspec.json.decode(path.read_bytes(), type=list[Row])


def describe_machine() -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")), platform.machine())
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    load = os.getloadavg()[0]
    return (
        f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, load {load:.1f} before; "
        f"{platform.system()} {platform.release()}; Python {platform.python_version()}; {packages}"
    )


def print_throughput(console: Console, rows: Iterable[Row]) -> None:
    """A line per scenario and set-up; the column after a value is its ratio to the relay."""
    speed = _table("Envelopes per second; x: times the relay of the same run", "scenario", "set-up")
    cost = _table("CPU microseconds per envelope; load: generator and sink, not in the sum", "scenario", "set-up")
    for name in ("accepted", "x", "delivered", "x", "accept ms\np50 / p99", "end to end ms\np50 / p99"):
        speed.add_column(name, justify="right", no_wrap=True)
    for name in ("hub", "broker", "database", "sum", "x", "load"):
        cost.add_column(name, justify="right", no_wrap=True)
    for (scenario, setup), by_metric in _by_place(rows).items():
        speed.add_row(scenario, setup, *_speed(by_metric))
        cost.add_row(scenario, setup, *_cost(by_metric))
    console.print(speed)
    console.print(cost)


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def _speed(by_metric: Mapping[str, Row]) -> Iterable[str]:
    for metric in ("accepted_per_s", "delivered_per_s"):
        yield f"{by_metric[metric].value:,.0f}"
        yield _ratio(by_metric[metric])
    for metric in ("accept_ms", "end_to_end_ms"):
        yield f"{by_metric[metric + '_p50'].value:,.0f} / {by_metric[metric + '_p99'].value:,.0f}"


def _cost(by_metric: Mapping[str, Row]) -> Iterable[str]:
    for metric in ("cpu_app_us", "cpu_broker_us", "cpu_postgres_us", "cpu_us"):
        yield f"{by_metric[metric].value:,.0f}" if metric in by_metric else "-"
    yield _ratio(by_metric["cpu_us"])
    yield f"{by_metric['cpu_load_us'].value:,.0f}"


def print_rounds(console: Console, rows: Iterable[Row]) -> None:
    """Delivered per second of every round: how far to trust the medians."""
    for (scenario, setup), by_metric in _by_place(rows).items():
        samples = " ".join(f"{sample:,.0f}" for sample in by_metric["delivered_per_s"].samples)
        console.print(f"  {scenario}/{setup}: delivered/s by round: {samples}", highlight=False)


def _ratio(one: Row) -> str:
    return "" if one.ratio is None else f"x{one.ratio:.2f}"


def print_rows(console: Console, title: str, rows: Sequence[Row]) -> None:
    """A line per value, for what has no table of its own."""
    if not rows:
        return
    table = _table(title, "set-up", "metric")
    table.add_column("value", justify="right")
    table.add_column("x", justify="right")
    table.add_column("of")
    for one in rows:
        table.add_row(one.setup, one.metric, f"{one.value:,.1f} {one.unit}", _ratio(one), one.ratio_to or "")
    console.print(table)


def print_growth(console: Console, title: str, by_step: Mapping[str, Mapping[int, Row]]) -> None:
    """A line per step, a column per size; x: the largest to the smallest."""
    sizes = list(next(iter(by_step.values()), {}))
    table = _table(title, "step")
    for name in (*(f"{size:,}" for size in sizes), "x"):
        table.add_column(name, justify="right", no_wrap=True)
    for step, rows in by_step.items():
        table.add_row(step, *(f"{rows[size].value:,.0f}" for size in sizes), _ratio(rows[sizes[-1]]))
    console.print(table)


def print_comparison(console: Console, before: Sequence[Row], now: Sequence[Row]) -> None:
    """Every value of both runs side by side. Ratios to the relay are compared where both runs have one: machines differ."""
    earlier = {one.key: one for one in before}
    table = _table("Before and now; changes under 15 % are ties (=)")
    for name in ("scenario/set-up", "metric"):
        table.add_column(name)
    for name in ("before", "now", "x before", "x now", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in now:
        old = earlier.pop(one.key, None)
        then, ratio_then = ("-", "") if old is None else (f"{old.value:,.1f}", _ratio(old))
        table.add_row(
            f"{one.scenario}/{one.setup}", one.metric, then, f"{one.value:,.1f}", ratio_then, _ratio(one), change(old, one)
        )
    console.print(table)
    gone = sorted({f"{one.scenario}/{one.setup}" for one in earlier.values()})
    if gone:
        console.print(f"Not measured this time: {'; '.join(gone)}", highlight=False)


def change(before: Row | None, now: Row) -> str:
    """By ratio when both have one, else by value; "=" for a tie."""
    if before is None:
        return "new"
    old, new = (before.ratio, now.ratio) if before.ratio and now.ratio else (before.value, now.value)
    if not old:
        return "?"
    part = new / old - 1
    return "=" if abs(part) < _TIE else f"{part:+.0%}"


def _by_place(rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, Row]]:
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for one in rows:
        found.setdefault((one.scenario, one.setup), {})[one.metric] = one
    return found
