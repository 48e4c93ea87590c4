"""`lgsp listen`: a mailbox becomes a webhook on the developer's machine, without an address that the hub could reach."""

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lgsp.commands.client import HubClient, Profile, client_options, open_client
from lgsp.commands.common import Failed, json_option, print_json, run_until_stopped, say
from lgsp.commands.mailbox import LONG_POLL_S, acknowledge, tell_of_push, waiting

if TYPE_CHECKING:
    import aiohttp

_TIMEOUT_S = 30.0
_PAUSE_S = 2.0  # before what failed is tried again


class Hook(NamedTuple):
    """Where to forward to; without keys nothing is signed."""

    url: str
    keys: tuple[bytes, ...]


@click.command(short_help="Chuyển hộp thư về máy mình · The mailbox as a local webhook.")
@json_option
@click.option(
    "--forward-to", required=True, metavar="URL", help="Where to POST each delivery, such as http://localhost:3000/hook."
)
@click.option("--secret", envvar="LGSP_WEBHOOK_SECRET", help="Sign as a push is signed: whsec_ and base64.")
@click.option("--once", is_flag=True, help="End when the mailbox is empty, or with status 1 when everything left in it failed.")
@client_options
def listen(profile: Profile, forward_to: str, secret: str | None, once: bool, as_json: bool) -> None:
    """Chuyển hộp thư về máy mình · Forward each delivery of the mailbox to a local URL, in the form of a push.

    A 2xx acknowledges the delivery. Anything else leaves it in the mailbox, and it is tried again; later ones with the same order
    key wait for it. Ctrl-C ends it.
    """
    from adapters.webhook.mapping import keys_of

    try:
        keys = keys_of(secret or "")
    except ValueError as error:
        raise click.UsageError(f"--secret: {error}") from None
    if run_until_stopped(_listen(profile, Hook(forward_to, keys), once, as_json)):
        raise Failed("Not every delivery was taken; those are still in the mailbox.", f"what does {forward_to} say about them?")


async def _listen(profile: Profile, hook: Hook, once: bool, as_json: bool) -> bool:
    """With `once`: whether any delivery was not taken in the end."""
    import aiohttp

    async with open_client(profile) as hub, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as local:
        if not as_json:
            say(f"{profile.url} -> {hook.url}", "cyan")
        await tell_of_push(hub)
        failed = False
        while True:
            entries = await waiting(hub, 0 if once or failed else LONG_POLL_S)
            passed, failed = await _forward_all(hub, local, hook, entries, as_json)
            if once and not passed:
                return failed
            if failed:
                await asyncio.sleep(_PAUSE_S if not once else 0)


async def _forward_all(
    hub: HubClient, local: "aiohttp.ClientSession", hook: Hook, entries: list[dict[str, Any]], as_json: bool
) -> tuple[int, bool]:
    """How many were taken, and whether any was not."""
    held: set[str] = set()
    passed, failed = 0, False
    for entry in entries:
        if entry.get("order_key") in held:
            continue
        status = await _forward(hub, local, hook, entry["delivery_id"])
        taken = isinstance(status, int) and 200 <= status < 300
        if taken:
            await acknowledge(hub, [{"delivery_id": entry["delivery_id"]}])
            passed += 1
        else:
            failed = True
            if entry.get("order_key"):
                held.add(entry["order_key"])
        _show(entry, status, taken, as_json)
    return passed, failed


async def _forward(hub: HubClient, local: "aiohttp.ClientSession", hook: Hook, delivery_id: int) -> int | str:
    """The status of the answer, or why there was none."""
    import aiohttp

    from adapters.webhook.mapping import signature_of

    octets = await hub.octets("GET", f"/v1/mailbox/{delivery_id}")
    webhook_id, timestamp = f"dlv_{delivery_id}", str(int(time.time()))
    headers = {"Content-Type": "application/json", "webhook-id": webhook_id, "webhook-timestamp": timestamp}
    if hook.keys:
        headers["webhook-signature"] = signature_of(webhook_id, timestamp, octets, hook.keys)
    try:
        async with local.post(hook.url, data=octets, headers=headers) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return str(error) or type(error).__name__


def _show(entry: dict[str, Any], status: int | str, taken: bool, as_json: bool) -> None:
    if as_json:
        print_json(
            {"delivery_id": entry["delivery_id"], "kind": entry["kind"], "status": status, "acknowledged": taken}, indent=False
        )
        return
    verdict = "đã nhận · acknowledged" if taken else "vẫn trong hộp thư · stays in the mailbox"
    when = datetime.now().astimezone().strftime("%H:%M:%S")
    say(
        f"{when}  {entry['delivery_id']}  {entry['kind']}  {entry['sender']}  ->  {status}  {verdict}",
        "green" if taken else "red",
    )
