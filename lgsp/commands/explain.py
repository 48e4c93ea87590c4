"""`lgsp explain`: what would the hub do with this envelope, and why. Nothing is stored."""

from typing import Any

import click

from lgsp.commands.client import Profile, client_options, open_client
from lgsp.commands.common import Refused, json_option, print_json, print_table, run, say
from lgsp.commands.compose import Draft, draft_options
from lgsp.commands.sealing import Sealing, sealing_options


@click.command(short_help="Thử mà không gửi · What would the hub do with this?")
@json_option
@draft_options
@client_options
@sealing_options
def explain(profile: Profile, sealing: Sealing, draft: Draft, as_json: bool) -> None:
    """Thử mà không gửi · Ask the hub, check by check, what it would do with an envelope; takes what `send` takes.

    Exit status 1 when the envelope would be refused.
    """
    told = run(_explain(profile, sealing.sealed(draft.octets(profile), profile)))
    if not as_json:
        _show(told)
    elif told["accepted"]:
        print_json(told)
    if not told["accepted"]:
        raise Refused(_as_problem(told["refusal"]), {"accepted": False, "steps": told["steps"]})


def _as_problem(no: dict[str, Any]) -> dict[str, Any]:
    """As a problem document calls it; absent members are empty."""
    names = {"title": "title_en", "remedy": "remedy_en"}
    members = ("code", "title", "title_vi", "field", "detail", "remedy", "remedy_vi")
    return {name: no.get(names.get(name, name), "") for name in members}


def _show(told: dict[str, Any]) -> None:
    for step in told["steps"]:
        say(f"{'✓' if step['ok'] else '✗'} {step['text_vi']} · {step['text_en']}", "green" if step["ok"] else "red")
    if told["accepted"]:
        rows = [
            (hop["recipient"], hop.get("name"), hop["addressed_as"], hop["mode"], told.get("order_key")) for hop in told["hops"]
        ]
        print_table("", ("Nơi nhận · Recipient", "Tên · Name", "Ghi là · Addressed as", "Cách giao · Mode", "Order key"), rows)


async def _explain(profile: Profile, octets: bytes) -> dict[str, Any]:
    async with open_client(profile) as hub:
        told: dict[str, Any] = await hub.post_octets("/v1/explain", octets)
        return told
