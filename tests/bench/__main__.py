"""`make bench`, or `python -m tests.bench`: the hub against the bare relay, memory, what each step costs, and signatures."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
from rich.console import Console

from tests.bench import (
    edxml,
    evidence,
    fairness,
    memory,
    neighbours,
    report,
    scale,
    signatures,
    stages,
    targets,
    throughput,
    trees,
    urgency,
)
from tests.bench.processes import BenchFailed, Child
from tests.bench.report import Row
from tests.bench.targets import World
from tests.bench.throughput import Plan, Runner
from tests.servers import PostgresServer, RabbitServer, ServerFailed, ServerMissing

RESULTS = Path("build/bench.json")
PARTS = (
    "relay",
    "single",
    "batch100",
    "urgency",
    "neighbours",
    "scale",
    "memory",
    "stages",
    "fairness",
    "signatures",
    "evidence",
    "trees",
    "edxml",
)
_WITHOUT_SERVERS = {"stages", "fairness", "signatures", "trees", "edxml"}
_SINGLE, _BATCH = "/v1/envelopes", "/v1/envelopes:batch"
_WIDTH = 110  # into a file or a pipe
_SETUPS = ("embedded", "production", "production, 2 processes")


@click.command()
@click.option("--quick", is_flag=True, help="Under a minute: fewer and shorter rounds.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Only this part (repeatable); the relay comes along.")
@click.option("--setup", multiple=True, type=click.Choice(_SETUPS), help="Only this set-up of the hub (repeatable).")
@click.option("--rounds", type=click.IntRange(1, 50), help="Rounds of each target  [default: 5; --quick: 2]")
@click.option("--seconds", type=click.FloatRange(0.2, 120), help="How long a round sends  [default: 3; --quick: 1]")
@click.option("--messages", type=click.IntRange(1000, 900_000), default=900_000, help="A round ends after so many.")
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    default=128,
    show_default=True,
    help="Of the load generator: as many as a province has systems (An Giang: 102 communes, 13 departments, the post).",
)
@click.option("--compare", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Results of an earlier run.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(
    quick: bool,
    only: tuple[str, ...],
    setup: tuple[str, ...],
    rounds: int | None,
    seconds: float | None,
    messages: int,
    connections: int,
    compare: Path | None,
    output: Path,
) -> None:
    """Measure the hub against the bare relay, in the same run. Results for programs go to build/bench.json."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    parts = set(only or PARTS)
    rows: list[Row] = []
    plan = Plan(
        rounds=rounds or (2 if quick else 5),
        seconds=seconds or (1.0 if quick else 3.0),
        messages=messages,
        connections=connections,
    )
    console.print(report.describe_machine(), highlight=False)
    try:
        earlier = report.read(compare) if compare else None
        _measure(console, parts, setup or (_SETUPS[:2] if quick else _SETUPS), plan, quick, rows)
    except (BenchFailed, ServerFailed, ServerMissing, msgspec.DecodeError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        report.write(rows, output)
        console.print(f"{len(rows)} values in {output}", highlight=False)
    if earlier is not None:
        report.print_comparison(console, earlier, rows)


def _measure(console: Console, parts: set[str], setups: Sequence[str], plan: Plan, quick: bool, rows: list[Row]) -> None:
    """Adds to `rows` as it goes, so that what was measured before a failure is kept."""
    if "stages" in parts:
        with console.status("what each step costs"):
            rows += stages.measure(rounds=3 if quick else 7)
        stages.show(console, rows)
    if "fairness" in parts:
        with console.status("fairness") as status:
            found = fairness.measure(rounds=1 if quick else 3, seconds=plan.seconds, tell=status.update)
        rows += found
        fairness.show(console, found)
        fairness.check(found)
    if "signatures" in parts:
        with console.status("signatures: beside signxml and xmlsec"):
            verified = signatures.measure(rounds=3 if quick else 9)
        rows += verified
        signatures.show(console, verified)
    if "trees" in parts:
        with console.status("trees") as status:
            grown = trees.measure([one // 10 for one in trees.SIZES] if quick else trees.SIZES, 3 if quick else 7, status.update)
        rows += grown
        trees.show(console, grown)
        trees.check(grown)
    if "edxml" in parts:
        with console.status("edXML: packets taken and refused"):
            read = edxml.measure(rounds=3 if quick else 7)
        rows += read
        edxml.show(console, read)
        edxml.check(read)
    if parts - _WITHOUT_SERVERS:
        with ExitStack() as stack, console.status("starting servers") as status:
            world, load = _open_world(stack)
            if parts & {"relay", "single", "batch100"}:
                rows += _throughput(console, world, load, parts, setups, plan, status.update)
            if "evidence" in parts:
                rows += evidence.measure(world, load, _whole(setups), plan, status.update)
                evidence.show(console, rows)
            if "urgency" in parts:
                status.update("urgency: hỏa tốc behind a backlog")
                rows += urgency.measure(world, _whole(setups), rounds=3 if quick else 5)
                urgency.show(console, rows)
            if "neighbours" in parts:
                rows += neighbours.measure(world, _whole(setups), neighbours.Plan(pairs=1 if quick else 8), status.update)
                neighbours.show(console, rows)
            if "scale" in parts:
                sizes = [one // 10 for one in scale.SIZES] if quick else scale.SIZES
                rows += scale.measure(world, _whole(setups), sizes, 3 if quick else 7, status.update)
                scale.show(console, rows)
            if "memory" in parts:
                status.update("memory: a large attachment")
                grown = _memory(console, world, setups[:1] if quick else setups)
                rows += grown
                memory.check(grown)


def _throughput(
    console: Console,
    world: World,
    load: Child,
    parts: set[str],
    setups: Sequence[str],
    plan: Plan,
    tell: Callable[[str], None],
) -> list[Row]:
    runners = _runners(world, parts, setups)
    throughput.measure(load, runners, plan, tell)
    rows = throughput.rows_of(runners)
    report.print_throughput(console, rows)
    report.print_rounds(console, rows)
    return rows


def _memory(console: Console, world: World, setups: Sequence[str]) -> list[Row]:
    rows = memory.measure(world, _whole(setups), size_mib=250)
    report.print_rows(console, f"Memory: growth of the process, less than {memory.LIMIT_MIB} MiB promised", rows)
    return rows


def _whole(setups: Sequence[str]) -> list[str]:
    """Those in which one process does everything."""
    return [one for one in setups if ", " not in one]


def _open_world(stack: ExitStack) -> tuple[World, Child]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lgsp-bench-")))
    rabbit = stack.enter_context(RabbitServer())
    postgres = stack.enter_context(PostgresServer())
    load = stack.enter_context(Child(["-m", "tests.bench.load"], folder, "load", talks=True))
    world = World(folder=folder, rabbit=rabbit, postgres=postgres, sink_port=int(load.hear()), stack=stack)
    return world, load


def _runners(world: World, parts: set[str], setups: Sequence[str]) -> list[Runner]:
    """The relay first; hubs serve both scenarios."""
    relays = [targets.start_relay(world, "1 process"), targets.start_relay(world, "2 processes")]
    runners = [Runner(scenario="relay", target=relay, path="/") for relay in relays]
    if not parts & {"single", "batch100"}:
        return runners
    hubs = [targets.start_hub(world, setup) for setup in setups]
    if "single" in parts:
        runners += [Runner(scenario="single", target=hub, path=_SINGLE) for hub in hubs]
    if "batch100" in parts:
        runners += [Runner(scenario="batch100", target=hub, path=_BATCH, batch=100) for hub in hubs]
    return runners


if __name__ == "__main__":
    main()
