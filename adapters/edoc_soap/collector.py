"""Fetching what a bus of the e-doc generation has for bodies that the hub receives for there.

Documents wait until they are confirmed, so they are fetched, submitted, confirmed. Traces are handed out once and forgotten: the
answer is kept as it came, in a mark of the journal, before anybody looks into it, and let go once its records were submitted.
"""

import asyncio

from lxml import etree

from adapters.answers import Answer, detail_of, short
from adapters.calling import Caller, Unanswered, deadline_in
from adapters.edoc_soap import calls, mapping, salvage
from adapters.edoc_soap.calls import Partner, partners_of
from adapters.edoc_soap.outcomes import understood
from adapters.edoc_soap.report import found_in
from adapters.stuck import given_up
from contracts.desk import Desk
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.feed import Collected, Feed, FeedTrouble
from contracts.receipt import Refusal
from contracts.soap.message import Message

MAX_DOCUMENTS = 25  # of one body in one round
MAX_ROUND_BYTES = 64 * 2**20  # of files: a desk holds them until the round is over
MAX_ASKED = 100  # of one body in one round, those that are not given out included
MAX_SET_ASIDE = 500  # documents of one body that cannot be read are remembered
MAX_LIST_BYTES = 48 * 2**20
MAX_DOCUMENT_BYTES = 128 * 2**20
_LONG_BYTES = 64 * 1024


class EdocCollector:
    """One caller for all feeds; everything else lives in the journal and on the far side."""

    def __init__(self) -> None:
        self._caller = Caller()

    async def collect(self, feed: Feed, desk: Desk) -> Collected:
        try:
            partners = partners_of(feed.options, feed.secret)
        except ValueError as error:
            raise FeedTrouble("delivery.internal", f"the feed is registered wrongly: {error}") from None
        taken, refused, more = 0, 0, False
        for partner in partners:
            found = await _Round(self._caller, feed, partner, desk).run()
            taken, refused, more = taken + found.taken, refused + found.refused, more or found.more
        return Collected(taken, refused, more)

    async def close(self) -> None:
        await self._caller.close()


def check_feed(feed: Feed) -> None:
    """Raises ValueError, in words for whoever registers it."""
    partners_of(feed.options, feed.secret)


class _NotGiven(FeedTrouble):
    """Of one document; the others are asked for all the same."""


