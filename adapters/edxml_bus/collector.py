"""Fetching what the national bus has for the bodies of this hub: getReceivedEdocList, getEdoc, submit, updateStatus."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from adapters.answers import detail_of
from adapters.calling import Caller, Unanswered, deadline_in
from adapters.edxml_bus import answers, client
from adapters.stuck import given_up
from contracts.agency import AgencyCode
from contracts.desk import Desk, Sent
from contracts.edxml.envelopes import Incoming, envelope_of
from contracts.edxml.ids import sent_doc_id
from contracts.edxml.read import read
from contracts.edxml.when import VIETNAM, When
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.feed import Collected, Feed

MAX_TAKEN = 100  # of each message type in a round
MAX_PACKET_BYTES = 120 * 2**20
_MAX_LIST_BYTES = 8 * 2**20
_DEFAULT_PAGE = 100
_OPTIONS = ("systemid", "page_size")
_AGES_AGO = datetime.min.replace(tzinfo=UTC)

Data = TypeVar("Data")


def check_feed(feed: Feed) -> None:
    """Raises ValueError, in words for whoever registers it."""
    client.check(feed.url, feed.secret, feed.options, _OPTIONS)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round of collecting works with. `codes`: of every body in the directory."""

    feed: Feed
    account: client.Account
    desk: Desk
    codes: frozenset[str]


