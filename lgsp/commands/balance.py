"""`lgsp balance`: promise 2 in numbers, and which deliveries break it."""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from lgsp.commands.agency import in_store
from lgsp.commands.common import Failed, json_option, print_json, print_table, say, with_settings
from lgsp.commands.labels import label
from lgsp.core.lifecycle import State

if TYPE_CHECKING:
    from lgsp.ports import Balance, Mismatch, Store, Work
    from lgsp.settings import Settings

_STRETCH = 10_000  # envelopes at a time: each look is short, and nobody waits for it
_MOST = 1000  # named
_SHOWN = 20
_FOUND = ("Id", "Phong bì · Envelope", "→", "Bảng · Table says", "Sự kiện · Events say")
_ENDED = [state for state in State if state.is_final]
_REMEDY = (
    "traffic goes on; repair nothing by hand. `lgsp balance --find` names the deliveries; what to do about them says"
    " deploy/RUNBOOK.md, chapter 4, 'The balance is broken'"
)


@click.command(short_help="Cân đối · Is everything that was accepted accounted for?")
@json_option
@click.option("--find", is_flag=True, help="Where the accounts differ, look for the deliveries; reads the whole journal.")
@with_settings
def balance(settings: "Settings", find: bool, as_json: bool) -> None:
    """Cân đối · accepted = delivered + refused + dead + expired + cancelled + in flight.

    The left side is counted from the events, the right side from the deliveries as they stand; endings are compared one by one,
    too. Exit status 1 when they differ: a delivery was lost, or the journal was changed by hand.
    """
    from lgsp.http.balance import sheet_of

    counted = in_store(settings, lambda store: store.balance())
    found = in_store(settings, _found) if find else []
    sheet: dict[str, Any] = msgspec.to_builtins(sheet_of(counted))
    if find:
        sheet["mismatches"] = found
    if as_json and not counted.difference and not found:
        print_json(sheet)
        return
    if not as_json:
        _show(counted, found)
    if counted.difference or found:
        message = f"The balance is broken: the accounts differ by {counted.difference}."
        raise Failed(message, _REMEDY, code="balance.broken", more=sheet)


async def _found(store: "Store") -> list[dict[str, Any]]:
    """Through the whole journal, stretch by stretch."""
    found: list[Mismatch] = []
    after = 0
    while len(found) < _MOST and (looked := await store.mismatches(after, _STRETCH)) is not None:
        after = looked.through
        found += looked.mismatches
    del found[_MOST:]
    works = {work.delivery_id: work for work in await store.outline([one.delivery_id for one in found])}
    return [_plain(one, works.get(one.delivery_id)) for one in found]


def _show(counted: "Balance", found: list[dict[str, Any]]) -> None:
    columns = ("Tình trạng · State", "Lượt giao · Deliveries", "Sự kiện · Events", "Lệch · Difference")
    print_table("", columns, [*_open_rows(counted), *_ended_rows(counted), _total_row(counted)])
    ended = " + ".join(f"{counted.by_state.get(state, 0)} {state.label}" for state in _ENDED)
    equal = "≠" if counted.difference else "="
    say(
        f"{counted.accepted_events} accepted {equal} {ended} + {counted.in_flight} in flight",
        "red" if counted.difference else "green",
    )
    if found:
        print_table(f"{len(found)} lượt giao lệch · deliveries differ", _FOUND, map(_row, found[:_SHOWN]))


def _open_rows(counted: "Balance") -> list[tuple[object, ...]]:
    return [(label(state.label), counted.by_state.get(state, 0), "", "") for state in State if not state.is_final]


def _ended_rows(counted: "Balance") -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for state in _ENDED:
        table, events = counted.by_state.get(state, 0), counted.ended_events.get(state, 0)
        rows.append((label(state.label), table, events, table - events or ""))
    return rows


def _total_row(counted: "Balance") -> tuple[object, ...]:
    table = sum(counted.by_state.values())
    return "Tất cả · All", table, counted.accepted_events, table - counted.accepted_events or ""


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    state = "-" if one["state"] is None else label(one["state"])
    told = ", ".join(name if count == 1 else f"{name} x {count}" for name, count in one["events"].items())
    return one["delivery_id"], one["envelope"], one["recipient"], state, told or "-"


def _plain(one: "Mismatch", work: "Work | None") -> dict[str, Any]:
    """`envelope` as `lgsp trace` takes it; null where the delivery itself is gone."""
    return {
        "delivery_id": one.delivery_id,
        "envelope": None if work is None else f"{work.envelope.sender}/{work.envelope.message_id}",
        "recipient": None if work is None else work.recipient,
        "state": None if one.state is None else one.state.label,
        "events": one.events,
    }
