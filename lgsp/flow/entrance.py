"""How many of a sender's envelopes come in now: what there is room for beside the others, and what its quota grants."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lgsp import metrics
from lgsp.core.directory import Agency
from lgsp.core.fairness import room_for
from lgsp.core.quota import Bucket, Quota, full, retry_after_s
from lgsp.errors import Overloaded, QuotaExceeded, Unavailable
from lgsp.flow.clock import loop_time


class Entrance:
    """One per process. Whatever codes, credentials or connections a sender uses, it is one agency of the directory.

    `quota` is for agencies without one of their own; every quota is divided by `gateways`, the processes that grant it.
    """

    def __init__(self, *, capacity: int, quota: Quota, gateways: int, clock: Callable[[], float] = loop_time) -> None:
        self._capacity = capacity
        self._quota = quota
        self._gateways = gateways
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}  # of agencies with a quota, as many as there are at most
        self._held_by: dict[str, int] = {}  # none is 0
        self.held = 0

    @property
    def senders(self) -> int:
        """Those that have anything inside."""
        return len(self._held_by)

    @contextmanager
    def passing(self, sender: Agency, wanted: int) -> Iterator[tuple[int, Unavailable | None]]:
        """How many of `wanted` envelopes come in, the first ones, and why the others do not. Their places are taken while the
        block lasts; each costs a token of the quota, for good unless `give_back` is called."""
        places, refused = self._places(sender, wanted)
        granted, exceeded = self._granted(sender, places)
        self._enter(sender.code, granted)
        try:
            yield granted, exceeded or refused
        finally:
            self._leave(sender.code, granted)

    def give_back(self, sender: Agency, envelopes: int) -> None:
        """The tokens of envelopes that the hub did not take over for reasons of its own."""
        bucket = self._buckets.get(sender.code)
        if bucket is not None:
            self._buckets[sender.code] = bucket.more(envelopes)

    def _places(self, sender: Agency, wanted: int) -> tuple[int, Overloaded | None]:
        places = min(wanted, room_for(self._held_by.get(sender.code, 0), self.held, self._capacity))
        if places == wanted:
            return places, None
        metrics.CROWDED_OUT.inc(wanted - places)
        return places, Overloaded(f"{self.held} of {self._capacity} are under way")

    def _granted(self, sender: Agency, wanted: int) -> tuple[int, QuotaExceeded | None]:
        whole = sender.quota or self._quota
        if not whole.per_s:
            self._buckets.pop(sender.code, None)
            return wanted, None
        quota, now_s = whole.share(self._gateways), self._clock()
        bucket = self._buckets.get(sender.code, full(quota, now_s)).refilled(quota, now_s)
        granted = bucket.grants(wanted)
        bucket = self._buckets[sender.code] = bucket.less(granted)
        if granted == wanted:
            return granted, None
        metrics.QUOTA_REFUSED.inc(wanted - granted)
        text = f"{whole.per_s:g} envelopes a second are granted, {whole.burst} at once after a pause"
        return granted, QuotaExceeded(text, retry_after_s(bucket, quota, wanted - granted))

    def _enter(self, code: str, envelopes: int) -> None:
        self.held += envelopes
        if envelopes:
            self._held_by[code] = self._held_by.get(code, 0) + envelopes

    def _leave(self, code: str, envelopes: int) -> None:
        self.held -= envelopes
        left = self._held_by.get(code, 0) - envelopes
        if left:
            self._held_by[code] = left
        else:
            self._held_by.pop(code, None)
