"""`lgsp send`: hand one envelope over and show the receipt."""

import click

from contracts.receipt import Receipt
from lgsp.commands.client import Profile, Refused, client_options, open_client
from lgsp.commands.common import json_option, print_json, run, say
from lgsp.commands.compose import Draft, draft_options
from lgsp.commands.labels import clock


@click.command(short_help="Gửi một thông điệp · Send one envelope.")
@json_option
@draft_options
@client_options
def send(profile: Profile, draft: Draft, as_json: bool) -> None:
    """Gửi một thông điệp · Send one envelope and print the receipt, or the refusal and its remedy.

    \b
      lgsp send case.file/1 --example --as H01.101 --to H01.15
      lgsp send hoso.json --kind case.file/1 --to H01.15 --sender H01.101
      lgsp send envelope.json
    """
    try:
        receipt = run(_send(profile, draft.octets(profile)))
    except Refused as refused:
        if as_json:
            print_json(refused.problem)
        raise
    if as_json:
        print_json(receipt)
        return
    say(f"Đã tiếp nhận · Accepted as number {receipt.sequence} at {clock(receipt.accepted_at)}", "green")
    say(f"  message_id  {receipt.message_id}")
    say(f"  digest      {receipt.digest}")
    for one in receipt.deliveries:
        addressed = f"  (addressed as {one.addressed_as})" if one.addressed_as else ""
        say(f"  delivery    {one.delivery_id} -> {one.recipient}{addressed}")
    say(f"Theo dõi · Follow it: lgsp trace {receipt.sender}/{receipt.message_id}")


async def _send(profile: Profile, octets: bytes) -> Receipt:
    import msgspec

    async with open_client(profile) as hub:
        return msgspec.convert(await hub.post_octets("/v1/envelopes", octets), Receipt)
