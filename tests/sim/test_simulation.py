"""A few hundred seeds of the simulation, and that it would notice. `make sim` runs thousands."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lgsp.core.lifecycle import State
from lgsp.flow.outbox import Outbox
from lgsp.flow.sweeper import Sweeper
from tests.sim import broker
from tests.sim.memory import moving
from tests.sim.run import laboratory, simulate

SEEDS = 200
KNOWN = Path(__file__).with_name("seeds.txt")


@pytest.fixture(autouse=True)
def _laboratory() -> Iterator[None]:
    with laboratory():
        yield


def told(seed: int, broken: tuple[str, ...]) -> str:
    return "\n".join([*broken, f"again, with everything that happened: python -m tests.sim --seed {seed} --trace"])


@pytest.mark.parametrize("start", range(0, SEEDS, 100))
def test_whatever_goes_wrong_every_promise_is_kept(start: int) -> None:
    """Processes die anywhere, journal and broker fail, partners misbehave: then everything comes to rest as promised."""
    for seed in range(start, start + 100):
        run = simulate(seed)
        assert not run.broken, told(seed, run.broken)


def test_no_bug_that_was_found_comes_back() -> None:
    """The seeds of seeds.txt."""
    for line in KNOWN.read_text().splitlines():
        if line and not line.startswith("#"):
            run = simulate(int(line.split()[0]))
            assert not run.broken, told(run.plan.seed, run.broken)


def test_a_seed_replays_exactly() -> None:
    """The same run to the last line of its trace: again, and in another process that hashes strings otherwise."""
    hashes = [simulate(seed).trace_hash() for seed in (7, 8, 7)]
    assert hashes[0] == hashes[2] != hashes[1]
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "tests.sim", "--seed", "7"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert f"trace {hashes[0]}" in said.stdout


async def nothing(*_: Any) -> int:
    return 0


def acknowledges_anyway(self: broker.Consignment) -> Any:
    return self.done()


def lets_all_go(ahead: Any, waiting: Iterable[tuple[str, Any]]) -> Iterator[tuple[Any, State]]:
    for mode, one in waiting:
        yield one, State.READY if mode == "push" else State.AVAILABLE


MISTAKES: dict[str, tuple[Any, str, Any]] = {
    "what could not be settled is acknowledged": (broker.Consignment, "again", acknowledges_anyway),
    "a lane lets all go at once": (moving, "let_go", lets_all_go),
    "nobody looks for what is due": (Sweeper, "_publish_due", nothing),
    "nobody lets go what is parked": (Sweeper, "_let_go", nothing),
    "what is released is not published": (Outbox, "offer", lambda self, refs: None),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break one rule of the hub, and one of the first seeds breaks a promise."""
    where, name, wrong = MISTAKES[mistake]
    monkeypatch.setattr(where, name, wrong)
    assert any(simulate(seed).broken for seed in range(480, 630))
