"""The tracking feed: pages of documents as they come, and what each says about a leg. Pure.

The list of integer states of Vietnam Post is not public. A table of the options says what each means for a leg; one that it does
not name is judged by its text, else it is carried as "in_transit", with its number and text beside it.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple, get_args

import msgspec

from adapters.vnpost import tidy
from adapters.vnpost.mapping import leg_of
from contracts.errors import ContractError, what_and_where
from contracts.kinds.postal import PostalEvent
from contracts.kinds.postal_codes import EMSEVT, LegState
from contracts.text import search_key

ICT = timezone(timedelta(hours=7))
CARRIED: LegState = "in_transit"  # what an unknown state is carried as
STATES: Mapping[int, LegState] = {4: "delivered"}  # the only one that a public client reads
_PLAUSIBLE_S = (946_684_800, 4_102_444_800)  # years 2000 to 2100, in seconds since 1970
_AHEAD_S = 86_400  # a clock may be so wrong
_MILLISECONDS = 10**11  # above it a number of EventTime counts milliseconds

# Texts as Vietnam Post writes them on labels and pages; the first that stands in the text counts.
_TEXTS: tuple[tuple[str, LegState], ...] = (
    ("phat khong thanh cong", "attempt_failed"), ("khong phat duoc", "attempt_failed"),
    ("chuyen hoan thanh cong", "returned"), ("da chuyen hoan", "returned"), ("phat hoan", "returned"),
    ("phat thanh cong", "delivered"), ("giao thanh cong", "delivered"), ("da phat", "delivered"), ("da giao ho so", "delivered"),
    ("da huy", "cancelled"), ("huy don", "cancelled"), ("huy gom", "cancelled"),
    ("dang di gom", "collecting"), ("dang thu gom", "collecting"), ("phan cong thu gom", "collecting"),
    ("da thu gom", "collected"), ("thu gom thanh cong", "collected"), ("nhan gui", "collected"), ("chap nhan", "collected"),
    ("dang phat", "out_for_delivery"), ("giao buu ta", "out_for_delivery"),
    ("den buu cuc phat", "at_delivery_office"), ("luu giu", "held"),
)  # fmt: skip

_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_TIME_FORMATS = ("%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M:%S")


class Tracked(NamedTuple):
    """One document: its id, and its event or why there is none. `digest` is of all that it says."""

    oid: str
    digest: str
    event: PostalEvent | None
    wrong: str = ""


class Page(NamedTuple):
    documents: tuple[Tracked, ...]
    returned: int  # documents on this page


def read_page(octets: bytes, states: Mapping[int, LegState]) -> Page:
    """One document that cannot be read spoils no other. Raises ValueError for what is no page."""
    try:
        page = msgspec.json.decode(octets, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("the answer is not a JSON object") from error
    inside = page.get("_embedded")
    documents = inside.get("doc", inside.get("rh:doc")) if isinstance(inside, dict) else inside
    if documents is None and ("_returned" in page or "_size" in page):
        documents = []
    if not isinstance(documents, list):
        raise ValueError("the answer has neither documents nor their number")
    return Page(tuple(_tracked(one, states) for one in documents), len(documents))


def next_id(documents: tuple[Tracked, ...], after: str, now: datetime) -> str:
    """The greatest id seen: pages come unordered, and a cursor never goes back. So an id of days to come moves none: whatever is
    made until then would never be asked for."""
    latest_s = int(now.timestamp()) + _AHEAD_S
    ids = (one.oid.lower() for one in documents if _OBJECT_ID.fullmatch(one.oid))
    return max((one for one in ids if int(one[:8], 16) <= latest_s), default=after)


def overlapped(last_id: str, overlap_s: int) -> str:
    """Where a round begins: a little before the last id. An id of MongoDB begins with the second it was made in; of several
    writers, one may come after a greater one. What comes twice is known by its id."""
    made_s = second_of(last_id)
    if made_s is None or not overlap_s:
        return last_id
    return f"{made_s - overlap_s:08x}" + "0" * 16


def second_of(oid: str) -> int | None:
    """When an id was made, in seconds since 1970; None for ids of another kind."""
    made_s = int(oid[:8], 16) if _OBJECT_ID.fullmatch(oid) else 0
    return made_s if _PLAUSIBLE_S[0] <= made_s <= _PLAUSIBLE_S[1] else None


def states_of(options: Mapping[str, str]) -> dict[int, LegState]:
    """The table: what is known, then "status.37" = "returned" of the options. Raises ValueError naming the option."""
    table = dict(STATES)
    for name, state in options.items():
        if not name.startswith("status."):
            continue
        number = name.removeprefix("status.")
        if not re.fullmatch(r"-?\d{1,4}", number) or state not in get_args(LegState):
            raise ValueError(f"option {name}: a number, and one of {', '.join(get_args(LegState))}")
        table[int(number)] = state  # type: ignore[assignment] # one of the names, as was just seen
    return table


def _tracked(document: Any, states: Mapping[int, LegState]) -> Tracked:
    if not isinstance(document, dict):
        return Tracked("", "", None, "a document that is no object")
    given = document.get("_id")
    oid = str(given.get("oid") or given.get("$oid") or "") if isinstance(given, dict) else str(given or "")
    digest = hashlib.sha256(msgspec.json.encode(document, order="deterministic")).hexdigest()
    try:
        return Tracked(oid, digest, _event(document, oid, states))
    except ValueError as error:
        return Tracked(oid, digest, None, _why(error))


def _why(error: ValueError) -> str:
    if isinstance(error, msgspec.ValidationError):
        what, where = what_and_where(error)
        return f"{where}: {what}"
    return f"{error.field}: {error.detail}" if isinstance(error, ContractError) else str(error)


def _event(document: Mapping[str, Any], oid: str, states: Mapping[int, LegState]) -> PostalEvent:
    """Raises ValueError."""
    number, leg = leg_of(_text(document, "OrderNumber") or _text(document, "ItemCode"))
    code = document.get("StatusCode")
    told = tidy.line(_text(document, "StatusMessage"), 255)
    emsevt = code.strip().upper() if isinstance(code, str) and code.strip().upper() in EMSEVT else None
    status = None if emsevt else _integer(code)
    if status is None and emsevt is None and code not in (None, ""):
        told = tidy.line(f"{code}: {told or ''}", 255)
    place = tidy.code(_text(document, "POSID"))
    return msgspec.convert(
        {
            "customer_code": _text(document, "CustomerCode") or None,
            "order_number": number,
            "leg": leg,
            "item_code": tidy.item_code(_text(document, "ItemCode")),
            "event_id": oid if 0 < len(oid) <= 50 else None,
            "state": _state(status, emsevt, told, states),
            "event_code": emsevt,
            "status_code": status,
            "status_text": told,
            "at": _plausible(_time(document.get("EventTime"), oid)),
            "place": {"code": place, "name": f"Bưu cục {place}"} if place else None,
            "note": tidy.line(_text(document, "Notes"), 1000),
        },
        PostalEvent,
    )


def _state(status: int | None, emsevt: str | None, told: str | None, states: Mapping[int, LegState]) -> LegState:
    if status is not None and status in states:
        return states[status]
    if emsevt is not None:
        return EMSEVT[emsevt][2] or CARRIED
    said = search_key(told or "")
    return next((state for text, state in _TEXTS if text in said), CARRIED)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def _integer(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if re.fullmatch(r"-?\d{1,4}", text) else None


def _time(value: Any, oid: str) -> datetime:
    """EventTime is a number of milliseconds; seconds and the usual forms of local time are read, too. Without any: when the id
    was made. Raises ValueError."""
    text = str(value if value is not None else "").strip()
    if isinstance(value, dict):  # {"$date": ...}, as MongoDB exports it
        text = str(value.get("$date", "")).strip()
    if re.fullmatch(r"\d{9,14}(?:\.\d+)?", text) and len(text.partition(".")[0]) != 14:
        number = float(text)
        return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
    if not text:
        made_s = second_of(oid)
        if made_s is None:
            raise ValueError("EventTime: missing")
        return datetime.fromtimestamp(made_s, UTC)
    return _local_time(text)


def _plausible(moment: datetime) -> datetime:
    if not 2000 <= moment.year <= 2100:
        raise ValueError("EventTime: a year from 2000 to 2100")
    return moment


def _local_time(text: str) -> datetime:
    for form in _TIME_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=ICT)
        except ValueError:
            continue
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=ICT)
