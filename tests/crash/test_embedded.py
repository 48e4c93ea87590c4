"""The embedded set-up: one process, one file. It may die at any moment."""

from pathlib import Path

from tests.crash.hub import embedded
from tests.crash.run import Run
from tests.crash.scenarios import kills_of_the_only_process, stops
from tests.thorough import much

KILLS = much(22, 9)
FREEZES = much(4, 2)
STOPS = much(3, 2)


async def test_nothing_is_lost_or_disordered_when_the_only_process_is_killed_and_frozen_again_and_again(tmp_path: Path) -> None:
    """Everything accepted arrives, in order, under one delivery id, and the books balance."""
    run = Run("embedded")
    await kills_of_the_only_process(embedded(tmp_path), run, KILLS, FREEZES)
    print(run)


async def test_a_process_that_is_told_to_stop_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """SIGTERM: exit status 0 within the grace time, nothing lost, no second copy of anything."""
    run = Run("stops, embedded")
    await stops(embedded(tmp_path), run, STOPS)
    print(run)
