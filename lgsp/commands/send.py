"""`lgsp send`: hand one envelope over and show the receipt."""

import sys
from pathlib import Path

import click

from contracts.receipt import Receipt
from lgsp.commands.attach import upload
from lgsp.commands.client import HubClient, Profile, client_options, open_client
from lgsp.commands.common import json_option, print_json, program, run, say
from lgsp.commands.compose import Draft, draft_options
from lgsp.commands.labels import clock
from lgsp.commands.sealing import Sealing, sealing_options


@click.command(short_help="Gửi một thông điệp · Send one envelope.")
@json_option
@click.option(
    "--attach",
    "attached",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send this file beside the body; once for each.",
)
@draft_options
@client_options
@sealing_options
def send(profile: Profile, sealing: Sealing, draft: Draft, attached: tuple[Path, ...], as_json: bool) -> None:
    """Gửi một thông điệp · Send one envelope and print the receipt, or the refusal and its remedy.

    \b
      lgsp send case.file --example --as H01.101 --to H01.102
      lgsp send hoso.json --kind case.file/1 --to H01.15 --sender H01.101
      lgsp send envelope.json
      lgsp send hoso.json --kind case.file/1 --to H01.15 --sender H01.101 --attach banve.pdf --sign con-dau.key

    An agency of the sandbox signs with its seal unless --unsigned says otherwise.
    """
    receipt, fresh = run(_send(profile, sealing, draft.octets(profile), attached))
    if as_json:
        print_json(receipt)
        return
    verdict = (
        "Đã tiếp nhận · Accepted"
        if fresh
        else "Đã tiếp nhận từ trước, không giao lần nữa · Accepted before, not delivered again:"
    )
    say(f"{verdict} as number {receipt.sequence} at {clock(receipt.accepted_at)}", "green" if fresh else "yellow")
    say(f"  message_id  {receipt.message_id}")
    say(f"  digest      {receipt.digest}")
    for one in receipt.deliveries:
        addressed = f"  (addressed as {one.addressed_as})" if one.addressed_as else ""
        say(f"  delivery    {one.delivery_id} -> {one.recipient}{addressed}")
    say(f"Theo dõi · Follow it: {program()} trace {receipt.sender}/{receipt.message_id}")


async def _send(profile: Profile, sealing: Sealing, octets: bytes, attached: tuple[Path, ...]) -> tuple[Receipt, bool]:
    """The receipt, and whether it is a new one."""
    import msgspec

    async with open_client(profile) as hub:
        if attached:
            octets = await _with_files(hub, octets, attached)
        answer = await hub.exchange("POST", "/v1/envelopes", {}, data=sealing.sealed(octets, profile))
    return msgspec.json.decode(answer.octets, type=Receipt), "Lgsp-Duplicate" not in answer.headers


async def _with_files(hub: HubClient, octets: bytes, attached: tuple[Path, ...]) -> bytes:
    """The envelope in its JSON form, naming the files, which the hub has by now."""
    import msgspec

    from contracts import wire
    from contracts.envelope import checked

    envelope = wire.parse(octets)
    files = list(envelope.attachments)
    size_bytes = sum(path.stat().st_size for path in attached)
    with click.progressbar(length=size_bytes, label="Tải lên · Uploading", file=sys.stderr) as bar:
        for path in attached:
            files.append(await upload(hub, path, bar.update))
    return wire.render(checked(msgspec.structs.replace(envelope, attachments=tuple(files))))
