"""The journal as the flow writes it: every call one transaction, on disk when it returns."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from lgsp.core.admission import Admitted
from lgsp.core.hold import Hold
from lgsp.core.replay import DeadLetterFilter, Replay
from lgsp.ports.views import HoldChange
from lgsp.ports.work import Accepted, Ref, Reused, Settled, Settlement, Work


class Journal(Protocol):
    """The hub's memory. What it returned is on disk, fsync'd; what it has not returned may or may not have happened.

    Every call is one transaction. Raises JournalUnavailable when the store does not answer.
    """

    async def accept(self, batch: Sequence[Admitted], now: datetime, ready_lease_s: float) -> list[Accepted | Reused]:
        """Writes each envelope once per (sender, message_id), with deliveries, identifiers and events; answers in order.

        Sequences and delivery ids are dense and in commit order. A repeated id inside one batch is a resend like any other.
        READY deliveries fall due after `ready_lease_s`: by then they are published or the sweeper takes them.
        """
        ...

    async def hydrate(self, refs: Sequence[Ref]) -> list[Work]:
        """Those that still await exactly this attempt (READY or QUEUED), in any order, with their recipients' holds; the others
        are stale."""
        ...

    async def settle(self, batch: Sequence[Settlement], now: datetime, ready_lease_s: float) -> list[Settled]:
        """Records outcomes in the order given, with events, and releases what waited in the lanes of those that ended."""
        ...

    async def mark_queued(self, refs: Sequence[Ref], stuck_at: datetime) -> None:
        """READY -> QUEUED, for those still READY *at the attempt of the ref*: the broker has them, the sweeper may forget them
        until `stuck_at`. What is still QUEUED then the broker must have lost.

        One that failed meanwhile and waits for its next attempt must stay READY, or its retry would be lost.
        """
        ...

    async def take_due(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        """READY deliveries that are due and QUEUED ones that are stuck, the most urgent first, among equals the oldest due; they
        are READY, and their due time moves `lease_s` ahead: nobody else takes them."""
        ...

    async def change_hold(self, recipient: str, change: Callable[[Hold | None], Hold | None], now: datetime) -> HoldChange:
        """Stores what `change` makes of the recipient's hold as it is stored, with its occurrence if that is worth one
        (`core.hold.occurrence`), in one write transaction. `change` is pure and quick; None removes the hold, which
        only happens to one that parks nothing (EVERYBODY, THE_DOOR)."""
        ...

    async def hold(self, recipient: str) -> Hold | None:
        """The hold of a recipient, of EVERYBODY or of THE_DOOR."""
        ...

    async def let_go(
        self, now: datetime, limit: int, lease_s: float, probes_s: Sequence[float]
    ) -> tuple[list[Ref], list[HoldChange]]:
        """For at most `limit` holds that are due: what is parked goes READY as `core.hold` says, one probe or the next few, the
        most urgent first, among equals the oldest; probes are those tried least often, and there is one at a time: while it is
        READY or QUEUED it is not replaced. A maintenance that is over lets go. The refs to publish, and the holds that
        changed."""
        ...

    async def keep_parked(self, delivery_ids: Sequence[int], until: datetime) -> None:
        """These, if still PARKED, are given up at `until`, not before."""
        ...

    async def mark_fetched(self, delivery_ids: Sequence[int], now: datetime) -> list[bool]:
        """Recipients take these out of their mailboxes: noted the first time, with an event. For each whether it is AVAILABLE."""
        ...

    async def answer_recall(self, delivery_ids: Sequence[int], agreed: bool, now: datetime) -> int:
        """The recipient agreed to give these back, or refused; of those whose recall was REQUESTED. How many."""
        ...

    async def start_replay(self, replay: Replay) -> int:
        """Stores the job; its number. Dead letters move when `step_replays` comes to it."""
        ...

    async def step_replays(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        """The next dead letters of running replays, at most `limit`, in the order of their acceptance: DEAD -> READY, or WAITING
        where their lane is occupied, with a new schedule and age. The refs to publish."""
        ...

    async def cancel_replay(self, replay_id: int, now: datetime) -> Replay | None:
        """What was replayed stays so. The job as it stands; None: unknown."""
        ...

    async def resolve_dead_letters(self, which: DeadLetterFilter, operator: str, note: str, now: datetime) -> int:
        """Somebody has seen to these: they leave the list and no replay takes them any more; an event with the note. How many."""
        ...

    async def requeue_all(self, now: datetime, lease_s: float = 0.0) -> int:
        """The broker lost its memory: QUEUED -> READY, due now; and whatever is READY for its first attempt and due within
        `lease_s`, because nobody is left who held the lease. Retries keep their time. How many."""
        ...

    async def overdue(self, now: datetime, grace_s: float, limit: int) -> list[Work]:
        """Open deliveries past expires_at, the longest first, with empty bodies; whoever asked settles them as EXPIRED. Behind
        them PARKED ones that are to be given up (`Settlement.delay_s`): DEAD, or kept where a maintenance is why
        (`core.hold.keeps`).

        Of those that somebody may be attempting just now (READY, QUEUED) only what is `grace_s` past it.
        """
        ...

    async def ping(self) -> None:
        """Proves that the journal can be written."""
        ...

    async def close(self) -> None:
        """Ends connections; what was returned stays."""
        ...
