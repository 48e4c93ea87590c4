"""How it goes with a feed that the hub polls: what the last round came to, and when the next one begins."""

from datetime import datetime, timedelta

import msgspec

from contracts.feed import Collected, Feed, FeedTrouble

_MAX_WAIT_S = 15 * 60.0


class FeedState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`taken`, `refused`: of all rounds. `more`: the last one left something. `since`, `failures`, `reason`, `detail`: it has
    failed so often, since then, and why the last time."""

    at: datetime | None = None
    more: bool = False
    taken: int = 0
    refused: int = 0
    failures: int = 0
    since: datetime | None = None
    reason: str = ""
    detail: str = ""

    def after(self, round_: Collected | FeedTrouble, now: datetime) -> "FeedState":
        """The state once a round has ended in this way."""
        if isinstance(round_, FeedTrouble):
            return FeedState(
                at=now,
                taken=self.taken,
                refused=self.refused,
                failures=self.failures + 1,
                since=self.since or now,
                reason=round_.reason,
                detail=round_.detail[:300],
            )
        return FeedState(at=now, more=round_.more, taken=self.taken + round_.taken, refused=self.refused + round_.refused)


def next_round(state: FeedState, feed: Feed) -> datetime | None:
    """When it is polled again; None: at once. One that fails is asked less and less often, at least every quarter of an hour."""
    if state.at is None or state.more:
        return None
    doubled = feed.every_s * 2 ** min(state.failures - 1, 20) if state.failures else feed.every_s
    return state.at + timedelta(seconds=max(feed.every_s, min(doubled, _MAX_WAIT_S)))


_decoder = msgspec.json.Decoder(FeedState)


def read_state(text: str) -> FeedState:
    """Nothing, and what another release wrote, is a beginning: nothing hangs on it."""
    try:
        return _decoder.decode(text) if text else FeedState()
    except msgspec.DecodeError:
        return FeedState()


def write_state(state: FeedState) -> str:
    return msgspec.json.encode(state).decode()
