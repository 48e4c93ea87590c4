"""The embedded set-up: one process, one file. It may die at any moment."""

from pathlib import Path

from tests.crash.chaos import chance
from tests.crash.hub import embedded
from tests.crash.scenarios import kills_of_the_only_process, stops

KILLS = 30
STOPS = 3


async def test_nothing_is_lost_or_disordered_when_the_only_process_is_killed_again_and_again(tmp_path: Path) -> None:
    """Everything accepted arrives, in order, under one delivery id, and the books balance."""
    print(await kills_of_the_only_process(embedded(tmp_path), chance("embedded"), KILLS))


async def test_a_process_that_is_told_to_stop_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """SIGTERM: exit status 0 within the grace time, nothing lost, no second copy of anything."""
    print(await stops(embedded(tmp_path), chance("stops, embedded"), STOPS))
