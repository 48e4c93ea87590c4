"""`lgsp agency endpoint`: where an agency's deliveries are pushed, and the secret that signs them."""

import secrets
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.replies import Reply
from lgsp.commands.agency import agency, change, code_argument, in_store
from lgsp.commands.common import Failed, json_option, with_settings
from lgsp.commands.connection import adapter_options, address, changed_options, chosen, read_secret, read_wsdl, secret_option
from lgsp.commands.patience import OwnAge, OwnSchedule
from lgsp.commands.replies import ReplyRow
from lgsp.core.directory import Agency

if TYPE_CHECKING:
    from lgsp.settings import Settings

_COUNTED = 1000


@agency.command()
@json_option
@code_argument
@click.argument("url", required=False)
@click.option("--adapter", help="How its system speaks (adapters/README.md); default: webhook, or as before.")
@click.option("--timeout-s", type=click.FloatRange(1, 300), default=30.0, show_default=True, help="For one attempt.")
@click.option("--max-in-flight", type=click.IntRange(1, 1000), default=8, show_default=True, help="Attempts at once.")
@click.option(
    "--reply",
    "replies",
    type=ReplyRow(),
    multiple=True,
    metavar="MEANING[:STATUS][@SECONDS][=TEXT]",
    help="An answer that contains TEXT means delivered, retry, refused or gone; STATUS is 500 or 400-499, SECONDS what a retry "
    "waits at least. Once for each row, the first that matches counts; together they replace the table.",
)
@click.option(
    "--retry-schedule",
    "retry_schedule_s",
    type=OwnSchedule(),
    metavar="S,S,...|hub",
    help="Seconds to wait after the first failed attempt, the second, ...; then it is dead. hub: as the hub's settings say.",
)
@click.option(
    "--max-age-s",
    type=OwnAge(),
    metavar="S|hub",
    help="How long one delivery is tried in all, and kept while its recipient is on hold. hub: as the hub's settings say.",
)
@adapter_options
@secret_option
@click.option(
    "--wsdl",
    "wsdl_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Description of its SOAP service, schemas inside; kept by the hub, never fetched.",
)
@click.option("--on", "act", flag_value="on", help="Switch the endpoint on again.")
@click.option("--off", "act", flag_value="off", help="Switch it off: deliveries wait and are retried.")
@click.option("--remove", "act", flag_value="remove", help="From now on deliveries wait in the mailbox.")
@click.option(
    "--rotate", "act", flag_value="rotate", help="Make a new signing secret; the old one signs too until --end-rotation."
)
@click.option("--end-rotation", "act", flag_value="end_rotation", help="Only the newest secret signs from now on.")
@click.option("--no-replies", "act", flag_value="no_replies", help="Drop the table of replies.")
@with_settings
def endpoint(
    settings: "Settings",
    code: str,
    url: str | None,
    adapter: str | None,
    timeout_s: float,
    max_in_flight: int,
    replies: tuple[Reply, ...],
    retry_schedule_s: tuple[float, ...] | Literal["hub"] | None,
    max_age_s: float | Literal["hub"] | None,
    options: tuple[str, ...],
    secret_file: Path | None,
    wsdl_file: Path | None,
    act: str | None,
    as_json: bool,
) -> None:
    """Địa chỉ nhận · Set where an agency's deliveries are pushed, or change something about it.

    A first or new signing secret is printed, once. What waits in its mailbox already is not pushed: the agency takes it out of
    there, for instance with `lgsp listen`.
    """
    from adapters.registry import REGISTRY

    wishes = _wishes(replies, retry_schedule_s, max_age_s)
    if secret_file is not None:
        wishes["secret"] = read_secret(secret_file)
    if wsdl_file is not None:
        wishes["wsdl"] = read_wsdl(wsdl_file)
    if (url is not None) + (act is not None) + (url is None and bool(wishes or options)) != 1:
        raise click.UsageError(
            "Give a URL, or --reply, --retry-schedule, --max-age-s, --option, --secret-file, --wsdl, or one of --on, --off,"
            " --remove, --rotate, --end-rotation, --no-replies."
        )
    if adapter is not None and url is None:
        raise click.UsageError("Another adapter has another address: give the URL, too.")
    made: list[str] = []

    def changed(one: Agency) -> Agency:
        if url is None:
            after = _acted(one, act or "", made)
        else:
            name = chosen(adapter or (one.endpoint.adapter if one.endpoint else "webhook"), list(REGISTRY))
            new = Endpoint(adapter=name, url=address(url), timeout_s=timeout_s, max_in_flight=max_in_flight)
            after = _with_old(new, one.endpoint, made)
        if after is None:
            return msgspec.structs.replace(one, endpoint=None)
        told = wishes | {"options": changed_options(after.options, options)}
        new = msgspec.structs.replace(after, **told)
        if url is not None or wsdl_file is not None or options:
            _check(new)
        return msgspec.structs.replace(one, endpoint=new)

    change(settings, code, changed, as_json, lambda: {"endpoint_secret": made[0]} if made else {})
    if url is not None:
        _warn_of_mailbox(settings, AgencyCode(code))