class _Round:
    """For one body."""

    def __init__(self, caller: Caller, feed: Feed, partner: Partner, desk: Desk) -> None:
        self._caller, self._feed, self._partner, self._desk = caller, feed, partner, desk
        self._taken = self._refused = self._bytes = 0
        self._kept_at = f"edoc.traces.{partner.organ_id}"
        self._stuck_at = f"edoc.stuck.{partner.organ_id}"
        self._aside_at = f"edoc.unreadable.{partner.organ_id}"

    async def run(self) -> Collected:
        """Trouble with the traces keeps no document waiting: not every bus of this generation hands any out."""
        trouble: FeedTrouble | None = None
        try:
            await self._traces()
        except Unanswered:
            raise
        except FeedTrouble as error:
            trouble = error
        more = await self._documents()
        if trouble is not None:
            raise trouble
        return Collected(self._taken, self._refused, more)

    async def _traces(self) -> None:
        await self._bring_in(await self._desk.mark(self._kept_at))
        answer = await self._ask(calls.asking("GetTraces", self._partner), MAX_LIST_BYTES)
        kept = await asyncio.to_thread(salvage.kept, answer)
        if kept:
            await self._desk.set_mark(self._kept_at, kept)
            await self._bring_in(kept)
        await _message(answer)

    async def _bring_in(self, kept: str) -> None:
        """Every record of an answer that was kept. Killed in between, all of them come again, which is harmless."""
        if not kept:
            return
        try:
            records = await asyncio.to_thread(_records_in, kept)
        except (ContractError, ValueError):
            await self._desk.set_mark(f"{self._kept_at}.unreadable", kept)
            await self._desk.set_mark(self._kept_at, "")
            raise FeedTrouble("delivery.garbled_answer", "traces that cannot be read; the answer was kept as a mark") from None
        received_on, before = mapping.day_of(self._desk.now()), self._refused
        for record in records:
            try:
                envelope = mapping.status_collected(record, self._desk.caller, received_on)
                await self._desk.submit(envelope)
            except ContractError as error:
                if error.problem.retryable:
                    raise
                self._refused += 1
            else:
                self._taken += 1
        if self._refused > before:  # nobody can be told: what was in them stays for people to look at
            await self._desk.set_mark(f"{self._kept_at}.refused", kept)
        await self._desk.set_mark(self._kept_at, "")

    async def _documents(self) -> bool:
        """Whether more of them wait than a round takes."""
        message = await _message(await self._ask(calls.asking("GetPendingDocumentIds", self._partner), MAX_LIST_BYTES))
        aside = {one.partition("=")[0] for one in (await self._desk.mark(self._aside_at)).split()}
        numbers = [number for number in calls.document_ids(message) if str(number) not in aside]
        trouble: FeedTrouble | None = None
        brought = 0
        for number in numbers[:MAX_ASKED]:
            if brought == MAX_DOCUMENTS or self._bytes > MAX_ROUND_BYTES:
                return True
            try:
                await self._document(number)
                brought += 1
            except FeedTrouble as error:
                if not isinstance(error, _NotGiven) and not await given_up(self._desk, self._stuck_at, str(number)):
                    raise
                trouble = trouble or error
        if trouble is not None:
            raise trouble
        return len(numbers) > MAX_ASKED

    async def _document(self, number: int) -> None:
        message = await self._given(number)
        try:
            sent = await asyncio.to_thread(self._read, message)
        except ContractError as error:
            await self._set_aside(number, error)
            return
        self._bytes += sum(len(file.octets) for file in sent.files)
        try:
            await self._submit(sent)
        except ContractError as error:
            if error.problem.retryable:
                raise
            if error.code != "envelope.id_reused" or not await self._held(sent.envelope):
                await self._tell(sent, error)
                self._refused += 1
        else:
            self._taken += 1
        await _message(await self._ask(calls.asking("ConfirmReceived", self._partner, number), MAX_LIST_BYTES))

    def _read(self, message: Message) -> mapping.Sent:
        return mapping.document_collected(message, self._partner.organ_id, self._desk.caller, mapping.day_of(self._desk.now()))

    async def _given(self, number: int) -> Message:
        answer = await self._ask(calls.asking("GetDocument", self._partner, number), MAX_DOCUMENT_BYTES)
        if len(answer.body) >= MAX_DOCUMENT_BYTES:
            raise _NotGiven("delivery.garbled_answer", f"document {number} is larger than {MAX_DOCUMENT_BYTES} bytes")
        message = await asyncio.to_thread(understood, answer)
        report = None if message is None else found_in(message.body)
        if report is not None and not report.success:
            raise _NotGiven("delivery.server_error", f"document {number}: {short(report.told())}")
        return _of(answer, message)

    async def _held(self, envelope: Envelope) -> bool:
        """Whether the hub has the document already, in other words: such a bus writes a document that it no longer has in its
        cache anew out of its tables. The files are the same then."""
        earlier = await self._desk.sent_one(envelope.message_id)
        return earlier is not None and earlier.envelope.attachments == envelope.attachments

    async def _submit(self, sent: mapping.Sent) -> None:
        for file in sent.files:
            await self._desk.keep(file.octets)
        await self._desk.submit(sent.envelope)

    async def _tell(self, sent: mapping.Sent, error: ContractError) -> None:
        """Status 02, refused, with the reason in both languages."""
        refusal = Refusal.of(error.code, error.field, error.detail)
        record = mapping.refusal_record(sent.packet, self._partner.organ_id, refusal, self._desk.now())
        await _message(await self._ask(calls.reporting(self._partner, record), MAX_LIST_BYTES))

    async def _set_aside(self, number: int, error: ContractError) -> None:
        """It stays where it is, unconfirmed, and is not fetched again: there is nobody to tell whose document cannot be read."""
        why = f"{number}={error.code}@{error.field}".replace(" ", "")
        aside = (await self._desk.mark(self._aside_at)).split()
        await self._desk.set_mark(self._aside_at, " ".join([*aside, why][-MAX_SET_ASIDE:]))
        self._refused += 1

    async def _ask(self, call: calls.Call, most: int) -> Answer:
        deadline = deadline_in(self._feed.timeout_s)
        answer = await self._caller.ask("POST", self._feed.url, call.body, call.headers, deadline=deadline, max_answer_bytes=most)
        return answer._replace(whole=answer.whole and len(answer.body) < most)


def _records_in(kept: str) -> list[etree._Element]:
    """Raises ContractError or ValueError for an answer that cannot be read."""
    pages = salvage.pages(*salvage.opened(kept))
    return [record for page in pages for record in calls.statuses(calls.read_answer(*page))]


async def _message(answer: Answer) -> Message:
    """The message of an answer that is no refusal, read beside the event loop where that takes its time. Raises FeedTrouble."""
    return _of(answer, await asyncio.to_thread(understood, answer) if len(answer.body) > _LONG_BYTES else understood(answer))


def _of(answer: Answer, message: Message | None) -> Message:
    """`message`: what was understood of the answer. Raises as `_message`."""
    if not answer.whole:
        raise FeedTrouble("delivery.garbled_answer", "the answer broke off")
    if message is None:
        reason = "delivery.garbled_answer" if 200 <= answer.status < 300 else "delivery.server_error"
        raise FeedTrouble(reason, detail_of(answer))
    fault = calls.fault_of(message)
    if fault is not None:
        raise FeedTrouble("delivery.server_error", short(fault[1]))
    report = found_in(message.body)
    if report is not None and not report.success:
        raise FeedTrouble(
            "delivery.server_error", short(report.told()) or "refused without a reason, as for a token it does not know"
        )
    return message
