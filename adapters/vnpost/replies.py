"""What a reply of Vietnam Post means. Pure.

`{Status, Message}`: 100 is taken, 101 was read as taken by the only client that is known (most likely "registered already");
success is decided by number and by text. Numbers come as numbers or as texts. HTTP says nothing: failures come with 200, too.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from adapters.answers import Answer, by_status, by_table, short
from adapters.vnpost.messages import ACCEPTED, ALREADY
from contracts.outcome import Delivered, Outcome, Refused, Retry
from contracts.replies import Reply, outcome_of_reply

_WORDS: Sequence[Reply] = (
    Reply(means="delivered", text="đã tồn tại"),
    Reply(means="delivered", text="đã được đăng ký"),
    Reply(means="delivered", text="already exists"),
    Reply(means="delivered", text="already registered"),
)
_CANCEL_WORDS: Sequence[Reply] = (
    Reply(means="delivered", text="đã hủy"),
    Reply(means="delivered", text="đã được hủy"),
    Reply(means="delivered", text="already cancelled"),
)
# What speaks of their system or of our credentials, not of our order: numbers of replies, and of HTTP.
_LATER = re.compile(r"5\d\d|401|403|408|429|-1")
_LATER_HTTP = frozenset({401, 403, 407, 408, 425, 429})


def accepted_of(options: dict[str, str]) -> frozenset[str]:
    """Option `accepted`: the numbers that mean taken, with commas between; 100 and 101 where it is left out."""
    told = options.get("accepted", f"{ACCEPTED},{ALREADY}")
    return frozenset(one.strip() for one in told.split(",") if one.strip())


def outcome_of(answer: Answer, now: float, rows: Sequence[Reply], accepted: Collection[str], *, cancelling: bool) -> Outcome:
    """The endpoint's own table first, then number, then words, then HTTP. What cannot be read is asked again: a second time, the
    post says that it has it."""
    found = by_table(answer, now, rows)
    if found is not None:
        return found
    status, message = _read(answer)
    if status is None or (message is None and status not in accepted):
        by_http = by_status(answer, now)
        return Retry("delivery.garbled_answer", "neither Status nor Message") if isinstance(by_http, Delivered) else by_http
    if status in accepted:
        return Delivered(remote_ref=short(status, 20))
    assert message is not None  # or it was read as no reply
    detail = short(f"Status {status}: {message}")
    words = outcome_of_reply(answer.status, message, (*_WORDS, *(_CANCEL_WORDS if cancelling else ())), detail)
    if words is not None:
        return words
    if answer.status >= 500 or answer.status in _LATER_HTTP or _LATER.fullmatch(status):
        return Retry("delivery.server_error", detail)
    return Refused("delivery.refused_by_recipient", detail)


def _read(answer: Answer) -> tuple[str | None, str | None]:
    """Status as text and Message; None for what is missing, as in half a reply or none at all."""
    if not answer.whole or "Content-Encoding" in answer.headers:
        return None, None
    try:
        found = msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    members = {name.lower(): value for name, value in found.items()}
    status, message = members.get("status"), members.get("message")
    if isinstance(status, bool) or not isinstance(status, int | str) or not str(status).strip() or len(str(status)) > 20:
        return None, None
    return str(status).strip(), message if isinstance(message, str) else None
