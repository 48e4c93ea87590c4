"""`lgsp agency subscribe` and `unsubscribe`: who gets copies of what others send to each other."""

from typing import TYPE_CHECKING

import click
import msgspec

from contracts.agency import agency_code
from lgsp.commands.agency import agency, change, code_argument
from lgsp.commands.common import Failed, json_option, with_settings
from lgsp.commands.directory_checks import check_kinds
from lgsp.core.directory import Agency, Subscription

if TYPE_CHECKING:
    from lgsp.settings import Settings


@agency.command()
@json_option
@code_argument
@click.option(
    "--kind", "kinds", multiple=True, required=True, metavar="KIND", help='"case.file", "case.*" or "*"; once for each.'
)
@click.option("--sender", "senders", multiple=True, metavar="CODE", help="Only what this agency sends; once for each.")
@click.option("--recipient", "recipients", multiple=True, metavar="CODE", help="Only what is for this agency; once for each.")
@with_settings
def subscribe(
    settings: "Settings", code: str, kinds: tuple[str, ...], senders: tuple[str, ...], recipients: tuple[str, ...], as_json: bool
) -> None:
    """Đăng ký nhận bản sao · Let an agency get a copy of whatever is sent of these kinds, bodies and files included.

    \b
      lgsp agency subscribe H01.30 --kind 'case.*'                        a database that answers citizens' questions
      lgsp agency subscribe H01.20 --kind case.result --sender H01.101    what one commune decides

    Senders and recipients are not told of copies. What was sent before is not copied.
    """
    check_kinds(kinds)
    wish = Subscription(
        kinds=kinds,
        senders=tuple(agency_code(one, "--sender") for one in senders) or ("*",),
        recipients=tuple(agency_code(one, "--recipient") for one in recipients) or ("*",),
    )

    def subscribed(one: Agency) -> Agency:
        if one.level == "hub":
            raise Failed(f"{code} is the hub itself, which receives nothing.", "register an agency of its own for the copies")
        return one if wish in one.subscriptions else msgspec.structs.replace(one, subscriptions=(*one.subscriptions, wish))

    change(settings, code, subscribed, as_json)


@agency.command()
@json_option
@code_argument
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only of this kind, as it was subscribed to; once for each.")
@with_settings
def unsubscribe(settings: "Settings", code: str, kinds: tuple[str, ...], as_json: bool) -> None:
    """Thôi nhận bản sao · Let an agency get no more copies. Those that are on their way still arrive."""

    def unsubscribed(one: Agency) -> Agency:
        for kind in kinds:
            if not any(kind in wish.kinds for wish in one.subscriptions):
                raise Failed(f"{code} has not subscribed to {kind}.", f"`lgsp agency show {code}` tells what it gets copies of")
        return msgspec.structs.replace(one, subscriptions=_without(one.subscriptions, kinds) if kinds else ())

    change(settings, code, unsubscribed, as_json)


def _without(wishes: tuple[Subscription, ...], kinds: tuple[str, ...]) -> tuple[Subscription, ...]:
    left = (msgspec.structs.replace(wish, kinds=tuple(kind for kind in wish.kinds if kind not in kinds)) for wish in wishes)
    return tuple(wish for wish in left if wish.kinds)
