"""Who is connected: agencies, their codes over time, what they may send, where they want their deliveries. One frozen value,
replaced as a whole when its version changes; a message is decided against one version."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Literal

import msgspec

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.errors import ContractError
from contracts.feed import Feed
from lgsp.core.quota import Quota
from lgsp.core.signers import Signer

Level = Literal["hub", "national", "ministry", "province", "department", "district", "commune", "post", "enterprise", "other"]


class Alias(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another code of the same agency, from one day to another (both included); open ends are None."""

    code: AgencyCode
    valid_from: date | None = None
    valid_to: date | None = None
    name: str = ""  # of the body that bears it, where it is not the agency itself but one that its system works for

    def is_valid(self, on: date) -> bool:
        return (self.valid_from or date.min) <= on <= (self.valid_to or date.max)


class Grant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agency may send and to whom. `kinds` are names, "case.*" or "*"; `recipients` are codes or "*";
    a code also stands for who succeeded it."""

    kinds: tuple[str, ...]
    recipients: tuple[str, ...] = ("*",)

    def covers_kind(self, kind: str) -> bool:
        name = kind.partition("/")[0]
        return any(g in ("*", name) or (g.endswith(".*") and name.startswith(g[:-1])) for g in self.kinds)

    def covers_recipient(self, code: str) -> bool:
        return "*" in self.recipients or code in self.recipients


class Subscription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A standing wish for copies, granted by the operator: whatever is sent of these kinds, by one of these senders, to one of
    these recipients. `kinds` as in a grant; codes or "*"; a code also stands for who succeeded it."""

    kinds: tuple[str, ...]
    senders: tuple[str, ...] = ("*",)
    recipients: tuple[str, ...] = ("*",)

    def covers(self, kind: str, senders: Collection[str], recipients: Collection[str]) -> bool:
        """`senders`, `recipients`: every code that stands for them, with those of their predecessors."""
        return Grant(kinds=self.kinds).covers_kind(kind) and _meets(self.senders, senders) and _meets(self.recipients, recipients)


def _fits(pattern: str, code: str) -> bool:
    return code == pattern or (pattern.endswith("*") and code.startswith(pattern[:-1]))


def _meets(wanted: tuple[str, ...], codes: Collection[str]) -> bool:
    return "*" in wanted or any(code in codes for code in wanted)


class Agency(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`code` is the immutable key in this hub; the world's other codes for it are aliases. A reform closes an agency and names
    its successors; nothing is ever deleted, because cases of its time go on."""

    code: AgencyCode
    name_vi: str
    name_en: str = ""
    level: Level = "other"
    parent: AgencyCode | None = None
    aliases: tuple[Alias, ...] = ()
    closed_on: date | None = None  # first day on which it does not exist any more
    successors: tuple[AgencyCode, ...] = ()
    grants: tuple[Grant, ...] = ()
    endpoint: Endpoint | None = None  # None: deliveries wait in the mailbox
    feed: Feed | None = None  # what its system has for others, the hub fetches there
    carries: tuple[str, ...] = ()  # codes, or their beginnings ("G*"), of bodies that are reached through it: it is another bus
    may_register: bool = False  # bodies that its system works for, as aliases of its own
    ordered: bool = True  # False: the recipient declares that it wants no order
    wants_status: Literal["none", "failures", "all"] = "failures"  # delivery.status envelopes from the hub
    subscriptions: tuple[Subscription, ...] = ()
    signers: tuple[Signer, ...] = ()  # who signs for it
    quota: Quota | None = None  # of what it sends; None: the hub's default


class Directory:
    """A snapshot, found by any code. `version` goes into what is decided with it; `subscribers` have a standing wish for copies,
    `feeding` ones are polled.
    Of many agencies making one takes a while, asking it does not."""

    def __init__(self, version: int, agencies: Iterable[Agency]) -> None:
        self.version = version
        self.agencies: Mapping[str, Agency] = MappingProxyType({agency.code: agency for agency in agencies})
        self.subscribers = tuple(agency for agency in self.agencies.values() if agency.subscriptions)
        self.feeding = tuple(agency for agency in self.agencies.values() if agency.feed is not None and agency.feed.enabled)
        self._by_alias: dict[str, list[tuple[Alias, Agency]]] = {}
        self._left_to: dict[str, list[Agency]] = {}  # by the only successor they name
        self._carriers = [(pattern, agency) for agency in self.agencies.values() for pattern in agency.carries]
        self._carriers.sort(key=lambda one: len(one[0]), reverse=True)
        for agency in self.agencies.values():
            for alias in agency.aliases:
                self._by_alias.setdefault(alias.code, []).append((alias, agency))
            if len(agency.successors) == 1:
                self._left_to.setdefault(agency.successors[0], []).append(agency)

    def known_as(self, code: str, on: date) -> Agency | None:
        """The agency that bore this code on that day: its own code first, else a valid alias, else an alias of any time."""
        own = self.agencies.get(code)
        if own is not None:
            return own
        bearers = self._by_alias.get(code, ())
        for alias, agency in bearers:
            if alias.is_valid(on):
                return agency
        return bearers[0][1] if len(bearers) == 1 else None

    def carrier(self, code: str) -> Agency | None:
        """The other bus through which a body is reached that this directory does not know; the longest pattern wins."""
        return next((agency for pattern, agency in self._carriers if _fits(pattern, code)), None)

    def is_free_for(self, agency: str, code: str, today: date) -> bool:
        """Whether the agency may give this code to a body of its own: no other bears it, or will, and it is none of those reached
        through another bus. What reaches all codes that nobody has ("*") leaves them free."""
        known = self.known_as(code, today)
        if known is not None:
            return known.code == agency
        if any(one.code != agency and (alias.valid_to or date.max) >= today for alias, one in self._by_alias.get(code, ())):
            return False
        return next((one.code == agency for pattern, one in self._carriers if pattern != "*" and _fits(pattern, code)), True)

    def predecessors(self, code: str, today: date) -> set[str]:
        """Agencies closed by `today` whose recipient this one is now, directly or through others. As in `resolve`, a split leads
        nowhere."""
        found: set[str] = set()
        ahead = [code]
        while ahead:
            for agency in self._left_to.get(ahead.pop(), ()):
                if agency.closed_on is not None and agency.closed_on <= today and agency.code not in found:
                    found.add(agency.code)
                    ahead.append(agency.code)
        return found

    def resolve(self, code: str, on: date, today: date, field: str = "") -> Agency:
        """The living agency behind a code: aliases by `on`, the day of the case; who carries it; then successors as of `today`.

        Raises ContractError "route.unknown_recipient", "route.recipient_closed" or "route.ambiguous_successor".
        """
        agency = self.known_as(code, on) or self.carrier(code)
        if agency is None:
            raise ContractError("route.unknown_recipient", field, code)
        seen = {agency.code}
        while agency.closed_on is not None and agency.closed_on <= today:
            heirs = agency.successors
            if not heirs:
                raise ContractError("route.recipient_closed", field, agency.code)
            if len(heirs) > 1:
                raise ContractError("route.ambiguous_successor", field, f"{agency.code} -> {', '.join(heirs[:20])}")
            heir = self.agencies.get(heirs[0])
            if heir is None or heir.code in seen:
                raise ContractError("route.recipient_closed", field, agency.code)
            seen.add(heir.code)
            agency = heir
        return agency
