"""`lgsp agency`: the directory. Changes go straight into the journal; running hubs follow within a second or two."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click
import msgspec

from contracts.agency import AgencyCode, agency_code
from lgsp.commands.common import Failed, json_option, print_json, print_table, program, quiet_log, run, say, with_settings
from lgsp.commands.connection import shown
from lgsp.commands.directory_checks import NOT_THERE, check_kinds, check_references
from lgsp.commands.replies import print_replies
from lgsp.core.directory import Agency, Alias, Directory, Grant, Level, Subscription

if TYPE_CHECKING:
    from lgsp.ports import Store
    from lgsp.settings import Settings

R = TypeVar("R")

DAY = click.DateTime(["%Y-%m-%d"])
code_argument = click.argument("code")


def in_store(settings: "Settings", work: Callable[["Store"], Awaitable[R]]) -> R:
    """Opens the journal that the settings name, works, closes it."""

    async def opened() -> R:
        from lgsp.bootstrap.stores import open_store

        async with open_store(settings) as store:
            return await work(store)

    quiet_log()
    return run(opened())


@click.group(short_help="Danh bạ cơ quan · Agencies, grants, endpoints, credentials.")
def agency() -> None:
    """Danh bạ cơ quan · Register agencies, what they may send, where they receive and how they identify themselves."""


@agency.command("list")
@json_option
@click.option("--search", default="", help="Only those whose code or name contains this; typed without marks is fine.")
@with_settings
def list_(settings: "Settings", search: str, as_json: bool) -> None:
    """Danh sách · List all agencies."""
    from contracts.text import search_key

    directory = in_store(settings, lambda store: store.directory())
    wanted = search_key(search)
    found = [one for one in directory.agencies.values() if wanted in search_key(f"{one.code} {one.name_vi} {one.name_en}")]
    if as_json:
        print_json([public(one) for one in found])
        return
    columns = ("Mã · Code", "Tên · Name", "Cấp · Level", "Nhận · Receives", "Được gửi · May send", "Đóng · Closed")
    print_table(f"{len(found)} cơ quan · agencies, version {directory.version}", columns, (_row(one) for one in found))


@agency.command("show")
@json_option
@code_argument
@with_settings
def show_(settings: "Settings", code: str, as_json: bool) -> None:
    """Xem một cơ quan · Show one agency, by any code it has or had."""

    async def work(store: "Store") -> Agency:
        directory = await store.directory()
        found = directory.known_as(code, datetime.now(UTC).date())
        if found is None:
            raise Failed(f"There is no agency {code}.", NOT_THERE)
        return found

    one = in_store(settings, work)
    found = public(one)
    if as_json:
        print_json(found)
        return
    replies = () if one.endpoint is None else one.endpoint.replies
    if replies:
        del found["endpoint"]["replies"]
    found.pop("subscriptions", None)
    for connection in ("endpoint", "feed"):
        if connection in found:
            found[connection] = shown(found[connection])
    print_table("", ("", ""), ((name, _cell(value)) for name, value in found.items()))
    if replies:
        print_replies(replies)
    if one.subscriptions:
        print_subscriptions(one.subscriptions)


@agency.command()
@json_option
@code_argument
@click.option("--name", "name_vi", required=True, help="Vietnamese name.")
@click.option("--name-en", default="", help="English name.")
@click.option(
    "--level", type=click.Choice(get_args(Level)), default="other", show_default=True, help="What kind of agency it is."
)
@click.option("--parent", help="Code of the agency above.")
@click.option("--alias", "aliases", multiple=True, metavar="CODE", help="Another code of the same agency; once for each.")
@click.option("--may-send", "kinds", multiple=True, metavar="KIND", help='Grant: "case.file", "case.*" or "*"; once for each.')
@click.option("--unordered", is_flag=True, help="It does not want its deliveries in order.")
@with_settings
def add(
    settings: "Settings",
    code: str,
    name_vi: str,
    name_en: str,
    level: Level,
    parent: str | None,
    aliases: tuple[str, ...],
    kinds: tuple[str, ...],
    unordered: bool,
    as_json: bool,
) -> None:
    """Đăng ký cơ quan · Register an agency. It receives in its mailbox until it has an endpoint."""
    new = Agency(
        code=agency_code(code, "CODE"),
        name_vi=name_vi,
        name_en=name_en,
        level=level,
        parent=None if parent is None else agency_code(parent, "--parent"),
        aliases=tuple(Alias(code=agency_code(one, "--alias")) for one in aliases),
        grants=(Grant(kinds=kinds),) if kinds else (),
        ordered=not unordered,
    )

    def added(directory: Directory) -> list[Agency]:
        if new.code in directory.agencies:
            raise Failed(f"{new.code} is registered already.", "change it with agency grant, endpoint or close")
        check_references([new], directory)
        return [new]

    version = in_store(settings, lambda store: store.change_agencies(added))
    _saved(as_json, version, [new.code])
    if not as_json:
        say(f"Tiếp theo · Next: {program()} agency credential {new.code}")


@agency.command("import")
@json_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only check.")
@with_settings
def import_(settings: "Settings", file: Path, dry_run: bool, as_json: bool) -> None:
    """Nhập từ tệp · Insert or replace agencies from a JSON list, as `agency list --json` prints it, all or none.

    An endpoint or feed keeps its secret when the list has none.
    """
    try:
        agencies = msgspec.json.decode(file.read_bytes(), type=list[Agency])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Failed(f"{file}: {error}", "the form is that of `lgsp agency list --json`") from None
    for place, one in enumerate(agencies):
        agency_code(one.code, f"/{place}/code")

    def merged(directory: Directory) -> list[Agency]:
        new = [_with_secret_of(directory.agencies.get(one.code), one) for one in agencies]
        check_references(new, directory)
        return [] if dry_run else new

    _saved(as_json, in_store(settings, lambda store: store.change_agencies(merged)), [one.code for one in agencies])


@agency.command()
@json_option
@code_argument
@click.option("--on", type=DAY, required=True, help="First day on which it does not exist any more.")
@click.option("--successor", "successors", multiple=True, metavar="CODE", help="Who takes over; once for each.")
@with_settings
def close(settings: "Settings", code: str, on: datetime, successors: tuple[str, ...], as_json: bool) -> None:
    """Đóng cơ quan · Close an agency; what is addressed to it goes to its successor from that day on."""
    heirs = tuple(agency_code(one, "--successor") for one in successors)
    change(settings, code, lambda one: msgspec.structs.replace(one, closed_on=on.date(), successors=heirs), as_json)


@agency.command()
@json_option
@code_argument
@click.option("--ordered/--no-order", default=None, help="In the order of acceptance, or as they come.")
@with_settings
def order(settings: "Settings", code: str, ordered: bool | None, as_json: bool) -> None:
    """Thứ tự giao · Say whether an agency wants what belongs to one case in order.

    Without order nothing waits for an earlier message of its case. It counts for what is accepted from now on.
    """
    if ordered is None:
        raise click.UsageError("Say --ordered or --no-order.")
    change(settings, code, lambda one: msgspec.structs.replace(one, ordered=ordered), as_json)


@agency.command()
@json_option
@code_argument
@click.argument("kinds", nargs=-1)
@click.option("--to", "recipients", multiple=True, metavar="CODE", help="Only to this recipient; once for each. Default: to all.")
@click.option("--replace", is_flag=True, help="Take away what was granted before; without KINDS: everything.")
@with_settings
def grant(
    settings: "Settings", code: str, kinds: tuple[str, ...], recipients: tuple[str, ...], replace: bool, as_json: bool
) -> None:
    """Cấp quyền gửi · Let an agency send kinds: "case.file", "case.*" or "*"."""
    if not kinds and not replace:
        raise click.UsageError("Name at least one kind, or --replace to take every grant away.")
    check_kinds(kinds)
    new = (Grant(kinds=kinds, recipients=recipients or ("*",)),) if kinds else ()
    change(settings, code, lambda one: msgspec.structs.replace(one, grants=new if replace else (*one.grants, *new)), as_json)


def change(
    settings: "Settings",
    code: str,
    changed: Callable[[Agency], Agency],
    as_json: bool,
    shown_once: Callable[[], dict[str, str]] = dict,
) -> None:
    """Replaces one agency by what `changed` makes of it as it is stored. `shown_once`: secrets made by `changed`, printed now
    and never again."""

    def change_one(directory: Directory) -> list[Agency]:
        new = changed(directory.agencies[known(directory, code)])
        check_references([new], directory)
        return [new]

    version = in_store(settings, lambda store: store.change_agencies(change_one))
    _saved(as_json, version, [code], shown_once())


def public(one: Agency) -> dict[str, Any]:
    """As JSON, without the secrets of endpoint and feed."""
    found: dict[str, Any] = msgspec.to_builtins(one)
    for name in ("endpoint", "feed"):
        if name in found:
            found[name].pop("secret", None)
    return found


def _with_secret_of(old: Agency | None, new: Agency) -> Agency:
    if old is None:
        return new
    if old.endpoint is not None and new.endpoint is not None and not new.endpoint.secret:
        new = msgspec.structs.replace(new, endpoint=msgspec.structs.replace(new.endpoint, secret=old.endpoint.secret))
    if old.feed is not None and new.feed is not None and not new.feed.secret:
        new = msgspec.structs.replace(new, feed=msgspec.structs.replace(new.feed, secret=old.feed.secret))
    return new


def _saved(as_json: bool, version: int, codes: Sequence[str], extra: dict[str, str] | None = None) -> None:
    if as_json:
        print_json({"version": version, "codes": codes, **(extra or {})})
        return
    say(
        f"Đã lưu · Saved: {', '.join(codes[:5])}{f' and {len(codes) - 5} more' if len(codes) > 5 else ''}, version {version}",
        "green",
    )
    for name, value in (extra or {}).items():
        say(f"{name} (shown only now · chỉ hiện một lần): {value}", "yellow")


def _row(one: Agency) -> tuple[object, ...]:
    receives = "mailbox" if one.endpoint is None else one.endpoint.adapter + ("" if one.endpoint.enabled else " (off)")
    kinds = ", ".join(kind for grant in one.grants for kind in grant.kinds)
    return one.code, one.name_vi, one.level, receives, kinds, one.closed_on


def _cell(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def print_subscriptions(wishes: Sequence[Subscription]) -> None:
    """For people."""
    rows = ((", ".join(wish.kinds), ", ".join(wish.senders), ", ".join(wish.recipients)) for wish in wishes)
    columns = ("Loại · Kinds", "Bên gửi · Senders", "Nơi nhận · Recipients")
    print_table("Nhận bản sao của · Gets copies of", columns, rows)


def known(directory: Directory, code: str) -> AgencyCode:
    """Raises Failed for a code that is not registered."""
    if code not in directory.agencies:
        raise Failed(f"There is no agency {code}.", NOT_THERE)
    return AgencyCode(code)