class BusCollector:
    """Options of its feed: `systemid` (needed), `page_size`; README. A packet stays on the bus's list until it is set to done or
    fail, so the list itself is the cursor and nothing has to be remembered."""

    def __init__(self, clock: Callable[[], datetime] = _utc_now) -> None:
        self._clock = clock
        self._caller = Caller()

    async def collect(self, feed: Feed, desk: Desk) -> Collected:
        listed = await desk.agencies()
        codes = frozenset(code for one in listed for code in (one.code, *one.other_codes)) - desk.caller_codes
        this = _Round(feed, client.account(feed.url, feed.secret, feed.options), desk, codes)
        documents = await self._collect(this, "edoc")
        statuses = await self._collect(this, "status")
        return Collected(documents.taken + statuses.taken, documents.refused + statuses.refused, documents.more or statuses.more)

    async def close(self) -> None:
        await self._caller.close()

    async def _collect(self, this: _Round, message_type: str) -> Collected:
        rows = await self._list(this, message_type)
        taken = refused = 0
        for row in rows[:MAX_TAKEN]:
            try:
                outcome = await self._take(this, row)
            except Unanswered:
                if not await given_up(this.desk, "edxml_bus.stuck", row.doc_id):
                    raise
                outcome = None
            taken, refused = taken + (outcome is True), refused + (outcome is False)
        there_is_more = len(rows) >= _page_size(this.feed)
        return Collected(taken, refused, more=there_is_more and taken + refused > 0)

    async def _list(self, this: _Round, message_type: str) -> Sequence[answers.Row]:
        parameters = {
            "servicetype": "eDoc",
            "messagetype": message_type,
            "pageSize": str(_page_size(this.feed)),
            "pageIndex": "1",
        }
        operation = client.Operation("getReceivedEdocList", parameters, max_answer_bytes=_MAX_LIST_BYTES)
        said = await self._said(this, operation)
        _expect_well(operation, said)
        rows = await _decoded(said, list[answers.Row], operation.name)
        once = {row.doc_id: row for row in rows}
        return sorted(once.values(), key=_created)

    async def _take(self, this: _Round, row: answers.Row) -> bool | None:
        """Fetch, submit, confirm. False: the hub will not have it, which the bus is told; None: the bus does not hand it out now,
        and the others need not wait for it."""
        operation = client.Operation("getEdoc", {"docId": row.doc_id}, max_answer_bytes=MAX_PACKET_BYTES * 4 // 3 + 65536)
        said = await self._said(this, operation)
        if not said.well:
            return None
        encoded = await _decoded(said, str, operation.name)
        try:
            incoming = await asyncio.to_thread(_read, encoded, this.desk.caller, this.desk.now())
            await _submit(this.desk, _for_ours(incoming, row, this.codes))
        except ContractError as error:
            if error.problem.retryable:
                raise
            await self._update(this, row, "fail")
            return False
        await self._update(this, row, "done")
        return True

    async def _update(self, this: _Round, row: answers.Row, state: str) -> None:
        operation = client.Operation("updateStatus", {"docId": row.doc_id, "status": state})
        _expect_well(operation, await self._said(this, operation))

    async def _said(self, this: _Round, operation: client.Operation) -> answers.Said:
        """Raises Unanswered for what is not in the bus's grammar; what is too large is not well, for it will be no smaller."""
        answer = await client.ask(self._caller, this.account, operation, self._clock(), deadline_in(this.feed.timeout_s))
        if len(answer.body) >= operation.max_answer_bytes:
            return answers.Said(status="FAIL", text=f"{operation.max_answer_bytes} bytes or more")
        said = await asyncio.to_thread(answers.said_of, answer)
        if said is None:
            reason = "delivery.garbled_answer" if 200 <= answer.status < 300 else "delivery.server_error"
            about = " ".join((operation.name, operation.parameters.get("docId", ""))).strip()
            raise Unanswered(reason, f"{about}: {detail_of(answer)}")
        return said


async def _submit(desk: Desk, incoming: Incoming) -> None:
    """The bus hands out one packet for each addressee of a document, and the hops that it writes into them may differ: a document
    that is here already is submitted again to those only who have not got it."""
    for file in incoming.files:
        await desk.keep(file.octets)
    try:
        await desk.submit(incoming.envelope)
        return
    except ContractError as error:
        earlier = await desk.sent_one(incoming.envelope.message_id) if error.code == "envelope.id_reused" else None
        if earlier is None or not await asyncio.to_thread(_same, earlier.envelope, incoming.envelope):
            raise
    rest = _for_the_rest(incoming.envelope, earlier)
    if rest is not None:
        await desk.submit(rest)


def _same(earlier: Envelope, envelope: Envelope) -> bool:
    """Whatever stands in their traces. Of one that was erased only its identity is left."""
    if not earlier.body:
        return True
    return earlier.attachments == envelope.attachments and read(earlier.body).header == read(envelope.body).header


def _for_the_rest(envelope: Envelope, earlier: Sent) -> Envelope | None:
    served = {code for one in earlier.deliveries for code in (one.recipient, one.addressed_as)}
    left = tuple(code for code in envelope.recipients if code not in served)
    return replace(envelope, recipients=left, message_id=sent_doc_id(envelope.message_id, *sorted(left))) if left else None


def _for_ours(incoming: Incoming, row: answers.Row, codes: frozenset[str]) -> Incoming:
    """The addressees that this hub knows; where there are none the hub says why."""
    named = (*incoming.envelope.recipients, *((AgencyCode(row.to),) if row.to else ()))
    ours = tuple(dict.fromkeys(code for code in named if code in codes))
    return replace(incoming, envelope=replace(incoming.envelope, recipients=ours)) if ours else incoming


def _read(encoded: str, sender: AgencyCode, now: datetime) -> Incoming:
    """`encoded`: base64, in lines or not; one that begins like XML is a packet in the clear. Raises ContractError."""
    if encoded.lstrip().startswith("<"):
        octets = encoded.encode("utf-8", "replace")
    else:
        try:
            octets = base64.b64decode(encoded.encode(), altchars=b"+/")
        except (binascii.Error, UnicodeEncodeError):
            raise ContractError("body.malformed", "/data", "getEdoc: not in base64") from None
    return envelope_of(octets, sender=sender, received_on=now.astimezone(VIETNAM).date())


def _created(row: answers.Row) -> datetime:
    return When(row.created_time or "").at or _AGES_AGO


def _page_size(feed: Feed) -> int:
    text = feed.options.get("page_size", "")
    return min(int(text), MAX_TAKEN) if text.isascii() and text.isdigit() and int(text) > 0 else _DEFAULT_PAGE


def _expect_well(operation: client.Operation, said: answers.Said) -> None:
    if not said.well:
        raise Unanswered("delivery.server_error", f"{operation.name}: {said}")


async def _decoded(said: answers.Said, made: type[Data], operation: str) -> Data:
    try:
        return await asyncio.to_thread(msgspec.json.decode, said.data, type=made)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unanswered("delivery.garbled_answer", f"{operation}: its data cannot be read") from None
