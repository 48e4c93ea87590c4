"""What can never be had keeps the others waiting for a while only."""

from adapters.stuck import PATIENCE, given_up
from contracts.agency import AgencyCode
from tests.fakes.desk import MemoryHub


async def test_each_thing_has_its_own_count_and_stays_given_up() -> None:
    """Whatever it is called."""
    desk = MemoryHub.of("H01.15").desk(AgencyCode("H01.15"))
    for thing in ("one", "a b=c\n\U0001f600"):
        assert [await given_up(desk, "stuck", thing) for _ in range(PATIENCE + 1)] == [False] * (PATIENCE - 1) + [True, True]
    assert await given_up(desk, "stuck", "one")


async def test_of_very_many_the_latest_are_remembered() -> None:
    desk = MemoryHub.of("H01.15").desk(AgencyCode("H01.15"))
    for number in range(1000):
        await given_up(desk, "stuck", str(number))
    assert len(await desk.mark("stuck")) < 500
