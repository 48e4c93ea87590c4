"""How much a sender may hand over: a bucket of tokens, of which every envelope costs one. Pure: time comes in."""

from dataclasses import dataclass
from math import ceil
from typing import Annotated

import msgspec

_LONGEST_WAIT_S = 60  # so that a sender with little quota and a long batch makes some progress every minute
_LONGEST_RETRY_AFTER_S = 3600
_SLOWEST_PER_S = 1e-9  # divides without overflow
_ROUNDING = 1e-6  # of a token: who waited exactly as long as it was told is not refused for the last bit of a float


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """Envelopes: `per_s` in the long run, `burst` at once after a pause. With `per_s` 0 there is no limit."""

    per_s: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
    burst: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1000

    def share(self, of: int) -> "Quota":
        """What one of so many processes may grant, so that all of them together grant no more; but never a burst below 1."""
        return Quota(per_s=self.per_s / of, burst=max(1, self.burst // of))


NO_LIMIT = Quota(per_s=0.0)


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` of a sender at the moment `at_s`, on a clock that only goes forward. Never more than the quota's burst."""

    tokens: float
    at_s: float

    def refilled(self, quota: Quota, now_s: float) -> "Bucket":
        """With what has flowed in since; a burst that was made smaller meanwhile holds at once."""
        return Bucket(min(self.tokens + quota.per_s * max(0.0, now_s - self.at_s), float(quota.burst)), now_s)

    def grants(self, wanted: int) -> int:
        """How many of `wanted` envelopes may come now."""
        return min(wanted, int(self.tokens + _ROUNDING))

    def less(self, tokens: int) -> "Bucket":
        return Bucket(max(0.0, self.tokens - tokens), self.at_s)

    def more(self, tokens: int) -> "Bucket":
        """What does not fit in runs over when it is next refilled."""
        return Bucket(self.tokens + tokens, self.at_s)

    def wait_s(self, quota: Quota, wanted: int) -> float:
        """Seconds until so many tokens are there, or as many as the bucket holds."""
        return max(0.0, min(wanted, quota.burst) - self.tokens) / max(quota.per_s, _SLOWEST_PER_S)


def full(quota: Quota, now_s: float) -> Bucket:
    """Of a sender that has not been heard of for a while."""
    return Bucket(float(quota.burst), now_s)


def retry_after_s(bucket: Bucket, quota: Quota, wanted: int) -> int:
    """When `wanted` envelopes that were turned away should come again, in whole seconds, 1 to 3600: when all of them may come,
    or after a minute when at least the first may."""
    longest_s = max(float(_LONGEST_WAIT_S), bucket.wait_s(quota, 1))
    return max(1, ceil(min(bucket.wait_s(quota, wanted), longest_s, _LONGEST_RETRY_AFTER_S)))
