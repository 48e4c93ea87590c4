"""`lgsp mailbox`: what waits for an agency that pulls."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from lgsp.commands.client import HubClient, Profile, client_options, open_client
from lgsp.commands.common import Failed, json_option, print_json, print_table, run, run_until_stopped, say
from lgsp.commands.labels import clock, label

LONG_POLL_S = 25.0
_LOOK_AGAIN_S = 2.0
_PAGE = 1000
_COLUMNS = ("Id", "Tiếp nhận · Accepted", "Nơi gửi · Sender", "Loại · Kind", "Order key", "Bytes", "Message id")


@click.command(short_help="Hộp thư · List, fetch and acknowledge what waits.")
@json_option
@click.option("--fetch", "fetch_id", type=int, metavar="ID", help="Print one delivery with its envelope.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="With --fetch: write the body alone into this file."
)
@click.option(
    "--ack", "ack_ids", type=int, multiple=True, metavar="ID", help="Say that a delivery is safe; it leaves the mailbox."
)
@click.option("--refuse", "refuse_ids", type=int, multiple=True, metavar="ID", help="Say that a delivery is refused.")
@click.option("--reason", default="", help="With --refuse: why, for the sender.")
@click.option("--follow", is_flag=True, help="Go on, and show what comes as it comes; Ctrl-C ends it.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Entries in one listing.")
@client_options
def mailbox(
    profile: Profile,
    as_json: bool,
    fetch_id: int | None,
    output: Path | None,
    ack_ids: tuple[int, ...],
    refuse_ids: tuple[int, ...],
    reason: str,
    follow: bool,
    limit: int,
) -> None:
    """Hộp thư · List what waits for the agency, fetch it, acknowledge it.

    \b
      lgsp mailbox --as H01.102
      lgsp mailbox --as H01.102 --fetch 7 --output hoso.json
      lgsp mailbox --as H01.102 --ack 7 --ack 8
    """
    if ack_ids or refuse_ids:
        run(_acknowledge(profile, ack_ids, refuse_ids, reason, as_json))
    elif fetch_id is not None:
        run(_fetch(profile, fetch_id, output))
    elif follow:
        run_until_stopped(_follow(profile, as_json))
    else:
        run(_list(profile, limit, as_json))


async def _list(profile: Profile, limit: int, as_json: bool) -> None:
    async with open_client(profile) as hub:
        page = await hub.get("/v1/mailbox", limit=limit)
        if not page["entries"]:
            await tell_of_push(hub)
    if as_json:
        print_json(page)
    elif page["entries"]:
        print_table("", _COLUMNS, (_row(entry) for entry in page["entries"]))
    else:
        say("Hộp thư trống · The mailbox is empty.")


async def _follow(profile: Profile, as_json: bool) -> None:
    async with open_client(profile) as hub:
        await tell_of_push(hub)
        async for entry in arrivals(hub, _LOOK_AGAIN_S):
            if as_json:
                print_json(entry, indent=False)
            else:
                say("  ".join(str(cell) for cell in _row(entry) if cell is not None))


async def tell_of_push(hub: HubClient) -> None:
    """Says on standard error why a mailbox will stay empty: who looks into it may have forgotten the agency's endpoint."""
    code = hub.profile.agency
    if code is None:
        return
    told = await hub.get(f"/v1/agencies/{quote(code, safe='')}")
    if told["delivery"] == "push":
        where = told.get("receives_at", "its endpoint")
        text = f"{code} nhận trực tiếp tại {where}; không có gì vào hộp thư\n{code} receives by push at {where}; "
        click.secho(text + "nothing comes into its mailbox", fg="yellow", err=True)


async def arrivals(hub: HubClient, look_again_s: float) -> AsyncIterator[dict[str, Any]]:
    """What waits, then what comes, each once; without end. A long poll only while nothing waits: else it answers at once."""
    shown: set[int] = set()
    while True:
        entries = await waiting(hub, 0 if shown else LONG_POLL_S)
        for entry in entries:
            if entry["delivery_id"] not in shown:
                yield entry
        shown = {entry["delivery_id"] for entry in entries}
        if shown:
            await asyncio.sleep(look_again_s)


async def waiting(hub: HubClient, wait_s: float) -> list[dict[str, Any]]:
    """All that waits, page by page from the oldest on; when nothing does, waits so long for the first."""
    page = await hub.get("/v1/mailbox", limit=_PAGE, wait_s=wait_s)
    entries: list[dict[str, Any]] = page["entries"]
    while page["next_after"] is not None:
        page = await hub.get("/v1/mailbox", limit=_PAGE, after=page["next_after"])
        entries += page["entries"]
    return entries


async def _fetch(profile: Profile, delivery_id: int, output: Path | None) -> None:
    async with open_client(profile) as hub:
        if output is None:
            print_json(await hub.get(f"/v1/mailbox/{delivery_id}"))
            return
        octets = await hub.octets("GET", f"/v1/mailbox/{delivery_id}/body")
    try:
        output.write_bytes(octets)  # noqa: ASYNC240 - the only task there is
    except OSError as error:
        raise Failed(f"{output}: {error.strerror}", "name another file; the delivery is still in the mailbox") from None
    say(f"{len(octets)} bytes -> {output}")


async def _acknowledge(
    profile: Profile, ack_ids: tuple[int, ...], refuse_ids: tuple[int, ...], reason: str, as_json: bool
) -> None:
    items: list[dict[str, Any]] = [{"delivery_id": one} for one in ack_ids]
    items += [{"delivery_id": one, "result": "refused", "reason": reason} for one in refuse_ids]
    async with open_client(profile) as hub:
        results = await acknowledge(hub, items)
    foreign = any(one["state"] is None for one in results)
    if not as_json:
        for one in results:
            state = label(one["state"]) if one["state"] else "không phải của cơ quan này · not a delivery to this agency"
            say(f"{one['delivery_id']}  {state}", None if one["state"] else "red")
    elif not foreign:
        print_json({"results": results})
    if foreign:
        said = {"results": results}
        raise Failed("Some of these are no deliveries to this agency.", "see `lgsp mailbox` for the ids", more=said)


async def acknowledge(hub: HubClient, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One result for each item, in the same order."""
    answer = await hub.post("/v1/mailbox/acknowledge", {"items": items})
    results: list[dict[str, Any]] = answer["results"]
    return results


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    return (
        entry["delivery_id"],
        clock(entry["accepted_at"]),
        entry["sender"],
        entry["kind"],
        entry.get("order_key"),
        entry["body_bytes"],
        entry["message_id"],
    )
