"""`lgsp trace`: the timeline of one case, document, parcel or envelope, over all agencies that the caller may see."""

import sys
from collections.abc import Iterator
from datetime import datetime
from getpass import getuser
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import msgspec

from lgsp.commands.agency import in_store
from lgsp.commands.client import HubClient, Identity, Profile, identity_options, open_client
from lgsp.commands.common import Failed, Invocation, Refused, json_option, print_json, print_table, run, say
from lgsp.commands.labels import label

if TYPE_CHECKING:
    from lgsp.ports import EnvelopeRecord, Event, Store

_NOT_OURS = "access.not_a_party"
_MAX_SHOWN = 1000  # envelopes
_COLUMNS = (
    "Lúc · When",
    "Loại · Kind",
    "Từ → đến · From → to",
    "Việc · What",
    "Lần · Attempt",
    "Lý do · Reason",
)


@click.command(short_help="Dòng thời gian · What happened to a case or envelope.")
@json_option
@click.argument("identifier")
@click.option(
    "--all", "over_all", is_flag=True, help="Over all agencies, from the hub's own journal: for operators and auditors."
)
@identity_options
@click.pass_obj
def trace(invocation: Invocation, identity: Identity, identifier: str, over_all: bool, as_json: bool) -> None:
    """Dòng thời gian · Show what happened, and when, to everything that bears an identifier.

    IDENTIFIER is the number of a case, parcel or document, or one envelope as SENDER/MESSAGE_ID. An agency sees what it sent
    or received. With --all the journal is read here, at the hub, as `lgsp agency` does, without a client id; who looked at what
    becomes a line of the log on standard error.
    """
    found = _inspect(invocation, identifier) if over_all else run(_trace(identity.profile(), identifier))
    if as_json:
        print_json(found)
        return
    print_table(identifier, _COLUMNS, rows(found["envelopes"]))
    if found["truncated"]:
        say("Còn nữa · There is more: ask for an envelope by SENDER/MESSAGE_ID.", "yellow")


def rows(envelopes: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """Everything that happened, in the order in which it did, and below it what is still to come."""
    events = [(event, one["envelope"]) for one in envelopes for event in one["events"]]
    events.sort(key=lambda pair: (datetime.fromisoformat(pair[0]["at"]), pair[0]["event_id"]))
    open_ones = (row for one in envelopes for row in _still_open(one["envelope"]))
    return [*(_row(event, envelope) for event, envelope in events), *open_ones]


def _row(event: dict[str, Any], envelope: dict[str, Any]) -> tuple[object, ...]:
    ways = {one["delivery_id"]: _way(envelope, one) for one in envelope["deliveries"]}
    way = ways.get(event.get("delivery_id")) or f"{envelope['sender']} → {', '.join(envelope['recipients'])}"
    reason = ": ".join(part for part in (event.get("reason"), event.get("detail")) if part)
    return _moment(event["at"]), envelope["kind"], way, label(event["name"]), event.get("attempt"), reason


def _still_open(envelope: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    for one in envelope["deliveries"]:
        if one.get("ended_at") is None:
            due = f"lần tới · next {_moment(one['due_at'])}" if one.get("due_at") else ""
            yield "…", envelope["kind"], _way(envelope, one), label(one["state"]), None, due


def _way(envelope: dict[str, Any], delivery: dict[str, Any]) -> str:
    mark = " (bản sao · copy)" if delivery.get("copy") else ""
    return f"{envelope['sender']} → {delivery['recipient']}{mark}"


def _moment(text: str) -> str:
    """Local date and time to the second, with the zone: evidence is read elsewhere."""
    return datetime.fromisoformat(text).astimezone().isoformat(sep=" ", timespec="seconds")


async def _trace(profile: Profile, identifier: str) -> dict[str, Any]:
    async with open_client(profile) as hub:
        try:
            found: dict[str, Any] = await hub.get(f"/v1/cases/{quote(identifier, safe='')}")
            return found
        except Refused as refused:
            sender, slash, message_id = identifier.partition("/")
            if refused.problem["code"] != _NOT_OURS or not slash:
                raise
        return await _envelope(hub, sender, message_id, identifier)


async def _envelope(hub: HubClient, sender: str, message_id: str, identifier: str) -> dict[str, Any]:
    path = f"/v1/envelopes/{quote(sender, safe='')}/{quote(message_id, safe='')}"
    envelope = await hub.get(path)
    timeline = await hub.get(path + "/timeline")
    return {"identifier": identifier, "envelopes": [{"envelope": envelope, "events": timeline["events"]}], "truncated": False}


def _inspect(invocation: Invocation, identifier: str) -> dict[str, Any]:
    """In the form of the hub's own answer, of all agencies. Leaves a line in the log, also when nothing is found."""
    from lgsp import log
    from lgsp.http.status import status_of

    records, events = in_store(invocation.settings(), lambda store: _look_up(store, identifier))
    log.configure("auto", "info", stream=sys.stderr)
    log.get_logger().info("case.inspected", identifier=identifier, operator=getuser(), envelopes=len(records))
    if not records:
        raise Failed(
            f"Nothing in the journal bears {identifier}.", "give a number as it stands in the case, or SENDER/MESSAGE_ID"
        )
    shown = records[-_MAX_SHOWN:]
    envelopes = [
        {"envelope": status_of(one, one.deliveries), "events": [event for event in events if event.sequence == one.sequence]}
        for one in shown
    ]
    found = {"identifier": identifier, "envelopes": envelopes, "truncated": len(records) > len(shown)}
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain


async def _look_up(store: "Store", identifier: str) -> tuple[list["EnvelopeRecord"], list["Event"]]:
    """Reads only. Oldest envelope first; of too many the newest."""
    from contracts.agency import AgencyCode

    records = await store.find_case(identifier, None, _MAX_SHOWN + 1)
    sender, slash, message_id = identifier.partition("/")
    if not records and slash:
        one = await store.envelope(AgencyCode(sender), message_id)
        records = [] if one is None else [one]
    return records, await store.timeline(*(record.sequence for record in records))
