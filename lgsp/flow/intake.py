"""The door: decide, commit, publish, answer. The answer leaves only after the commit."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.receipt import LogEntry, Receipt
from lgsp import metrics
from lgsp.core.admission import Admitted, Limits, admit, check_attachments, under_own_key
from lgsp.core.directory import Agency
from lgsp.core.explain import Explanation, decide, explanation
from lgsp.core.fairness import cost_of, room_for
from lgsp.core.log.placed import Logged, Place
from lgsp.core.quota import NO_LIMIT, Quota
from lgsp.core.receipts import log_entry, receipt_of
from lgsp.core.signatures.policy import Policy
from lgsp.errors import JournalUnavailable, Overloaded, Unavailable
from lgsp.flow.bell import Bell
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.entrance import Entrance
from lgsp.flow.examination import Examiner, Looked, RevocationPending
from lgsp.flow.fair_queue import PARTS
from lgsp.flow.group import Group
from lgsp.flow.log_keeper import LogKeeper
from lgsp.flow.maintenance import DoorClosed, Maintenance
from lgsp.flow.outbox import Outbox
from lgsp.flow.recalls import Recalls
from lgsp.flow.receipts import receipt_of_record
from lgsp.log import get_logger
from lgsp.ports import Accepted, EnvelopeRecord, Journal, Records, Reused

log = get_logger()

_LINGER_S = 0.004
_BREATH = 16  # envelopes decided at a stretch


class Stopping(Overloaded):
    """The hub is going down: nothing new comes in."""

    code = "hub.stopping"
    retry_after_s = 10


class Answer(msgspec.Struct, frozen=True):
    """`fresh` is False when these bytes had been accepted before: the receipt is the one of then."""

    receipt: Receipt
    fresh: bool


_Taken = tuple[Accepted | Reused, LogEntry | None]  # the entry of what is fresh
Outcome = Answer | Exception  # ContractError: refused, nothing stored. Others: not taken over, the same bytes may come again


class Intake:
    """One per process. `capacity` envelopes may be under way, those of one sender in less than half of it while it is alone, in a
    fair part of it beside others; more are turned away with Overloaded. `quota` and `gateways`: see Entrance."""

    def __init__(
        self,
        *,
        hub: AgencyCode,
        journal: Journal,
        records: Records,
        directory: DirectoryCache,
        outbox: Outbox,
        bell: Bell,
        examiner: Examiner,
        recalls: Recalls,
        maintenance: Maintenance,
        keeper: LogKeeper | None,
        limits: Limits,
        clock: Callable[[], datetime],
        ready_lease_s: float,
        max_batch: int,
        capacity: int,
        quota: Quota = NO_LIMIT,
        gateways: int = 1,
    ) -> None:
        self._hub = hub
        self._journal = journal
        self._records = records
        self._directory = directory
        self._outbox = outbox
        self._bell = bell
        self._examiner = examiner
        self._recalls = recalls
        self._maintenance = maintenance
        self._keeper = keeper
        self._limits = limits
        self._clock = clock
        self._ready_lease_s = ready_lease_s
        self._group: Group[Admitted, _Taken] = Group(
            self._commit,
            max_batch=max_batch,
            capacity=capacity,
            linger_s=_LINGER_S,
            cost_of=lambda admitted: cost_of(admitted.envelope),
        )
        self._entrance = Entrance(capacity=capacity, quota=quota, gateways=gateways)
        self._portion = min(max(1, max_batch // PARTS), room_for(0, 0, capacity))
        self._open = True
        metrics.watch_intake(lambda: self._entrance.held, lambda: self._entrance.senders)

    @property
    def portion(self) -> int:
        """How many envelopes (by `cost_of`) one should bring at once: more would make others wait, or not fit in at all."""
        return self._portion

    @property
    def policy(self) -> Policy:
        """Which signatures each kind demands here."""
        return self._examiner.policy

    @property
    def under_way(self) -> int:
        """Envelopes that are being decided or wait for their commit."""
        return self._entrance.held

    async def submit(self, envelope: Envelope, caller: Agency) -> Answer:
        """Takes the envelope over: on disk when this returns.

        Raises ContractError (refused: nothing stored) or Unavailable (not taken over; the same bytes may come again), which is
        QuotaExceeded when the reason is the caller's.
        """
        (outcome,) = await self.submit_many((envelope,), caller)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def submit_many(self, envelopes: Sequence[Envelope], caller: Agency) -> list[Outcome]:
        """Takes the envelopes over in one transaction, in their order; one outcome for each, in the same order.

        A refused one harms no other. What failed otherwise comes again, and nothing may have overtaken it by then: so from
        the first such failure on every outcome is that failure or a refusal. Where room or quota is left for some of them only,
        the first ones are taken over, so that any number comes in in the end. Raises nothing.
        """
        closed = self._closed()
        if closed is not None:
            return [closed] * len(envelopes)
        with self._entrance.passing(caller, len(envelopes)) as (count, turned_away):
            outcomes = await self._taken_over(envelopes[:count], caller)
        self._entrance.give_back(caller, sum(isinstance(one, Unavailable) for one in outcomes))
        return outcomes if turned_away is None else [*outcomes, *[turned_away] * (len(envelopes) - count)]

    async def foresee(self, envelope: Envelope, caller: Agency) -> None:
        """Raises the ContractError with which `submit` would refuse this for anything but its files; nothing for what was
        accepted before."""
        try:
            admit(envelope, caller, self._directory.current, self._limits, self._clock())
            await self._examiner.foresee(envelope, caller)
        except ContractError as error:
            if error.code.startswith("auth.") or await self._answer_of_earlier(envelope, caller) is None:
                metrics.refused(error.code)
                raise

    async def look_at_message(self, octets: bytes, caller: Agency) -> Looked:
        """The verdict on a signed SOAP message, and what of it may be acted on. Raises ContractError "signature.*"."""
        return await self._examiner.look_at_message(octets, caller)

    async def explain(self, envelope: Envelope, caller: Agency) -> Explanation:
        """What `submit` would decide now, and why; stores nothing."""
        directory = self._directory.current
        decision = decide(envelope, caller, directory, self._limits, self._clock())
        if isinstance(decision, Admitted):
            try:
                await self._check_attachments(envelope, caller)
                await self._examiner.examine(envelope, caller)
            except ContractError as error:
                decision = error
            except RevocationPending as error:
                decision = ContractError(error.code, "", str(error))
        return explanation(decision, directory, envelope)

    async def close(self) -> None:
        """Turns new envelopes away and returns once everything under way is answered."""
        self._open = False
        await self._group.idle()

    def _closed(self) -> Exception | None:
        """Why nothing comes in at the moment."""
        if not self._open:
            return Stopping("the hub is stopping")
        try:
            self._maintenance.check_door()
        except DoorClosed as error:
            return error
        return None

    async def _followed(self, asked: "Sequence[Outcome | Admitted]", outcomes: list[Outcome]) -> list[Outcome]:
        """Once committed, what documents ask of earlier ones is done; where the journal was away for that, the same bytes have to
        come again. A bug keeps no receipt back: the request travels to the recipients in any case."""
        for place, (admitted, outcome) in enumerate(zip(asked, outcomes, strict=True)):
            if isinstance(admitted, Admitted) and admitted.intent is not None and isinstance(outcome, Answer):
                try:
                    await self._recalls.follow(admitted, outcome.receipt)
                except Unavailable as error:
                    outcomes[place] = error
                except Exception as error:
                    log.error("error.unexpected", component="recalls", exc_info=error)
        return outcomes

    async def _taken_over(self, envelopes: Sequence[Envelope], caller: Agency) -> list[Outcome]:
        outcomes: list[Outcome | Admitted] = []
        failure: Exception | None = None
        for place, envelope in enumerate(envelopes):
            if place % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)  # deciding is work: others have their turn in between
            try:
                outcomes.append(failure or await self._decided(envelope, caller))
            except Exception as error:  # noqa: BLE001 - trouble or a bug: told to this caller, and to nobody else
                failure = error
                outcomes.append(error)
        return await self._followed(outcomes, await self._committed(outcomes, caller))

    async def _decided(self, envelope: Envelope, caller: Agency) -> "Admitted | Answer | ContractError":
        """Answer: it was accepted before. Raises Unavailable."""
        try:
            admitted = admit(envelope, caller, self._directory.current, self._limits, self._clock())
            await self._check_attachments(envelope, caller)
            examined = await self._examiner.examine(envelope, caller)
        except ContractError as error:
            named = not error.code.startswith("auth.")  # under another's name nobody gets a receipt
            earlier = await self._answer_of_earlier(envelope, caller) if named else None
            if earlier is None:
                metrics.refused(error.code)
            return earlier or error
        except RecursionError:  # msgspec stops at the interpreter's depth
            return ContractError("body.malformed", "/body", "nested too deeply")
        except RevocationPending:
            earlier = await self._answer_of_earlier(envelope, caller)
            if earlier is None:
                raise
            return earlier
        return admitted if examined is None else msgspec.structs.replace(admitted, examined=examined)

    async def _committed(self, outcomes: "list[Outcome | Admitted]", caller: Agency) -> list[Outcome]:
        """The same, with what was admitted replaced by its answer or by why it could not be stored."""
        admitted = [one for one in outcomes if isinstance(one, Admitted)]
        try:
            results = iter(await self._group.submit(admitted, caller.code))
        except Unavailable as error:
            return [error if isinstance(one, Admitted) else one for one in outcomes]
        except Exception as error:  # noqa: BLE001 - a bug, met by one of them: those before it are stored, one by one
            if len(admitted) == 1:
                return [error if isinstance(one, Admitted) else one for one in outcomes]
            return await self._committed_singly(outcomes, caller)
        return await self._answered(outcomes, results)

    async def _answered(self, outcomes: "Sequence[Outcome | Admitted]", results: Iterator[_Taken]) -> list[Outcome]:
        """All of it is on disk. The receipt of a resend is read out of the log: where that is away, it and those behind it come
        again."""
        done: list[Outcome] = []
        failure: Unavailable | None = None
        for one in outcomes:
            if isinstance(one, Admitted):
                result, entry = next(results)
                try:
                    done.append(failure or await self._answer(one.envelope, result, entry))
                except Unavailable as error:
                    failure = error
                    done.append(error)
            else:
                done.append(failure if failure is not None and not isinstance(one, ContractError) else one)
        return done

    async def _committed_singly(self, outcomes: "list[Outcome | Admitted]", caller: Agency) -> list[Outcome]:
        done: list[Outcome] = []
        failure: Exception | None = None
        for one in outcomes:
            if not isinstance(one, Admitted):
                done.append(one)
            elif failure is not None:
                done.append(failure)
            else:
                (outcome,) = await self._committed([one], caller)
                done.append(outcome)
                if isinstance(outcome, Exception) and not isinstance(outcome, ContractError):
                    failure = outcome
        return done

    async def _check_attachments(self, envelope: Envelope, caller: Agency) -> None:
        if envelope.attachments:
            digests = [attachment.digest for attachment in envelope.attachments]
            check_attachments(envelope, await self._records.uploads(digests, caller.code))

    async def _answer_of_earlier(self, envelope: Envelope, caller: Agency) -> Answer | None:
        """What was accepted once stays accepted: a resend after its expiry, or after a grant ended, gets its receipt again."""
        earlier = await self._records.envelope(caller.code, envelope.message_id)
        if earlier is None:
            return None
        if earlier.digest != under_own_key(envelope, caller).digest():
            return None
        metrics.RESENT.inc()
        return Answer(await self.receipt_of_record(earlier), fresh=False)

    async def _answer(self, envelope: Envelope, result: Accepted | Reused, entry: LogEntry | None) -> Answer | ContractError:
        if isinstance(result, Reused):
            metrics.refused("envelope.id_reused")
            return ContractError("envelope.id_reused", "/message_id", f"accepted before with {result.digest}")
        (metrics.ACCEPTED if result.fresh else metrics.RESENT).inc()
        if not result.fresh:
            entry = await self._entry_at(result.place)
        receipt = receipt_of(
            self._hub,
            envelope.sender,
            envelope.message_id,
            result.digest,
            result.sequence,
            result.accepted_at,
            result.deliveries,
            entry,
        )
        return Answer(receipt, result.fresh)

    async def receipt_of_record(self, record: EnvelopeRecord) -> Receipt:
        """The receipt again, for whoever lost it."""
        return receipt_of_record(self._hub, record, await self._entry_at(record.place))

    async def _entry_at(self, place: Place | None) -> LogEntry | None:
        """None: it was accepted before there was a log, or nothing can be signed at the moment. Raises JournalUnavailable."""
        if place is None or self._keeper is None:
            return None
        try:
            return await self._keeper.entry_at(place)
        except JournalUnavailable:
            raise
        except Unavailable as error:
            log.error("evidence.unsigned", detail=str(error))
            return None

    async def _entries(self, results: Sequence[Accepted | Reused]) -> list[_Taken]:
        """One head is signed for all that is fresh. Where no key can sign, what is on disk is accepted all the same: its proof
        can be had later, with its receipt. Raises JournalUnavailable."""
        grown = next((logged for logged in map(_logged, results) if logged is not None), None)
        if self._keeper is None or grown is None:
            return [(one, None) for one in results]
        try:
            note = await self._keeper.sign(grown.before, grown.after)
        except JournalUnavailable:
            raise
        except Unavailable as error:
            log.error("evidence.unsigned", detail=str(error))
            return [(one, None) for one in results]
        return [(one, _entry(_logged(one), note)) for one in results]

    async def _commit(self, batch: Sequence[Admitted]) -> Sequence[_Taken]:
        started = time.perf_counter()
        results = await self._journal.accept(batch, self._clock(), self._ready_lease_s)
        metrics.COMMIT_S.observe(time.perf_counter() - started)
        metrics.COMMIT_BATCH.observe(len(batch))
        for admitted, result in zip(batch, results, strict=True):
            if isinstance(result, Accepted) and result.fresh:
                self._outbox.offer(result.ready)
                self._bell.ring(hop.recipient for hop in admitted.hops if hop.mode == "mailbox")
        return await self._entries(results)


def _logged(one: Accepted | Reused) -> Logged | None:
    return one.logged if isinstance(one, Accepted) else None


def _entry(logged: Logged | None, note: str) -> LogEntry | None:
    """`note`: the signed head of the tree that the transaction left behind."""
    if logged is None:
        return None
    return log_entry(logged.leaf, logged.place.salt, logged.place.index, logged.hashes, note)
