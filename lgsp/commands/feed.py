"""`lgsp agency feed` and `lgsp agency carry`: systems that push nothing and are polled, and other buses."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from contracts.agency import AgencyCode
from contracts.feed import Feed
from lgsp.commands.agency import agency, change, code_argument, in_store, known
from lgsp.commands.common import Failed, json_option, print_json, print_table, with_settings
from lgsp.commands.connection import adapter_options, address, changed_options, chosen, read_secret, secret_option, shown
from lgsp.core.directory import Agency
from lgsp.core.feed import FeedState, next_round

if TYPE_CHECKING:
    from lgsp.ports import Store
    from lgsp.settings import Settings


@agency.command()
@json_option
@code_argument
@click.argument("url", required=False)
@click.option("--adapter", help="How its system speaks.")
@click.option("--every-s", type=click.FloatRange(1, 24 * 3600), help="Seconds between two rounds; default 60.")
@click.option("--timeout-s", type=click.FloatRange(1, 300), help="For one exchange; default 30.")
@adapter_options
@secret_option
@click.option("--on", "act", flag_value="on", help="Poll it again.")
@click.option("--off", "act", flag_value="off", help="Stop polling; what it has stays there.")
@click.option("--remove", "act", flag_value="remove", help="Forget the feed. Where it had got to is kept.")
@with_settings
def feed(
    settings: "Settings",
    code: str,
    url: str | None,
    adapter: str | None,
    every_s: float | None,
    timeout_s: float | None,
    options: tuple[str, ...],
    secret_file: Path | None,
    act: str | None,
    as_json: bool,
) -> None:
    """Nguồn lấy tin · Set where the hub fetches what an agency's system has for others, or change something about it.

    With nothing but CODE: how it goes with that feed. The agency is the sender of whatever is fetched: grant it the kinds.
    """
    numbers = {name: value for name, value in (("every_s", every_s), ("timeout_s", timeout_s)) if value is not None}
    secret = None if secret_file is None else read_secret(secret_file)
    if url is None and act is None and not (numbers or options or secret or adapter):
        _show(settings, code, as_json)
        return

    def changed(one: Agency) -> Agency:
        if act == "remove":
            return msgspec.structs.replace(one, feed=None)
        new = _based_on(one, url, adapter)
        told: dict[str, Any] = {**numbers, "options": changed_options(new.options, options)}
        if secret is not None:
            told["secret"] = secret
        if act is not None:
            told["enabled"] = act == "on"
        new = msgspec.structs.replace(new, **told)
        if url is not None or options or secret is not None:
            _check(new)
        return msgspec.structs.replace(one, feed=new)

    change(settings, code, changed, as_json)


@agency.command()
@json_option
@code_argument
@click.argument("patterns", nargs=-1)
@click.option("--nothing", is_flag=True, help="It is no other bus any more.")
@with_settings
def carry(settings: "Settings", code: str, patterns: tuple[str, ...], nothing: bool, as_json: bool) -> None:
    """Trục khác · Say which bodies that this directory does not know are reached through this agency, which is another bus.

    PATTERNS are codes, or their beginnings such as "G*"; the longest that fits wins. They replace those said before.
    """
    if bool(patterns) == nothing:
        raise click.UsageError('Name at least one code or beginning, such as "G*", or say --nothing.')
    for pattern in patterns:
        if "*" in pattern[:-1] or len(pattern) > 50:
            raise Failed(f"{pattern} is no code and no beginning of one.", 'a star stands at the end only: "G*"')
    change(settings, code, lambda one: msgspec.structs.replace(one, carries=patterns), as_json)


@agency.command()
@json_option
@code_argument
@click.option("--may/--may-not", "may_register", default=None, help="Whether it may.")
@with_settings
def registering(settings: "Settings", code: str, may_register: bool | None, as_json: bool) -> None:
    """Đơn vị trực thuộc · Let an agency's system register bodies it works for, as codes of the agency itself (registerAgency)."""
    if may_register is None:
        raise click.UsageError("Say --may or --may-not.")
    change(settings, code, lambda one: msgspec.structs.replace(one, may_register=may_register), as_json)


def _check(feed: Feed) -> None:
    """Raises Failed for what its adapter knows to be wrong before anything is asked."""
    from adapters.registry import FEED_CHECKS

    check = FEED_CHECKS.get(feed.adapter)
    try:
        if check is not None:
            check(feed)
    except ValueError as error:
        raise Failed(f"{feed.adapter}: {error}", f"see adapters/{feed.adapter}/README.md") from None


def _based_on(one: Agency, url: str | None, adapter: str | None) -> Feed:
    from adapters.registry import COLLECTORS

    old = one.feed
    if old is None and (url is None or adapter is None):
        raise Failed(f"{one.code} has no feed.", "give its URL and --adapter")
    name = chosen(adapter or (old.adapter if old else ""), list(COLLECTORS))
    if old is None or old.adapter != name:
        if url is None:
            raise Failed("Another adapter has another address.", "give the URL, too")
        return Feed(adapter=name, url=address(url))
    return old if url is None else msgspec.structs.replace(old, url=address(url))


def _show(settings: "Settings", code: str, as_json: bool) -> None:
    from lgsp.core.feed import read_state
    from lgsp.flow.collecting import STATE

    async def work(store: "Store") -> tuple[Agency, FeedState]:
        directory = await store.directory()
        own = known(directory, code)
        return directory.agencies[own], read_state(await store.mark(AgencyCode(own), STATE))

    one, state = in_store(settings, work)
    if one.feed is None:
        raise Failed(f"{code} has no feed.", f"lgsp agency feed {code} URL --adapter NAME")
    due = next_round(state, one.feed)
    found = {
        **shown(msgspec.to_builtins(one.feed)),
        "state": msgspec.to_builtins(state),
        "next_round": None if due is None or not one.feed.enabled else due.isoformat(),
    }
    if as_json:
        print_json(found)
        return
    rows = [
        ("Nguồn · Feed", f"{one.feed.adapter}  {one.feed.url}"),
        ("Trạng thái · State", _words(one.feed, state)),
        ("Đã lấy · Taken", f"{state.taken} (bị từ chối · refused: {state.refused})"),
        ("Lần cuối · Last round", "—" if state.at is None else state.at.isoformat()),
        ("Lần tới · Next round", found["next_round"] or "—"),
        *((name, value) for name, value in one.feed.options.items()),
    ]
    print_table(f"{one.code} {one.name_vi}", ("", ""), rows)


def _words(given: Feed, state: FeedState) -> str:
    if not given.enabled:
        return "đã tắt · switched off"
    if state.failures:
        since = "" if state.since is None else f"{(datetime.now(UTC) - state.since).total_seconds() / 60:.0f} min"
        return f"lỗi · failing ({state.failures}×, {since}): {state.reason} {state.detail}"
    return "chưa lấy lần nào · not polled yet" if state.at is None else "tốt · well"
