"""`lgsp status`: one status over all recipients of an envelope, signed by the hub."""

import sys
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec

from contracts.agency import AgencyCode
from lgsp.commands.agency import in_store
from lgsp.commands.client import HubClient, Identity, Profile, identity_options, open_client
from lgsp.commands.common import Failed, Invocation, json_option, print_json, print_table, run, say
from lgsp.commands.labels import clock, label

_COLUMNS = ("Nơi nhận · Recipient", "Tình trạng · State", "Lúc · When", "Lý do · Reason")


@click.command(short_help="Tình trạng chung · One status over all recipients.")
@json_option
@click.argument("envelope", metavar="SENDER/MESSAGE_ID")
@click.option("--verify", is_flag=True, help="Fetch the signed form and check its signature; with --json it is printed too.")
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The hub's JWK set as it was kept earlier, for --verify; default: what the hub says now.",
)
@click.option("--all", "at_hub", is_flag=True, help="From the hub's own journal: for operators and auditors.")
@identity_options
@click.pass_obj
def status(
    invocation: Invocation,
    identity: Identity,
    envelope: str,
    verify: bool,
    keys_file: Path | None,
    at_hub: bool,
    as_json: bool,
) -> None:
    """Tình trạng chung · Show what became of an envelope, over all its recipients. Only its sender may ask.

    With --all the journal is read here, at the hub, without a client id; who looked becomes a line of the log on standard error.
    """
    sender, slash, message_id = envelope.partition("/")
    if not (sender and slash and message_id) or (at_hub and verify) or (keys_file is not None and not verify):
        raise click.UsageError("Give SENDER/MESSAGE_ID as in the receipt; --keys goes with --verify, and --all with neither.")
    if at_hub:
        found = _inspect(invocation, AgencyCode(sender), message_id)
    else:
        keys = None if keys_file is None else keys_file.read_bytes()
        found = run(_ask(identity.profile(), sender, message_id, verify, keys))
    if as_json:
        print_json(found)
    else:
        _show(found)


async def _ask(profile: Profile, sender: str, message_id: str, verify: bool, keys: bytes | None) -> dict[str, Any]:
    path = f"/v1/envelopes/{quote(sender, safe='')}/{quote(message_id, safe='')}/status"
    async with open_client(profile) as hub:
        if verify:
            return await _verified(hub, path, message_id, keys)
        found: dict[str, Any] = msgspec.json.decode((await hub.exchange("GET", path, {"Accept": "application/json"})).octets)
        return found


async def _verified(hub: HubClient, path: str, message_id: str, keys: bytes | None) -> dict[str, Any]:
    """What the hub signed, with `signature` beside it: the key and the signed form, to be kept as evidence."""
    from lgsp.http.overall import STATUS_TYPE
    from lgsp.http.signed import KEYS_PATH
    from signing.jws import keys_of, verify

    token = (await hub.exchange("GET", path, {"Accept": "application/jose"})).octets.decode("ascii", "replace")
    if keys is None:
        keys = await hub.octets("GET", KEYS_PATH)
    try:
        said = verify(token, keys_of(keys), STATUS_TYPE)
    except ValueError as error:
        raise _not_verified(str(error)) from None
    found: dict[str, Any] = msgspec.json.decode(said.payload)
    if found["message_id"] != message_id:
        raise _not_verified("it is about another envelope")
    return {**found, "signature": {"kid": said.kid, "jws": token}}


def _not_verified(why: str) -> Failed:
    return Failed(
        f"The status is not signed by this hub: {why}.",
        "do not rely on it; is --keys of this hub, was its key changed since? Ask the operator for the key's thumbprint (kid)",
        code="status.not_verified",
    )


def _inspect(invocation: Invocation, sender: AgencyCode, message_id: str) -> dict[str, Any]:
    """In the form of the hub's own answer. Leaves a line in the log, also when nothing is found."""
    from lgsp import log
    from lgsp.http.overall import overall_status

    settings = invocation.settings()
    record = in_store(settings, lambda store: store.envelope(sender, message_id))
    log.configure("auto", "info", stream=sys.stderr)
    log.get_logger().info(
        "case.inspected", identifier=f"{sender}/{message_id}", operator=getuser(), envelopes=0 if record is None else 1
    )
    if record is None:
        raise Failed(f"The journal has no envelope {sender}/{message_id}.", "give SENDER/MESSAGE_ID as in the receipt")
    plain: dict[str, Any] = msgspec.to_builtins(overall_status(record, settings.hub_code, datetime.now(UTC)))
    return plain


def _show(found: dict[str, Any]) -> None:
    overall = found["overall"]
    counts = ", ".join(f"{count} {label(state)}" for state, count in overall["counts"].items())
    print_table(f"{found['sender']}/{found['message_id']}", _COLUMNS, map(_row, found["deliveries"]))
    colour = {"delivered": "green", "in_progress": None}.get(overall["state"], "yellow")
    say(f"{overall['title_vi']} · {overall['title_en']}, {clock(overall['since'])}: {counts}", colour)
    if "signature" in found:
        say(
            f"Chữ ký đúng · Signature verified: {found['hub']}, {clock(found['as_of'])}, kid {found['signature']['kid']}", "green"
        )


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    reason = f"{one['reason']}: {one['title_vi']} · {one['title_en']}" if one.get("reason") else None
    return one["recipient"], label(one["state"]), clock(one.get("ended_at")), reason
