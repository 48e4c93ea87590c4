"""What a round of collecting fails at again and again. Rounds keep the order of what waits, so they end at the first thing that
cannot be had; but what can never be had must not keep everything behind it waiting for ever."""

import hashlib

from contracts.desk import Desk

PATIENCE = 5  # rounds
_REMEMBERED = 20  # the latest


async def given_up(desk: Desk, mark: str, thing: str) -> bool:
    """Counts a round that failed at this thing, in a mark of this name. True: from now on the others go ahead of it."""
    key = hashlib.sha256(thing.encode()).hexdigest()[:16]  # whatever the far side calls it
    before = [one.partition("=") for one in (await desk.mark(mark)).split()]
    count = 1 + next((int(number) for name, _, number in before if name == key), 0)
    others = [f"{name}={number}" for name, _, number in before if name != key]
    await desk.set_mark(mark, " ".join([*others, f"{key}={min(count, PATIENCE)}"][-_REMEMBERED:]))
    return count >= PATIENCE
