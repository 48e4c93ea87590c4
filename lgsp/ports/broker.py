"""What spreads references over workers."""

from collections.abc import Sequence
from typing import Protocol

from lgsp.ports.work import Ref


class Consignment(Protocol):
    """Refs that arrived together; unacknowledged until `done`."""

    @property
    def refs(self) -> Sequence[Ref]: ...

    async def done(self) -> None:
        """All refs are settled in the journal: the broker may forget them. Never raises: a lost connection redelivers."""
        ...

    async def again(self) -> None:
        """Give it back to be redelivered (the journal did not answer). Never raises."""
        ...


class Subscription(Protocol):
    """What the broker has for this process. Consignments handed out may still be `done` after `stop`."""

    async def take(self, least: int = 0) -> Consignment | None:
        """The most urgent consignment of at least this priority that waits in this process, the oldest among equals; waits
        until there is one. None once stopped or closed. Several may wait at once."""
        ...

    async def stop(self) -> None:
        """No more is taken; what was not handed out goes back to the broker."""
        ...


class Broker(Protocol):
    """The hub's muscles: spreads refs over workers, at least once.

    A ref that bears a mark of urgency (`core.urgency.is_urgent`) is handed out before ordinary ones of its shard that still wait
    in the broker; degrees of urgency count among those that wait in the memory of the process. Apart from that order is not its
    business: lanes are kept in the journal.
    """

    survives_restart: bool  # False: the journal republishes everything after a start

    async def publish(self, refs: Sequence[Ref]) -> None:
        """Returns when the broker confirmed all of them. Raises BrokerUnavailable otherwise, within a bounded time; some may
        have been stored, publishing again is harmless."""
        ...

    async def subscribe(self) -> Subscription:
        """All shards; one consumer at a time is active per shard, for urgent and ordinary refs alike. Survives reconnects by
        itself."""
        ...

    def is_up(self) -> bool:
        """Whether a publish now has a chance."""
        ...

    async def close(self) -> None: ...
