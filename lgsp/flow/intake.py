"""The door: decide, commit, publish, answer. The answer leaves only after the commit."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.receipt import Receipt
from lgsp import metrics
from lgsp.core.admission import Admitted, Limits, admit, check_attachments, completed
from lgsp.core.directory import Agency
from lgsp.core.explain import Explanation, decide, explanation
from lgsp.core.receipts import delivery_ref, receipt_of
from lgsp.errors import Overloaded
from lgsp.flow.bell import Bell
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.group import Group
from lgsp.flow.outbox import Outbox
from lgsp.log import get_logger
from lgsp.ports import Accepted, EnvelopeRecord, Journal, Records, Reused

log = get_logger()

_LINGER_S = 0.004


class Stopping(Overloaded):
    """The hub is going down: nothing new comes in."""

    code = "hub.stopping"
    retry_after_s = 10


class Answer(msgspec.Struct, frozen=True):
    """`fresh` is False when these bytes had been accepted before: the receipt is the one of then."""

    receipt: Receipt
    fresh: bool


class Intake:
    """One per process. `capacity` envelopes may wait for their commit; more are turned away with Overloaded."""

    def __init__(
        self,
        *,
        hub: AgencyCode,
        journal: Journal,
        records: Records,
        directory: DirectoryCache,
        outbox: Outbox,
        bell: Bell,
        limits: Limits,
        clock: Callable[[], datetime],
        ready_lease_s: float,
        max_batch: int,
        capacity: int,
    ) -> None:
        self._hub = hub
        self._journal = journal
        self._records = records
        self._directory = directory
        self._outbox = outbox
        self._bell = bell
        self._limits = limits
        self._clock = clock
        self._ready_lease_s = ready_lease_s
        self._group: Group[Admitted, Accepted | Reused] = Group(
            self._commit, max_batch=max_batch, capacity=capacity, linger_s=_LINGER_S
        )
        self._open = True
        metrics.watch_intake(lambda: self._group.held)

    @property
    def under_way(self) -> int:
        """Envelopes that wait for their commit."""
        return self._group.held

    async def submit(self, envelope: Envelope, caller: Agency) -> Answer:
        """Takes the envelope over: on disk when this returns.

        Raises ContractError (refused: nothing stored) or Unavailable (not taken over; the same bytes may come again).
        """
        if not self._open:
            raise Stopping("the hub is stopping")
        try:
            admitted = await self._admit(envelope, caller)
            (result,) = await self._group.submit((admitted,))
        except ContractError as error:
            earlier = await self._answer_of_earlier(envelope, caller)
            if earlier is not None:
                return earlier
            metrics.refused(error.code)
            raise
        return self._answer(admitted.envelope, result)

    async def explain(self, envelope: Envelope, caller: Agency) -> Explanation:
        """What `submit` would decide now, and why; stores nothing."""
        directory = self._directory.current
        decision = decide(envelope, caller, directory, self._limits, self._clock())
        if isinstance(decision, Admitted):
            try:
                await self._check_attachments(envelope, caller)
            except ContractError as error:
                decision = error
        return explanation(decision, directory, envelope)

    async def close(self) -> None:
        """Turns new envelopes away and returns once everything under way is answered."""
        self._open = False
        await self._group.idle()

    async def _admit(self, envelope: Envelope, caller: Agency) -> Admitted:
        admitted = admit(envelope, caller, self._directory.current, self._limits, self._clock())
        await self._check_attachments(envelope, caller)
        return admitted

    async def _check_attachments(self, envelope: Envelope, caller: Agency) -> None:
        if envelope.attachments:
            digests = [attachment.digest for attachment in envelope.attachments]
            check_attachments(envelope, await self._records.uploads(digests, caller.code))

    async def _answer_of_earlier(self, envelope: Envelope, caller: Agency) -> Answer | None:
        """What was accepted once stays accepted: a resend after its expiry, or after a grant ended, gets its receipt again."""
        earlier = await self._records.envelope(caller.code, envelope.message_id)
        if earlier is None:
            return None
        try:
            digest = completed(envelope, caller).digest()
        except ContractError:
            return None
        if earlier.digest != digest:
            return None
        metrics.RESENT.inc()
        return Answer(self.receipt_of_record(earlier), fresh=False)

    def _answer(self, envelope: Envelope, result: Accepted | Reused) -> Answer:
        if isinstance(result, Reused):
            metrics.refused("envelope.id_reused")
            raise ContractError("envelope.id_reused", "/message_id", f"accepted before with {result.digest}")
        (metrics.ACCEPTED if result.fresh else metrics.RESENT).inc()
        receipt = receipt_of(
            self._hub, envelope.sender, envelope.message_id, result.digest, result.sequence, result.accepted_at, result.deliveries
        )
        return Answer(receipt, result.fresh)

    def receipt_of_record(self, record: EnvelopeRecord) -> Receipt:
        """The receipt again, for whoever lost it."""
        deliveries = tuple(delivery_ref(one.delivery_id, one.recipient, one.addressed_as) for one in record.deliveries)
        envelope = record.envelope
        return receipt_of(
            self._hub, envelope.sender, envelope.message_id, record.digest, record.sequence, record.accepted_at, deliveries
        )

    async def _commit(self, batch: Sequence[Admitted]) -> Sequence[Accepted | Reused]:
        started = time.perf_counter()
        results = await self._journal.accept(batch, self._clock(), self._ready_lease_s)
        metrics.COMMIT_S.observe(time.perf_counter() - started)
        metrics.COMMIT_BATCH.observe(len(batch))
        for admitted, result in zip(batch, results, strict=True):
            if isinstance(result, Accepted) and result.fresh:
                self._outbox.offer(result.ready)
                self._bell.ring(hop.recipient for hop in admitted.hops if hop.mode == "mailbox")
        return results
