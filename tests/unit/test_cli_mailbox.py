"""Following a mailbox on the command line: everything is seen once, in whatever order it comes in."""

from typing import Any

from lgsp.commands.mailbox import arrivals, waiting


class Listing:
    """A hub whose mailbox holds, listing by listing, what the test says; in pages of two."""

    def __init__(self, *listings: list[int]) -> None:
        self.listings = list(listings)
        self.asked: list[dict[str, Any]] = []

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        self.asked.append(query)
        held = self.listings[0] if "after" in query or not self.asked[:-1] else self._next()
        page = [one for one in held if one > query.get("after", 0)]
        more = len(page) > 2
        return {"entries": [{"delivery_id": one} for one in page[:2]], "next_after": page[1] if more else None}

    def _next(self) -> list[int]:
        del self.listings[0]
        return self.listings[0]


async def seen(hub: Listing, count: int) -> list[int]:
    found = []
    async for entry in arrivals(hub, 0.0):  # type: ignore[arg-type]
        found.append(entry["delivery_id"])
        if len(found) == count:
            break
    return found


async def test_a_delivery_with_a_lower_id_that_comes_in_later_is_seen() -> None:
    """What waited behind another one of its case is not behind the one that follows."""
    assert await seen(Listing([3], [3], [2, 3], [2, 3, 4]), 3) == [3, 2, 4]


async def test_one_that_came_back_is_seen_again_and_others_once() -> None:
    """Only what is in the mailbox is remembered, so that memory does not grow with the day."""
    assert await seen(Listing([1, 2], [2], [1, 2]), 3) == [1, 2, 1]


async def test_all_pages_are_read_and_only_an_empty_mailbox_is_waited_for() -> None:
    """The long poll is for an empty mailbox; pages are asked for without waiting."""
    hub = Listing([1, 2, 3, 4, 5])
    assert [one["delivery_id"] for one in await waiting(hub, 25.0)] == [1, 2, 3, 4, 5]  # type: ignore[arg-type]
    assert [query.get("wait_s") for query in hub.asked] == [25.0, None, None]
    follow = Listing([], [1], [1], [1, 2])
    assert await seen(follow, 2) == [1, 2]
    assert [query["wait_s"] > 0 for query in follow.asked] == [True, True, False, False]
