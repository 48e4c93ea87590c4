"""`lgsp log vkey` and `lgsp log restart`: the key that others know the log by, and a new log where the old one is lost."""

from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Any

import click

from lgsp.commands.common import Failed, json_option, print_json, run, say, with_settings
from lgsp.commands.log import log

if TYPE_CHECKING:
    from lgsp.flow.head_file import SignedHead
    from lgsp.settings import Settings


@log.command()
@json_option
@with_settings
def vkey(settings: "Settings", as_json: bool) -> None:
    """Khóa của nhật ký · Print the public keys of the log (vkey, C2SP signed-note): the one that signs, then those that did.

    Witnesses and auditors are given the first one; the same lines stand at GET /log/vkey.
    """
    from lgsp.bootstrap.keys import hub_keys

    origin = run(_origin(settings))
    keys = hub_keys(settings)
    found = [one.vkey for one in keys.log_verifiers(origin)]
    keys.close()
    if as_json:
        print_json({"origin": origin, "vkeys": found})
    else:
        for one in found:
            click.echo(one)


@log.command()
@json_option
@click.option("--because", required=True, help="Why, in a sentence without personal data; it stands in the new log for ever.")
@with_settings
def restart(settings: "Settings", because: str, as_json: bool) -> None:
    """Mở nhật ký mới · Begin a new log where the journal no longer continues what was signed, and never will.

    Only when what came after the restored backup is truly lost: everybody can see that the old log was given up, and why. The new
    one has another name (<log_origin>/2, /3 ...) and begins with the entries that are left; its next entry names the head that
    was signed last. Tell witnesses and auditors the new key: lgsp log vkey. Stop the hub first.
    """
    told = run(_restarted(settings, because))
    from lgsp.commands.trust import audit_log

    audit_log().warning("log.restarted", origin=told["origin"], size=told["size"], operator=getuser(), detail=because)
    if as_json:
        print_json(told)
        return
    say(f"Nhật ký mới · New log: {told['origin']}, {told['size']} entries", "green")
    say(f"Nhật ký cũ · Old log: {told['old_origin']}, signed up to {told['old_size']} entries")
    say("Tiếp theo · Next: lgsp log vkey, for witnesses and auditors; then start the hub.")


async def _origin(settings: "Settings") -> str:
    from lgsp.bootstrap.stores import open_store

    async with open_store(settings) as store:
        return await store.log_origin() or settings.log_name


async def _restarted(settings: "Settings", because: str) -> dict[str, Any]:
    from lgsp.bootstrap.stores import open_store
    from lgsp.core.log.record import MAX_SUBJECT_BYTES, Action, short
    from lgsp.flow.head_file import close_log, heads_in, in_use
    from lgsp.flow.log_keeper import LogRewound, check_continued

    folder = settings.log_path
    if in_use(folder):
        raise Failed(f"A hub is running: it holds a file in {folder}.", "stop all gateways first", code="log.in_use")
    heads = list(heads_in(folder))
    async with open_store(settings) as store:
        old = await store.log_origin() or settings.log_name
        try:
            await check_continued(store, old, heads, await store.log_head())
        except LogRewound:
            pass
        else:
            raise Failed(
                "The journal's log continues all that was signed.", "start the hub: nothing is wrong", code="log.in_order"
            )
        last = max((one for one in heads if one.origin == old), key=lambda one: one.tree.size, default=None)
        origin = _next_origin(settings.log_name, {old, *(one.origin for one in heads)})
        close_log(
            folder, heads, f"before-{origin.rpartition('/')[2]}"
        )  # first: what was signed under the old name is never forgotten
        subject = f"{_named(old, last)}: {short(because, MAX_SUBJECT_BYTES)}"
        (noted,) = await store.note([Action(at=datetime.now(UTC), name="log_restarted", by=short(getuser()), subject=subject)])
        await store.log_origin(origin)
    old_size = 0 if last is None else last.tree.size
    return {"origin": origin, "size": noted.after.size, "old_origin": old, "old_size": old_size}


def _named(origin: str, last: "SignedHead | None") -> str:
    """The head that was signed last, as its checkpoint has it in three lines."""
    return origin if last is None else f"{origin} {last.tree.size} {last.tree.root.hex()}"


def _next_origin(name: str, used: set[str]) -> str:
    number = 2
    while f"{name}/{number}" in used:
        number += 1
    return f"{name}/{number}"
