"""`lgsp deadletter replay`, `replays` and `cancel`: dead letters back on their way. The running hub moves them, step by step."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Any

import click

from lgsp.commands.agency import in_store
from lgsp.commands.common import Failed, json_option, print_json, print_table, program, say, with_settings
from lgsp.commands.dead_filter import Chosen, confirm, filter_options, print_count
from lgsp.commands.deadletter import deadletter
from lgsp.commands.labels import clock
from lgsp.core.replay import DeadLetterFilter, Replay

if TYPE_CHECKING:
    from lgsp.ports import DeadLetterCount, Store
    from lgsp.settings import Settings

_LOOK_S = 0.5
_PATIENCE_S = 60.0  # without any progress
_STATES = {
    "running": "đang chạy · running",
    "done": "xong · done",
    "cancelled": "đã dừng · stopped",
}
_COLUMNS = (
    "Số · Number",
    "Bắt đầu · Begun",
    "Người · By",
    "Tình trạng · State",
    "Đã giao lại · Replayed",
    "Hết hạn · Expired",
    "Tất cả · Of",
    "/s",
    "Những gì · Which",
)

follow_option = click.option("--follow", is_flag=True, help="Watch until it is done. Ctrl-C ends the watching, not the replay.")


@deadletter.command()
@json_option
@filter_options
@click.option("--all", "everything", is_flag=True, help="All of them are meant.")
@click.option(
    "--rate",
    "rate_per_s",
    type=click.FloatRange(0.001, 10_000),
    metavar="N",
    help="At most so many a second; default: as fast as the hub likes.",
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@follow_option
@with_settings
def replay(
    settings: "Settings",
    chosen: Chosen,
    everything: bool,
    rate_per_s: float | None,
    dry_run: bool,
    yes: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Giao lại · Put dead letters back on their way, in the order of their acceptance, under their old delivery ids.

    Counted first. What is past its time stays as it is; what dies again is not taken again by the same replay.

    \b
      lgsp deadletter replay --recipient H01.15 --rate 20 --follow
    """
    chosen.check_meant(everything)
    which, count = in_store(settings, lambda store: _counted(store, chosen))
    going = count.letters - count.expired
    if not as_json:
        print_count(count)
    if dry_run or not going:
        _tell_nothing(count, dry_run, as_json)
        return
    question = f"Giao lại {going} thông điệp? · Replay {going} letters?"
    confirm(question, yes=yes, as_json=as_json, more={"count": count})
    begun = in_store(settings, lambda store: _begin(store, which, rate_per_s))
    if begun is None:  # somebody else was quicker
        _tell_nothing(count, dry_run, as_json)
        return
    if as_json:
        print_json({"count": count, "replay": _plain(begun)}, indent=not follow)
    else:
        say(f"Đợt giao lại số {begun.replay_id} · Replay {begun.replay_id} is on record.", "green")
        say("Trục đang chạy sẽ giao dần; nếu đang dừng thì khi chạy lại · The hub moves the letters as soon as it runs.")
        say(f"Dừng · Stop: {program()} deadletter cancel {begun.replay_id}")
    if follow:
        _watch(settings, begun, as_json)


@deadletter.command()
@json_option
@click.argument("number", type=click.IntRange(1), required=False)
@follow_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@with_settings
def replays(settings: "Settings", number: int | None, follow: bool, limit: int, as_json: bool) -> None:
    """Các đợt giao lại · List replays, newest first; or look how far one, by its NUMBER, has got."""
    if follow and number is None:
        raise click.UsageError("Give the number of the replay to follow.")
    if number is None:
        found = in_store(settings, lambda store: store.replays(limit))
    else:
        found = [in_store(settings, lambda store: _known(store, number))]
    if follow:
        _watch(settings, found[0], as_json)
    elif as_json:
        print_json([_plain(one) for one in found])
    else:
        print_table("", _COLUMNS, (_row(one) for one in found))


