"""Beginning a replay: counted first, so that whoever asks knows what it is about. The sweeper takes it from there."""

from datetime import datetime

import msgspec

from lgsp.core.replay import DeadLetterFilter, Replay, begun
from lgsp.ports import DeadLetterCount, Journal, Records


async def begin(
    journal: Journal, records: Records, which: DeadLetterFilter, operator: str, rate_per_s: float | None, now: datetime
) -> tuple[DeadLetterCount, Replay | None]:
    """What the job is about, and the job as it is stored; None where nothing could go: no letters, or all past their time.

    Raises Unavailable.
    """
    count = await records.count_dead_letters(which, now)
    if count.letters == count.expired:
        return count, None
    replay = begun(which, operator, rate_per_s, count.letters, now)
    return count, msgspec.structs.replace(replay, replay_id=await journal.start_replay(replay))
