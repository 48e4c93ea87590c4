"""`lgsp deadletter`: what could not be delivered, in the hub's own journal: finding it and seeing to it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING

import click

from contracts.problems import CATALOGUE
from lgsp.commands.agency import in_store
from lgsp.commands.common import Failed, json_option, print_json, print_table, program, say, with_settings
from lgsp.commands.dead_filter import Chosen, confirm, filter_options, print_count
from lgsp.commands.labels import clock, label
from lgsp.core.replay import DeadLetterFilter

if TYPE_CHECKING:
    from lgsp.ports import DeadLetter, DeadLetterCount, Event, Store
    from lgsp.settings import Settings

_COLUMNS = (
    "Id",
    "Lúc · Given up",
    "Loại · Kind",
    "Từ → đến · From → to",
    "Message id",
    "Lần · Attempts",
    "Lý do · Reason",
)


@click.group(short_help="Không giao được · What could not be delivered, and sending it again.")
def deadletter() -> None:
    """Không giao được · Deliveries that were given up: find them, replay them in their order, say what was done instead.

    Their senders were told when it happened. Everything here works on the hub's own journal, like `lgsp agency`.
    """


@deadletter.command("list")
@json_option
@filter_options
@click.option("--resolved", is_flag=True, help="Also those that somebody has seen to.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only ids above this one: the next page.")
@with_settings
def list_(settings: "Settings", chosen: Chosen, resolved: bool, limit: int, after: int, as_json: bool) -> None:
    """Danh sách · List dead letters in the order of their acceptance."""

    async def look(store: "Store") -> tuple[list["DeadLetter"], "DeadLetterCount"]:
        which = await chosen.which(store, resolved=resolved)
        return await store.dead_letters(which, after, limit + 1), await store.count_dead_letters(which, datetime.now(UTC))

    found, count = in_store(settings, look)
    letters = found[:limit]
    next_after = letters[-1].delivery_id if len(found) > limit else None
    if as_json:
        print_json({"letters": letters, "count": count, "next_after": next_after})
        return
    title = f"{count.letters} thông điệp không giao được · dead letters; {count.expired} hết hạn · expired"
    print_table(title, _COLUMNS, (_row(one) for one in letters))
    if next_after is not None:
        say(f"Còn nữa · There is more: --after {next_after}", "yellow")
    if letters:
        say(f"Xem một thông điệp · Look at one: {program()} deadletter show {letters[0].delivery_id}")


@deadletter.command()
@json_option
@click.argument("delivery_id", type=click.IntRange(1))
@with_settings
def show(settings: "Settings", delivery_id: int, as_json: bool) -> None:
    """Xem · Show one dead letter, what happened to it, and what its reason means."""

    async def look(store: "Store") -> tuple["DeadLetter", list["Event"]]:
        found = await store.dead_letters(DeadLetterFilter(delivery_ids=(delivery_id,), resolved=True), 0, 1)
        if not found:
            raise Failed(
                f"{delivery_id} is no dead letter.",
                "`lgsp deadletter list` shows those there are; `lgsp trace --all` finds any envelope",
            )
        return found[0], [one for one in await store.timeline(found[0].sequence) if one.delivery_id == delivery_id]

    letter, events = in_store(settings, look)
    if as_json:
        print_json({"letter": letter, "events": events})
        return
    print_table("", ("", ""), _lines(letter))
    rows = ((clock(one.at), label(one.name), one.attempt, _reason(one.reason, one.detail)) for one in events)
    print_table("", ("Lúc · When", "Việc · What", "Lần · Attempt", "Lý do · Reason"), rows)
    for code in dict.fromkeys((letter.reason, letter.detail.partition(":")[0])):
        if code in CATALOGUE:
            known = CATALOGUE[code]
            say(f"{code}: {known.title_vi} · {known.title_en}\n→ {known.remedy_vi}\n→ {known.remedy_en}")


@deadletter.command()
@json_option
@filter_options
@click.option("--all", "everything", is_flag=True, help="All of them are meant.")
@click.option("--note", required=True, help="What was done instead; sender and recipient read it in the timeline.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def resolve(settings: "Settings", chosen: Chosen, everything: bool, note: str, yes: bool, as_json: bool) -> None:
    """Đã xử lý · Say of dead letters that somebody has seen to them: they leave the list, and no replay takes them any more.

    \b
      lgsp deadletter resolve --id 4711 --note "đã gửi bản giấy ngày 22/11"
    """
    chosen.check_meant(everything)
    now = datetime.now(UTC)

    async def look(store: "Store") -> tuple[DeadLetterFilter, "DeadLetterCount"]:
        which = await chosen.which(store)
        return which, await store.count_dead_letters(which, now)

    which, count = in_store(settings, look)
    if count.letters:
        if not as_json:
            print_count(count)
        confirm(f"Đã xử lý {count.letters} thông điệp? · Resolve them?", yes=yes, as_json=as_json, more={"count": count})
    done = in_store(settings, lambda store: store.resolve_dead_letters(which, getuser(), note, now)) if count.letters else 0
    if as_json:
        print_json({"resolved": done})
    else:
        say(f"Đã xử lý · Resolved: {done}", "green")


def _row(one: "DeadLetter") -> tuple[object, ...]:
    mark = " (bản sao · copy)" if one.copy else ""
    way = f"{one.sender} → {one.recipient}{mark}"
    return one.delivery_id, clock(one.ended_at), one.kind, way, one.message_id, one.attempts, _reason(one.reason, one.detail)


def _lines(one: "DeadLetter") -> Iterator[tuple[str, object]]:
    yield "Mã lần giao · Delivery id", one.delivery_id
    yield "Từ → đến · From → to", f"{one.sender} → {one.recipient}"
    yield "Message id", one.message_id
    yield "Loại · Kind", one.kind
    yield "Số · Numbers", ", ".join(f"{identifier.scheme} {identifier.value}" for identifier in one.identifiers)
    yield "Tiếp nhận · Accepted", clock(one.accepted_at)
    yield "Hết hạn · Expires", clock(one.expires_at)
    yield "Ngừng giao · Given up", clock(one.ended_at)
    yield "Số lần thử · Attempts", one.attempts
    yield "Lý do · Reason", _reason(one.reason, one.detail)
    if one.resolved_at is not None:
        yield "Đã xử lý · Resolved", clock(one.resolved_at)


def _reason(reason: str, detail: str) -> str:
    return ": ".join(part for part in (reason, detail) if part)
