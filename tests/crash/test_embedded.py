"""The embedded set-up: one process, one file. It may die at any moment."""

from pathlib import Path

from tests.crash.chaos import chance, hub_under_load, judged, kill_the_only_one
from tests.crash.hub import embedded
from tests.crash.load import Load

KILLS = 21


async def test_nothing_is_lost_or_disordered_when_the_only_process_is_killed_again_and_again(tmp_path: Path) -> None:
    """Everything accepted arrives, in order, under one delivery id, and the books balance."""
    draw = chance("embedded")
    setup, load = embedded(tmp_path), Load(draw, faults=True)
    async with hub_under_load(setup, load) as members:
        moments = await kill_the_only_one(members[0], load, KILLS, draw)
        print(dict(moments))
        assert moments.total() == KILLS
        await judged(setup, load, members)
