"""What waiting goes by: the clock of the loop that runs, as its timers do. Whoever makes the loop rules all of it."""

import asyncio


def loop_time() -> float:
    """Seconds on the clock of the running loop, which only goes forward; only differences mean anything."""
    return asyncio.get_running_loop().time()
