"""What a collector promises: the hub polls systems that push nothing, and brings in what they have for others."""

from dataclasses import dataclass
from typing import Protocol

import msgspec

from contracts.desk import Desk


class Feed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where and how the hub fetches what an agency's system has for others. Comes from the directory only."""

    adapter: str  # key of adapters.registry.COLLECTORS
    url: str
    secret: str = ""
    every_s: float = 60.0
    timeout_s: float = 30.0  # for one exchange with the far side
    enabled: bool = True
    options: dict[str, str] = {}  # as the adapter's README says

    def __repr__(self) -> str:
        return f"Feed({self.adapter!r}, {self.url!r})"


@dataclass(frozen=True, slots=True)
class Collected:
    """What one round came to. `more`: there is more there already, the next round may begin at once."""

    taken: int = 0  # submitted, and confirmed to the far side
    refused: int = 0  # the hub would not have them; the far side was told where it can be
    more: bool = False


class FeedTrouble(Exception):
    """The far side cannot be asked now, or answered nonsense. `reason`: a code of the catalogue (`delivery.*`)."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class Collector(Protocol):
    """Polls one kind of system. In this order for each thing: fetch it, submit it to the desk, confirm it to the far side. Killed
    in between, it comes again, and the desk answers with the same receipt."""

    async def collect(self, feed: Feed, desk: Desk) -> Collected:
        """One bounded round on behalf of the feed's agency, which is the sender of whatever is brought in. Raises FeedTrouble;
        what the desk raises passes, except that a ContractError of `submit` is told to the far side and counted, unless its
        problem is retryable ("not now"): that passes too, and the thing comes again."""
        ...

    async def close(self) -> None:
        """Ends pooled connections."""
        ...
