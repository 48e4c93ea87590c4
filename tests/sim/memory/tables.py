"""What the store holds: rows that are replaced and never changed, and transactions that happen as a whole or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier
from lgsp.core.directory import Agency
from lgsp.core.hold import Hold
from lgsp.core.lifecycle import State
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.record import SALT_BYTES
from lgsp.core.recall import Recall
from lgsp.core.replay import Replay
from lgsp.core.signatures.finding import Examination, Exhibit
from lgsp.journal.acceptance import Pair
from lgsp.journal.codec import DeliveryRow, EnvelopeRow, EventRow, OccurrenceRow, moment_of
from lgsp.journal.keeping import Stage
from lgsp.journal.leaves import Grown, grow, held, moved
from lgsp.ports import Accepted, Archive, Checkpoint, Credential, Occurrence, Ref, Stamp


class Kept(msgspec.Struct, frozen=True):
    """An accepted envelope."""

    row: EnvelopeRow
    envelope: Envelope
    order_key: str | None
    identifiers: tuple[Identifier, ...]
    keys: set[str]
    accepted: Accepted


class Delivery(msgspec.Struct, frozen=True):
    """`row` as it was accepted; beside it what has become of it since."""

    row: DeliveryRow
    state: State
    attempt: int
    due_at: int | None
    ready_at: int | None
    postponed: int = 0
    ended_at: int | None = None
    fetched_at: int | None = None
    resolved_at: int | None = None
    recall: Recall = Recall.NONE
    replays: int = 0
    reason: str = ""
    detail: str = ""

    @property
    def number(self) -> int:
        return self.row.delivery_id


class Tables:
    """Envelopes are found by their sequence, deliveries by their id, both dense from 1. `open` and `lanes` are indexes; `history`
    has every state that a delivery has had, for whoever judges afterwards."""

    def __init__(self) -> None:
        self.envelopes: list[Kept] = []
        self.known: dict[tuple[str, str], Kept] = {}  # (sender, message id)
        self.deliveries: dict[int, Delivery] = {}
        self.open: dict[int, Delivery] = {}
        self.lanes: dict[int, set[int]] = {}
        self.events: list[EventRow] = []
        self.history: list[tuple[int, State]] = []
        self.holds: dict[str, Hold] = {}
        self.occurrences: list[Occurrence] = []
        self.replays: list[Replay] = []
        self.version = 0
        self.agencies: dict[str, Agency] = {}
        self.credentials: dict[str, Credential] = {}
        self.certificates: dict[str, AgencyCode] = {}
        self.files: dict[tuple[str, str], int] = {}  # (digest, agency) -> bytes
        self.examinations: dict[int, Examination] = {}  # by sequence
        self.exhibits: dict[str, Exhibit] = {}  # by digest; one too many does no harm
        self.gone: dict[int, tuple[int | None, int | None]] = {}  # by sequence: when the body, when the files were erased
        self.archives: list[Archive] = []
        self.archived: dict[int, int] = {}  # sequence -> number
        self.closed: dict[str, tuple[Stage, int]] = {}  # by digest: to which nothing refers
        self.shut: set[tuple[str, str]] = set()  # of `files`, what is open no more
        self.marks: dict[tuple[str, str], str] = {}
        self.claims: dict[tuple[str, str], tuple[str, datetime]] = {}
        self.leaves: list[bytes] = []
        self.tree = Frontier()
        self.pairs: dict[Pair, int] = {}
        self.origin = ""
        self.checkpoints: dict[int, Checkpoint] = {}
        self.stamps: dict[tuple[int, str], Stamp] = {}
        self._before: list[tuple[int, Delivery | None]] = []  # what the transaction under way has replaced

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What raises in between leaves no trace."""
        envelopes, events, occurrences = len(self.envelopes), len(self.events), len(self.occurrences)
        history = len(self.history)
        holds, replays, pairs, tree = self.holds.copy(), self.replays.copy(), self.pairs.copy(), self.tree
        try:
            yield
        except BaseException:
            for number, before in reversed(self._before):
                self._place(number, before)
            for one in self.envelopes[envelopes:]:
                del self.known[one.row.sender, one.row.message_id]
                self.examinations.pop(one.row.sequence, None)
            del self.envelopes[envelopes:], self.events[events:], self.occurrences[occurrences:], self.history[history:]
            del self.leaves[tree.size :]
            self.holds, self.replays, self.pairs, self.tree = holds, replays, pairs, tree
            raise
        finally:
            self._before.clear()

    def grow(self, leaves: Sequence[bytes]) -> Grown:
        grown = grow(self.tree, leaves)
        self.leaves += leaves
        self.tree = grown.appended.after
        return grown

    def tell(self, event: EventRow) -> None:
        """With its leaf. Salts are no secret here, so that a seed replays exactly."""
        row = event._replace(leaf_index=self.tree.size, salt=self.salts(1) if event.detail else None)
        self.grow([moved(row)])
        self.events.append(row)

    def tell_occurrence(self, one: OccurrenceRow) -> None:
        row = one._replace(leaf_index=self.tree.size, salt=self.salts(1) if one.detail else None)
        self.grow([held(row)])
        self.occurrences.append(
            Occurrence(at=moment_of(one.at), name=one.name, recipient=one.recipient, reason=one.reason, detail=one.detail)
        )

    def salts(self, count: int) -> bytes:
        return b"".join((self.tree.size + number).to_bytes(SALT_BYTES) for number in range(count))

    def put(self, one: Delivery) -> None:
        before = self.deliveries.get(one.number)
        if before is None or before.state is not one.state:
            self.history.append((one.number, one.state))
        self._before.append((one.number, before))
        self._place(one.number, one)

    def change(self, one: Delivery, **changes: Any) -> Delivery:
        changed = msgspec.structs.replace(one, **changes)
        self.put(changed)
        return changed

    def in_lane(self, lane: int) -> list[Delivery]:
        """The open ones, in order of acceptance."""
        return [self.open[number] for number in sorted(self.lanes.get(lane, ()))]

    def states(self, lane: int | None) -> list[State]:
        """In which states the open ones of a lane are, each state once."""
        return [] if lane is None else list(dict.fromkeys(one.state for one in self.in_lane(lane)))

    def kept(self, one: Delivery) -> Kept:
        return self.envelopes[one.row.sequence - 1]

    def ref(self, one: Delivery) -> Ref:
        return Ref(one.number, one.attempt, one.row.shard, one.row.priority, self.kept(one).envelope.traceparent)

    def _place(self, number: int, one: Delivery | None) -> None:
        """The delivery as it is now (None: it never was), and where it is found."""
        old = self.open.pop(number, None)
        if old is not None and old.row.lane is not None:
            self.lanes[old.row.lane].discard(number)
        if one is None:
            del self.deliveries[number]
            return
        self.deliveries[number] = one
        if one.ended_at is None:
            self.open[number] = one
            if one.row.lane is not None:
                self.lanes.setdefault(one.row.lane, set()).add(number)