@deadletter.command()
@json_option
@click.argument("number", type=click.IntRange(1))
@with_settings
def cancel(settings: "Settings", number: int, as_json: bool) -> None:
    """Dừng giao lại · Stop a replay. What went stays gone, what did not stays a dead letter."""

    async def stop(store: "Store") -> Replay:
        await _known(store, number)
        return await store.cancel_replay(number, datetime.now(UTC)) or await _known(store, number)

    stopped = in_store(settings, stop)
    if as_json:
        print_json(_plain(stopped))
    else:
        print_table("", _COLUMNS, [_row(stopped)])


async def _counted(store: "Store", chosen: Chosen) -> tuple[DeadLetterFilter, "DeadLetterCount"]:
    which = await chosen.which(store)
    return which, await store.count_dead_letters(which, datetime.now(UTC))


async def _begin(store: "Store", which: DeadLetterFilter, rate_per_s: float | None) -> Replay | None:
    from lgsp.flow.replays import begin

    return (await begin(store, store, which, getuser(), rate_per_s, datetime.now(UTC)))[1]


async def _known(store: "Store", number: int) -> Replay:
    found = await store.replay(number)
    if found is None:
        raise Failed(f"There is no replay {number}.", "`lgsp deadletter replays` lists them", code="replay.unknown")
    return found


def _watch(settings: "Settings", begun: Replay, as_json: bool) -> None:
    """Until it has ended; says how it ended. Raises Failed when it does not move."""
    try:
        with _line_by_line() if as_json else _progress_bar(begun) as show:
            ended = in_store(settings, lambda store: _followed(store, begun.replay_id, show))
    except KeyboardInterrupt:
        text = f"Không xem nữa; đợt giao lại vẫn chạy · No longer watching; the replay goes on: {program()} deadletter replays"
        click.echo(f"{text} {begun.replay_id}", err=True)
        return
    if not as_json:
        print_table("", _COLUMNS, [_row(ended)])


async def _followed(store: "Store", number: int, show: Callable[[Replay], None]) -> Replay:
    seen: Replay | None = None
    moved_at = time.monotonic()
    while True:
        replay = await _known(store, number)
        now = time.monotonic()
        if replay != seen:
            show(replay)
            seen, moved_at = replay, now
        if replay.state != "running":
            return replay
        if now - moved_at > max(_PATIENCE_S, 3.0 / (replay.rate_per_s or 1.0)):
            raise Failed(
                f"Replay {number} does not move: {replay.moved + replay.expired} of {replay.total}.",
                "is the hub running, is pushing switched off? `lgsp doctor`, `lgsp maintenance show`; it goes on by itself",
                code="replay.waiting",
            )
        await asyncio.sleep(_LOOK_S)


@contextmanager
def _line_by_line() -> Iterator[Callable[[Replay], None]]:
    yield lambda replay: print_json(_plain(replay), indent=False)


@contextmanager
def _progress_bar(begun: Replay) -> Iterator[Callable[[Replay], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Giao lại · Replay", total=begun.total)
        yield lambda replay: progress.update(task, completed=replay.moved + replay.expired)


def _tell_nothing(count: "DeadLetterCount", dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"count": count, "replay": None})
    elif not dry_run:
        say("Không có gì để giao lại · There is nothing to replay.", "yellow")


def _plain(replay: Replay) -> Any:
    """As the hub answers it."""
    from lgsp.http.replays import status_of

    return status_of(replay)


def _row(one: Replay) -> tuple[object, ...]:
    which = one.which
    conditions = (which.sender and f"{which.sender} →", which.recipient and f"→ {which.recipient}", which.kind, which.reason)
    given = (*conditions, which.case, f"{len(which.delivery_ids)} ids" if which.delivery_ids else None)
    text = ", ".join(str(part) for part in given if part) or "tất cả · all"
    counts = (one.moved, one.expired, one.total, one.rate_per_s)
    return one.replay_id, clock(one.created_at), one.operator, _STATES[one.state], *counts, text
