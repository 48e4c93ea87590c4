"""`lgsp trace`: the timeline of one case, document, parcel or envelope over all agencies that the caller may see."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from lgsp.commands.client import HubClient, Profile, client_options, open_client
from lgsp.commands.common import Refused, json_option, print_json, print_table, run, say
from lgsp.commands.labels import clock, label

_NOT_OURS = "access.not_a_party"


@click.command(short_help="Dòng thời gian · What happened to a case or envelope.")
@json_option
@click.argument("identifier")
@client_options
def trace(profile: Profile, identifier: str, as_json: bool) -> None:
    """Dòng thời gian · Show what happened, and when, to everything that bears an identifier.

    IDENTIFIER is a case number, a parcel's or document's number, or one envelope as SENDER/MESSAGE_ID.
    """
    found = run(_trace(profile, identifier))
    if as_json:
        print_json(found)
        return
    for one in found["envelopes"]:
        _show(one["envelope"], one["events"])
    if found["truncated"]:
        say("Còn nữa · There is more: ask for an envelope by SENDER/MESSAGE_ID.", "yellow")


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


def _show(envelope: dict[str, Any], events: list[dict[str, Any]]) -> None:
    print_table(
        f"{envelope['kind']}  {envelope['sender']} -> {', '.join(envelope['recipients'])}  {envelope['message_id']}",
        ("Lúc · When", "Nơi nhận · Recipient", "Việc · What", "Lần · Attempt", "Lý do · Reason"),
        _rows(envelope, events),
    )


def _rows(envelope: dict[str, Any], events: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    recipients = {one["delivery_id"]: one["recipient"] for one in envelope["deliveries"]}
    for event in events:
        reason = ": ".join(part for part in (event.get("reason"), event.get("detail")) if part)
        recipient = event.get("recipient") or recipients.get(event.get("delivery_id"))
        yield clock(event["at"]), recipient, label(event["name"]), event.get("attempt"), reason
    for one in envelope["deliveries"]:
        if one.get("ended_at") is None:
            due = f"lần tới · next {clock(one['due_at'])}" if one.get("due_at") else ""
            yield "…", one["recipient"], label(one["state"]), None, due
