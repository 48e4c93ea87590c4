"""`python -m tests.soak [--minutes N] [--seed S]`: the runs of tests/crash with many more faults, one after the other until the
time is over. Exit status 1 when a promise was broken or a run fell over; its folder with logs and journal then stays."""

import argparse
import asyncio
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from itertools import count, cycle
from pathlib import Path
from random import Random
from types import FrameType

from tests.crash.chaos import Broken
from tests.crash.run import Run
from tests.servers import PostgresServer, RabbitCluster, RabbitServer
from tests.soak.plan import Scenario, Servers, scenarios
from tests.soak.tally import Ended, Tally

_PROGRESS_S = 60.0
_LONGEST_S = 3600.0  # one run: what takes longer hangs


def soak(minutes: float, seed: int, only: str | None, run_seed: int | None) -> bool:
    """Whether every promise was kept."""
    end = time.monotonic() + minutes * 60
    tally = Tally()
    try:
        with RabbitServer() as rabbit, RabbitCluster() as cluster, PostgresServer() as postgres:
            servers = Servers(rabbit, cluster, postgres)
            _run_all(servers, _chosen(scenarios(servers), only), end, Random(seed), run_seed, tally)
    finally:  # also when it is told to stop
        print(tally.table(seed), flush=True)
    return all(one.kept for one in tally.ended)


def _chosen(by_name: dict[str, Scenario], only: str | None) -> dict[str, Scenario]:
    if only is None:
        return by_name
    if only not in by_name:
        raise SystemExit(f"no scenario {only!r}; there are: {', '.join(by_name)}")
    return {only: by_name[only]}


def _run_all(
    servers: Servers, chosen: Mapping[str, Scenario], end: float, seeds: Random, run_seed: int | None, tally: Tally
) -> None:
    for number, (name, scenario) in _until(end, chosen):
        drawn = seeds.randrange(10**6)
        _everything_runs(servers)
        tally.ended.append(_run(number, name, scenario, drawn if run_seed is None else run_seed, tally))
        print(f"so far: {tally.line()}", flush=True)


def _until(end: float, by_name: Mapping[str, Scenario]) -> Iterator[tuple[int, tuple[str, Scenario]]]:
    """One after the other, each at least once."""
    for number, one in zip(count(1), cycle(by_name.items())):
        if number > len(by_name) and time.monotonic() > end:
            return
        yield number, one


def _everything_runs(servers: Servers) -> None:
    """Also after a run that fell over while a server was away."""
    for server in (servers.rabbit, servers.cluster, servers.postgres):
        server.start()


def _run(number: int, name: str, scenario: Scenario, seed: int, tally: Tally) -> Ended:
    folder = Path(tempfile.mkdtemp(prefix="lgsp-soak-"))
    run = Run(name, seed)
    began = time.monotonic()
    violations: tuple[str, ...] | None = ()
    try:
        asyncio.run(_with_progress(scenario, folder, run, tally))
    except Exception as error:  # noqa: BLE001 - whatever it is, the others run on and the status tells
        violations = _violations(error)
        traceback.print_exc()
    took_s = time.monotonic() - began
    if violations == ():
        shutil.rmtree(folder)
        print(f"{number} {name}: kept, {took_s:.0f} s: {run}", flush=True)
    else:
        print(f"{number} {name}: BROKEN after {took_s:.0f} s, seed {seed}, see {folder}", flush=True)
    return Ended(name, run, took_s, violations)


async def _with_progress(scenario: Scenario, folder: Path, run: Run, tally: Tally) -> None:
    async def tell() -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            print(f"  ... {tally.line(run)}", flush=True)

    telling = asyncio.create_task(tell())
    try:
        async with asyncio.timeout(_LONGEST_S):
            await scenario(folder, run)
    finally:
        telling.cancel()


def _violations(error: BaseException) -> tuple[str, ...] | None:
    """What `error` says of broken promises; None when it is another mishap."""
    if isinstance(error, Broken):
        return error.violations
    if isinstance(error, BaseExceptionGroup):
        found = [violations for one in error.exceptions if (violations := _violations(one)) is not None]
        return tuple(one for violations in found for one in violations) or None
    return None


def _terminate(number: int, _: FrameType | None) -> None:
    """Told to stop, it still ends what it started."""
    sys.exit(128 + number)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="no new run after this time, but each once (default 30)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the decisions of an earlier soak")
    parser.add_argument("--only", default=None, help="only the scenario of this name")
    parser.add_argument("--run-seed", type=int, default=None, help="the seed of one run, as it was printed")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminate)
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    print(f"soak: seed {seed}", flush=True)
    sys.exit(0 if soak(given.minutes, seed, given.only, given.run_seed) else 1)


if __name__ == "__main__":
    main()
