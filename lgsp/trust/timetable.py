"""When each source is asked again. Pure: how it went, the time and chance in, a time out."""

from datetime import datetime, timedelta

import msgspec

_SOONEST = timedelta(minutes=1)
_AFTER_FAILURE_S = 30.0
_LONGEST_S = 3600.0
_JITTER = 0.2  # not all hubs of a country at the same second
URGENT_AFTER = timedelta(seconds=30)


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How it goes with one source. `failures`: in a row; `code`, `detail`: of the last one. `etag`, `last_modified`: marks of
    what is known; `issuer` (hexadecimal) and `this_update` tell whether it still is."""

    kind: str
    url: str
    about: str = ""
    due_at: datetime
    tried_at: datetime | None = None
    got_at: datetime | None = None
    failures: int = 0
    code: str = ""
    detail: str = ""
    issuer: str = ""
    this_update: datetime | None = None
    next_update: datetime | None = None
    size_bytes: int = 0
    etag: str = ""
    last_modified: str = ""


def succeeded(one: Progress, at: datetime, refresh: timedelta, draw: float) -> Progress:
    """`one`: with the times of what came. Due after `refresh`, at the latest in the middle of what is left until nextUpdate.
    `draw`: 0 to 1."""
    wait = refresh if one.next_update is None else min(refresh, (one.next_update - at) / 2)
    due_at = at + max(wait, _SOONEST) * (1 - _JITTER * draw)
    return msgspec.structs.replace(one, due_at=due_at, tried_at=at, got_at=at, failures=0, code="", detail="")


def failed(one: Progress, at: datetime, code: str, detail: str, draw: float) -> Progress:
    """Due after half a minute, twice as long each time, up to an hour. `draw`: 0 to 1."""
    wait_s = min(_AFTER_FAILURE_S * 2 ** min(one.failures, 20), _LONGEST_S) * (1 - _JITTER * draw)
    return msgspec.structs.replace(
        one, due_at=at + timedelta(seconds=wait_s), tried_at=at, failures=one.failures + 1, code=code, detail=detail[:200]
    )


def is_due(one: Progress, at: datetime, urgent: bool) -> bool:
    """`urgent`: somebody waits for it; then also before its time, but not at every call. Where the clock was set back, what was
    planned by the wrong one counts for nothing."""
    if one.due_at <= at or one.tried_at is None or one.tried_at > at:
        return True
    return urgent and at - one.tried_at >= URGENT_AFTER


def is_failing(one: Progress, at: datetime) -> bool:
    """Whether somebody should look at it. Who lists no host and brings lists by hand wants nothing else, while they last."""
    is_by_hand = one.code == "fetch.not_listed" and one.next_update is not None and one.next_update > at
    return one.failures > 0 and not is_by_hand