def _check(endpoint: Endpoint) -> None:
    """Raises Failed for what its adapter knows to be wrong before anything is sent."""
    from adapters.registry import CHECKS

    check = CHECKS.get(endpoint.adapter)
    try:
        if check is not None:
            check(endpoint)
    except ValueError as error:
        raise Failed(f"{endpoint.adapter}: {error}", f"see adapters/{endpoint.adapter}/README.md") from None


def _warn_of_mailbox(settings: "Settings", code: AgencyCode) -> None:
    """On standard error, so that --json stays one value."""
    held = len(in_store(settings, lambda store: store.mailbox(code, 0, _COUNTED + 1)))
    if held:
        count = str(held) if held <= _COUNTED else f"{_COUNTED}+"
        text = (
            f"{count} văn bản còn trong hộp thư · deliveries still wait in the mailbox of {code}. They are not pushed,\n"
            "and later ones of the same cases wait for them. The agency empties it: lgsp listen --forward-to URL --once"
        )
        click.secho(text, fg="yellow", err=True)


def _wishes(
    replies: tuple[Reply, ...],
    retry_schedule_s: tuple[float, ...] | Literal["hub"] | None,
    max_age_s: float | Literal["hub"] | None,
) -> dict[str, Any]:
    """What was said about the endpoint, by the names of its fields; "hub" means none of its own."""
    given = {"replies": replies or None, "retry_schedule_s": retry_schedule_s, "max_age_s": max_age_s}
    return {name: None if value == "hub" else value for name, value in given.items() if value is not None}


def _with_old(new: Endpoint, old: Endpoint | None, made: list[str]) -> Endpoint:
    """A new address keeps the schedule, greatest age and replies of the old one, and under the same adapter its secret, options
    and WSDL. Webhooks are signed with a secret of ours, others with what the partner gave us."""
    same = old is not None and old.adapter == new.adapter
    kept = old.secret if old is not None and same else ""
    secret = kept or (_new_secret(made) if new.adapter == "webhook" else "")
    if old is None:
        return msgspec.structs.replace(new, secret=secret)
    return msgspec.structs.replace(
        new,
        secret=secret,
        retry_schedule_s=old.retry_schedule_s,
        max_age_s=old.max_age_s,
        replies=old.replies,
        options=old.options if same else {},
        wsdl=old.wsdl if same else "",
    )


def _acted(one: Agency, act: str, made: list[str]) -> Endpoint | None:
    old = one.endpoint
    if old is None:
        raise Failed(f"{one.code} has no endpoint.", "give its URL")
    if act in ("rotate", "end_rotation") and old.adapter != "webhook":
        raise Failed(f"The secret of {one.code} is its own, not ours.", "give the new one with --secret-file")
    match act:
        case "remove":
            return None
        case "rotate":
            return msgspec.structs.replace(old, secret=f"{_new_secret(made)} {old.secret}".strip())
        case "no_replies":
            return msgspec.structs.replace(old, replies=())
        case "end_rotation":
            return msgspec.structs.replace(old, secret=old.secret.partition(" ")[0])
        case "on" | "off":
            return msgspec.structs.replace(old, enabled=act == "on")
        case _:
            return old


def _new_secret(made: list[str]) -> str:
    """As Standard Webhooks wants it: "whsec_" and base64."""
    made.append(f"whsec_{b64encode(secrets.token_bytes(32)).decode()}")
    return made[-1]
