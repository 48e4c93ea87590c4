"""From recipients as the sender wrote them to hops: who really gets it and how. All or nothing, in the sender's order."""

import re
from collections.abc import Iterable
from datetime import date

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.errors import ContractError
from lgsp.core.directory import Agency, Directory
from lgsp.core.lanes import Mode, lane_of, shard_of

# Circular 01/2018/TT-VPCP art. 19: <agency>-<YYMMDD or YYYYMMDD>-<sequence>; the code may hold dashes, so read from the right.
_CASE_DAY = re.compile(r"-(\d{6}|\d{8})-\d{4,7}\Z")


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery to be: `recipient` is the directory's key, `addressed_as` what the sender wrote.

    `copy`: for a subscriber, not on the sender's list; it is no business of the sender's what becomes of it.
    """

    recipient: AgencyCode
    addressed_as: AgencyCode
    mode: Mode
    lane: int | None
    shard: int
    copy: bool = False


def case_day(case_number: str) -> date | None:
    """The day of receipt inside a case number; None when there is none to be read."""
    found = _CASE_DAY.search(case_number)
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 8 else "20" + found[1]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def code_day(envelope: Envelope) -> date:
    """The day by which codes are read: that of the case, since old cases keep numbers and partners of their time."""
    for identifier in envelope.identifiers:
        if identifier.scheme == "case" and (day := case_day(identifier.value)):
            return day
    return envelope.created_at.date()


def route(envelope: Envelope, directory: Directory, today: date, shards: int) -> tuple[Hop, ...]:
    """One hop per recipient. Two codes that lead to one agency make one hop.

    Raises ContractError "route.*" for the first recipient that cannot be resolved, with its field.
    """
    on = code_day(envelope)
    hops: dict[str, Hop] = {}
    for place, code in enumerate(envelope.recipients):
        agency = directory.resolve(code, on, today, f"/recipients/{place}")
        if agency.level == "hub":
            raise ContractError("route.unknown_recipient", f"/recipients/{place}", f"{code} is the hub itself")
        hops.setdefault(agency.code, _hop(agency, code, envelope.order_key, shards))
    return tuple(hops.values())


def copies(envelope: Envelope, hops: tuple[Hop, ...], directory: Directory, today: date, shards: int) -> tuple[Hop, ...]:
    """One hop more for every subscriber that is neither the sender nor among `hops`. Refuses nothing: a subscriber that is closed
    simply gets no copy. `envelope.sender` is the directory's key."""
    if not directory.subscribers:
        return ()
    spared = {envelope.sender, *(hop.recipient for hop in hops)}
    senders = _heirs_to([envelope.sender], directory, today)
    recipients = _heirs_to([hop.recipient for hop in hops], directory, today)
    return tuple(
        msgspec.structs.replace(_hop(agency, agency.code, envelope.order_key, shards), copy=True)
        for agency in directory.subscribers
        if agency.code not in spared
        and (agency.closed_on is None or agency.closed_on > today)
        and any(one.covers(envelope.kind, senders, recipients) for one in agency.subscriptions)
    )


def _heirs_to(codes: Iterable[str], directory: Directory, today: date) -> set[str]:
    """The codes, and those that they took over from."""
    return {name for code in codes for name in (code, *directory.predecessors(code, today))}


def _hop(agency: Agency, addressed_as: AgencyCode, order_key: str | None, shards: int) -> Hop:
    return Hop(
        recipient=agency.code,
        addressed_as=addressed_as,
        mode="mailbox" if agency.endpoint is None else "push",
        lane=lane_of(agency.code, order_key if agency.ordered else None),
        shard=shard_of(agency.code, shards),
    )
