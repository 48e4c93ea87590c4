"""`lgsp maintenance` and `lgsp drain`: leaving a recipient in peace, closing the door, letting the broker run empty.

Written into the journal; running hubs follow within a second or two.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from getpass import getuser
from typing import TYPE_CHECKING, Any

import click
import msgspec

from contracts.agency import AgencyCode
from lgsp.commands.agency import in_store
from lgsp.commands.common import Failed, json_option, print_json, print_table, say, with_settings
from lgsp.commands.labels import clock, label
from lgsp.core.hold import EVERYBODY, THE_DOOR, Cause, Hold, begun, ended

if TYPE_CHECKING:
    from lgsp.ports import HeldRecipient, Occurrence, Store
    from lgsp.settings import Settings

_SHOWN = 100
_LOOK_S = 0.5
_STILL_S = 3.0  # what was confirmed by the broker is marked as queued a moment later
_NAMES = {EVERYBODY: "(giao cho mọi nơi · pushing to everybody)", THE_DOOR: "(tiếp nhận mới · taking in)"}
_COLUMNS = ("Nơi nhận · Recipient", "Vì sao · Cause", "Từ · Since", "Đến · Next", "Đang giữ · Parked", "Lý do · Reason")
_HISTORY = ("Lúc · When", "Nơi nhận · Recipient", "Việc · What", "Lý do · Reason")

where_option = click.argument("recipient", required=False, metavar="[CODE]")
door_option = click.option("--intake", is_flag=True, help="The hub's door: nothing new is accepted (503, come back later).")
pushing_option = click.option("--pushing", is_flag=True, help="Pushing to everybody: the broker runs empty, nothing is lost.")


@click.group(short_help="Bảo trì · Leave a recipient, or the whole hub, in peace for a while.")
def maintenance() -> None:
    """Bảo trì · Announce maintenance of a recipient or of the hub, and see who is on hold.

    What is sent meanwhile is kept and goes on afterwards, in its order; the time does not count against its greatest age.
    """


@maintenance.command()
@json_option
@where_option
@with_settings
def show(settings: "Settings", recipient: str | None, as_json: bool) -> None:
    """Xem · Show who is on hold (failing, slow, in maintenance), what is parked, and what happened lately."""

    async def look(store: "Store") -> tuple[list["HeldRecipient"], list["Occurrence"]]:
        holds = await store.holds(10_000 if recipient else _SHOWN)
        return [one for one in holds if recipient in (None, one.hold.recipient)], await store.occurrences(recipient, 20)

    held, occurrences = in_store(settings, look)
    if as_json:
        print_json({"holds": [_plain(one) for one in held], "occurrences": msgspec.to_builtins(occurrences)})
        return
    if held:
        print_table("", _COLUMNS, (_row(one.hold, one.parked) for one in held))
    else:
        say("Không có nơi nhận nào bị giữ · Nobody is on hold.", "green")
    if occurrences:
        rows = ((clock(one.at), _name(one.recipient), label(one.name), _reason(one.reason, one.detail)) for one in occurrences)
        print_table("Gần đây · Lately", _HISTORY, rows)


@maintenance.command()
@json_option
@where_option
@door_option
@pushing_option
@click.option("--for", "hours", type=click.FloatRange(0, 24 * 30, min_open=True), metavar="HOURS", help="It ends by itself then.")
@click.option("--note", default="", help="What is done; senders and auditors read it.")
@with_settings
def begin(
    settings: "Settings", recipient: str | None, intake: bool, pushing: bool, hours: float | None, note: str, as_json: bool
) -> None:
    """Bắt đầu · Begin the maintenance of a recipient (CODE), of --intake or of --pushing.

    \b
      lgsp maintenance begin H01.15 --for 3 --note "thay máy chủ"
      lgsp maintenance begin --intake --for 0.5
    """
    names = _names(recipient, intake, pushing)
    until = None if hours is None else datetime.now(UTC) + timedelta(hours=hours)
    detail = f"{getuser()}: {note}" if note else getuser()

    async def write(store: "Store") -> list[Hold | None]:
        await _check_known(store, recipient)
        return [await _begin(store, name, until, detail) for name in names]

    _tell(in_store(settings, write), as_json)


@maintenance.command()
@json_option
@where_option
@door_option
@pushing_option
@with_settings
def end(settings: "Settings", recipient: str | None, intake: bool, pushing: bool, as_json: bool) -> None:
    """Kết thúc · End it: what was kept goes on, little by little."""
    names = _names(recipient, intake, pushing)

    async def write(store: "Store") -> list[Hold | None]:
        now = datetime.now(UTC)
        changes = [await store.change_hold(name, lambda hold: ended(hold, now), now) for name in names]
        for name, change in zip(names, changes, strict=True):
            if change.before is None or change.before.cause is not Cause.MAINTENANCE:
                raise Failed(f"{_name(name)} is not in maintenance.", "`lgsp maintenance show` says who is on hold")
        return [change.after for change in changes]

    after = in_store(settings, write)
    if as_json:
        print_json([None if one is None else msgspec.to_builtins(one) for one in after])
    else:
        say("Đã kết thúc bảo trì · The maintenance is over.", "green")


@click.command(short_help="Xả hàng · Let what is under way finish, so that parts can be stopped.")
@json_option
@where_option
@door_option
@click.option("--wait", "wait_s", type=click.FloatRange(1, 3600), default=120.0, show_default=True, help="Seconds, at most.")
@click.option("--note", default="", help="What is done; senders and auditors read it.")
@with_settings
def drain(settings: "Settings", recipient: str | None, intake: bool, wait_s: float, note: str, as_json: bool) -> None:
    """Xả hàng · Begin a maintenance and wait until nothing is under way any more: for one recipient (CODE), or for the whole hub.

    Envelopes are still accepted, unless --intake closes the door too. It lasts until `lgsp maintenance end`. Exit status 1 when
    something is still under way in the end.
    """
    names = [recipient] if recipient else [EVERYBODY, *([THE_DOOR] if intake else [])]
    detail = f"{getuser()}: {note}" if note else getuser()

    async def work(store: "Store") -> int:
        await _check_known(store, recipient)
        for name in names:
            await _begin(store, name, None, detail)
        return await _until_still(
            lambda: store.count_queued(None if recipient is None else AgencyCode(recipient)),
            wait_s,
            None if as_json else _progress,
        )

    left = in_store(settings, work)
    undo = f"lgsp maintenance end {recipient or '--pushing' + (' --intake' if intake else '')}"
    if left:
        more = {"under_way": left}
        raise Failed(
            f"{left} deliveries are still under way after {wait_s:g} s.",
            f"are the workers running? `lgsp doctor`; wait again: the same command. To go on as before: {undo}",
            code="drain.unfinished",
            more=more,
        )
    if as_json:
        print_json({"under_way": 0, "undo": undo})
    else:
        say(f"Không còn gì đang giao · Nothing is under way. To go on: {undo}", "green")


async def _until_still(count: Callable[[], Awaitable[int]], wait_s: float, show: Callable[[int], None] | None) -> int:
    """Waits until nothing has been under way for a moment; how many are left after `wait_s`."""
    end_at = time.monotonic() + wait_s
    still_since: float | None = None
    while True:
        left, now = await count(), time.monotonic()
        if show is not None:
            show(left)
        still_since = None if left else still_since or now
        if still_since is not None and now - still_since >= _STILL_S:
            return 0
        if now >= end_at:
            return left
        await asyncio.sleep(_LOOK_S)


def _progress(left: int) -> None:
    click.echo(f"\r\x1b[K{left} đang giao · under way", nl=left == 0, err=True)


async def _begin(store: "Store", name: str, until: datetime | None, detail: str) -> Hold | None:
    now = datetime.now(UTC)
    return (await store.change_hold(name, lambda _: begun(name, until, detail, now), now)).after


async def _check_known(store: "Store", recipient: str | None) -> None:
    if recipient is not None and recipient not in (await store.directory()).agencies:
        raise Failed(f"There is no agency {recipient}.", "`lgsp agency list` shows the codes")


def _names(recipient: str | None, intake: bool, pushing: bool) -> list[str]:
    names = [*([recipient] if recipient else []), *([THE_DOOR] if intake else []), *([EVERYBODY] if pushing else [])]
    if not names or (recipient and len(names) > 1):
        raise click.UsageError("Give the code of a recipient, or --intake, or --pushing.")
    return names


def _tell(holds: list[Hold | None], as_json: bool) -> None:
    standing = [one for one in holds if one is not None]
    if as_json:
        print_json(msgspec.to_builtins(standing))
    else:
        print_table("", _COLUMNS, (_row(one, None) for one in standing))


def _plain(one: "HeldRecipient") -> dict[str, Any]:
    plain: dict[str, Any] = {**msgspec.to_builtins(one.hold), "cause": one.hold.cause.label, "parked": one.parked}
    return plain


def _row(hold: Hold, parked: int | None) -> tuple[object, ...]:
    until = clock(hold.due_at)
    return _name(hold.recipient), label(hold.cause.label), clock(hold.since), until, parked, _reason(hold.reason, hold.detail)


def _reason(reason: str, detail: str) -> str:
    return ": ".join(part for part in (reason, detail) if part)


def _name(recipient: str) -> str:
    return _NAMES.get(recipient, recipient)
