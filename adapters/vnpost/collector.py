"""The tracking feed of Vietnam Post, read once for all: every document becomes a postal.event for the agency of its contract.

The cursor is kept only once everything before it was submitted. What comes twice is the same envelope, octet for octet.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec

from adapters.answers import Answer, detail_of
from adapters.calling import Unanswered, deadline_in
from adapters.vnpost.client import Account, Client, account_of, check
from adapters.vnpost.messages import FIRST_ID, MAX_PAGE
from adapters.vnpost.tracking import Page, Tracked, next_id, overlapped, read_page, second_of, states_of
from contracts.agency import AgencyCode, agency_code
from contracts.desk import Desk
from contracts.envelope import Envelope, checked
from contracts.errors import ContractError
from contracts.feed import Collected, Feed, FeedTrouble
from contracts.kinds.postal import PostalEvent
from contracts.kinds.postal_codes import LegState

KIND = "postal.event/1"
_CUSTOMER = "customer."
_MAX_PAGE_BYTES = 16 * 2**20
_LONG_BYTES = 64 * 1024  # longer pages are read beside the event loop
_PAGES_A_ROUND = 5
_OVERLAP_S = 120
_REMEMBERED = 50  # documents that were refused, so that they are not refused again with each overlap


@dataclass(frozen=True, slots=True)
class Plan:
    """What the options say, checked."""

    account: Account
    agencies: Mapping[str, tuple[AgencyCode, ...]]  # CustomerCode -> who has the contract, several where they share it
    others: tuple[AgencyCode, ...]  # get what bears another CustomerCode; (): the post itself
    states: Mapping[int, LegState]
    page_size: int
    overlap_s: int
    customers: tuple[str, ...]  # asked for one by one; ("",): one feed for all


@dataclass(slots=True)
class _Round:
    taken: int = 0
    refused: int = 0
    more: bool = False
    trouble: list[FeedTrouble] = field(default_factory=list)


class VnpostTracking:
    def __init__(self) -> None:
        self._client = Client()

    async def collect(self, feed: Feed, desk: Desk) -> Collected:
        try:
            plan = plan_of(feed)
        except ValueError as error:
            raise FeedTrouble("delivery.internal", f"the feed is registered wrongly: {error}") from None
        found = _Round()
        for customer in plan.customers:
            try:
                await self._customer(plan, feed, desk, customer, found)
            except FeedTrouble as trouble:  # of this contract only; the others have their turn
                found.trouble.append(trouble)
        if found.trouble and (not found.taken or len(found.trouble) == len(plan.customers)):
            raise found.trouble[0]
        return Collected(taken=found.taken, refused=found.refused, more=found.more)

    async def close(self) -> None:
        await self._client.close()

    async def _customer(self, plan: Plan, feed: Feed, desk: Desk, customer: str, found: _Round) -> None:
        mark = f"tracking {customer}".strip()
        kept = await desk.mark(mark)
        known = set(filter(None, (await desk.mark(f"{mark} refused")).split(",")))
        after = overlapped(kept, plan.overlap_s) if kept else FIRST_ID
        for _ in range(_PAGES_A_ROUND):
            page = await self._page(plan, feed, customer, after)
            for document in page.documents:
                await self._take(plan, desk, document, found, known)
            await _remember(desk, mark, known)
            furthest = next_id(page.documents, after, desk.now())
            if furthest > (kept or FIRST_ID):
                await desk.set_mark(mark, furthest)
                kept = furthest
            if furthest <= after or page.returned < plan.page_size:
                return
            after = furthest
        found.more = True

    async def _page(self, plan: Plan, feed: Feed, customer: str, after: str) -> Page:
        query = {"pagesize": str(plan.page_size), "lastId": after, **({"CustomerCode": customer} if customer else {})}
        address = plan.account.address("tracking")
        url = f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
        answer = await self._client.get(plan.account, url, deadline_in(feed.timeout_s), _MAX_PAGE_BYTES)
        if len(answer.body) <= _LONG_BYTES:
            return _read(answer, plan.states)
        return await asyncio.to_thread(_read, answer, plan.states)

    async def _take(self, plan: Plan, desk: Desk, document: Tracked, found: _Round, known: set[str]) -> None:
        """What the hub would take later passes as an error, and comes again; what it never will is counted, and holds up
        nothing."""
        key = document.digest[:16]
        if key in known:
            return
        try:
            if document.event is None:
                raise ContractError("body.invalid", "", document.wrong)
            found.taken += await _submit(plan, desk, document, document.event)
        except ContractError as error:
            if error.problem.retryable:
                raise
            found.refused += 1
            known.add(key)


async def _submit(plan: Plan, desk: Desk, document: Tracked, event: PostalEvent) -> bool:
    """Whether it was new. An event that its agency cannot be sent goes to the others: it is not lost."""
    others = plan.others or (desk.caller,)
    recipients = plan.agencies.get(event.customer_code or "", others)
    try:
        return (await desk.submit(envelope_of(document, event, desk.caller, recipients))).fresh
    except ContractError as error:
        if error.code == "envelope.id_reused":  # taken before, when the table of states or of contracts was another
            return False
        if recipients == others or error.problem.retryable or not error.code.startswith(("route.", "grant.")):
            raise
    return (await desk.submit(envelope_of(document, event, desk.caller, others))).fresh


def envelope_of(document: Tracked, event: PostalEvent, post: AgencyCode, recipients: tuple[AgencyCode, ...]) -> Envelope:
    """The same for the same document. A document that was changed under its id is another envelope."""
    made_s = second_of(document.oid)
    name = document.oid if document.oid.isascii() and document.oid.isalnum() and len(document.oid) <= 50 else "doc"
    created_at = event.at if made_s is None else datetime.fromtimestamp(made_s, UTC)
    return checked(
        Envelope(
            message_id=f"pe-{name}-{document.digest[:12]}",
            sender=post,
            recipients=recipients,
            kind=KIND,
            created_at=created_at,
            body=msgspec.json.encode(event),
        )
    )


def check_feed(feed: Feed) -> None:
    """Raises ValueError, in words for whoever registers it."""
    check(feed.url, feed.secret, feed.options, _CUSTOMER, "status.", "others", "page_size", "overlap_s", "one_by_one")
    plan_of(feed)


def plan_of(feed: Feed) -> Plan:
    """Raises ValueError, naming the option."""
    options = feed.options
    agencies = {name.removeprefix(_CUSTOMER): _codes(name, text) for name, text in options.items() if name.startswith(_CUSTOMER)}
    one_by_one = options.get("one_by_one", "no") == "yes"
    return Plan(
        account=account_of(feed.url, feed.secret, options),
        agencies=agencies,
        others=_codes("others", options["others"]) if options.get("others") else (),
        states=states_of(options),
        page_size=_number(options, "page_size", MAX_PAGE, 1, MAX_PAGE),
        overlap_s=_number(options, "overlap_s", _OVERLAP_S, 0, 86_400),
        customers=tuple(agencies) if one_by_one and agencies else ("",),
    )


def _read(answer: Answer, states: Mapping[int, LegState]) -> Page:
    if answer.status == 204:
        return Page((), 0)
    if answer.status != 200:
        raise Unanswered("delivery.server_error", detail_of(answer))
    if not answer.whole or "Content-Encoding" in answer.headers:
        raise Unanswered("delivery.garbled_answer", "half a page, a packed one, or too large a one")
    try:
        return read_page(answer.body, states)
    except ValueError as error:
        raise Unanswered("delivery.garbled_answer", str(error)) from None


async def _remember(desk: Desk, mark: str, refused: set[str]) -> None:
    name, value = f"{mark} refused", ",".join(sorted(refused)[-_REMEMBERED:])
    if value != await desk.mark(name):
        await desk.set_mark(name, value)


def _codes(name: str, text: str) -> tuple[AgencyCode, ...]:
    """Raises ContractError, which is a ValueError."""
    return tuple(agency_code(code, f"option {name}") for code in text.split(","))


def _number(options: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = options.get(name, str(default)).strip()
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise ValueError(f"option {name}: {least} to {most}")
    return int(text)
