"""What an HTTP answer of a far side means, for every adapter whose protocol leaves it to status and text. Pure.

The table of replies of the endpoint comes first, then the status.
"""

import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import msgspec

from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from contracts.replies import Reply, outcome_of_reply

REMOTE_REF_HEADER = "Lgsp-Remote-Ref"
MAX_RETRY_AFTER_S = 24 * 3600.0
_LOOKED_AT_BYTES = 4096
_MAX_REASON_CHARS = 300
_MAX_REMOTE_REF_CHARS = 128
# 401, 403, 404, 405, 407: what a proxy or a wrong deployment says, hardly ever the system that was to read the message.
TRY_LATER = frozenset({401, 403, 404, 405, 407, 408, 425, 429})
_TAG = re.compile(r"<[^>]{0,500}>")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]  # finds names in any case
    body: bytes = b""  # at most as much of it as was asked for
    whole: bool = True  # it did not break off before its end, or before as much as was asked for


def outcome_of(answer: Answer, now: float, replies: Sequence[Reply] = ()) -> Outcome:
    """By the recipient's table of replies first, else by the status alone. `now`: Unix time in seconds."""
    found = by_table(answer, now, replies)
    return by_status(answer, now) if found is None else found


def at_first_sight(answer: Answer, now: float, replies: Sequence[Reply] = ()) -> Outcome | None:
    """For protocols that say yes and no in the body of a 2xx: by the table, or by a status that is none; None: read its body."""
    found = by_table(answer, now, replies)
    return by_status(answer, now) if found is None and not 200 <= answer.status < 300 else found


def by_table(answer: Answer, now: float, replies: Sequence[Reply]) -> Outcome | None:
    """None: no row says anything of it."""
    if not replies:
        return None
    readable = "Content-Encoding" not in answer.headers
    text = answer.body[:_LOOKED_AT_BYTES].decode("utf-8", "replace") if readable else ""
    match outcome_of_reply(answer.status, text, replies, detail_of(answer)):
        case Delivered():
            return _delivered(answer)
        case Retry(reason, detail, wish_s):
            return Retry(reason, detail, max(wish_s, _retry_after_s(answer, now)))
        case None if _doubtful(answer.status, replies) and not (readable and answer.whole):
            return Retry("delivery.garbled_answer", f"HTTP {answer.status}: the text that decides could not be read")
        case found:
            return found


def by_status(answer: Answer, now: float) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return _delivered(answer)
    if 300 <= status < 400:
        return Retry("delivery.server_error", f"HTTP {status}: redirects are not followed, register the new address")
    if not 400 <= status < 600:
        return Retry("delivery.garbled_answer", f"HTTP status {status}")
    if status == 410:
        return Gone(detail=detail_of(answer))
    if status >= 500 or status in TRY_LATER:
        return Retry("delivery.server_error", detail_of(answer), _retry_after_s(answer, now))
    return Refused("delivery.refused_by_recipient", detail_of(answer))


def retry_after_s(value: str, now: float) -> float:
    """Seconds from a Retry-After header (RFC 9110, 10.2.3: seconds or a date), 0 to a day; 0 for what cannot be read."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(moment - now, 0.0), MAX_RETRY_AFTER_S)


def detail_of(answer: Answer) -> str:
    """Status and the beginning of what it says, as one line for people; markup left out."""
    status, headers, body = answer.status, answer.headers, answer.body[:_LOOKED_AT_BYTES]
    if not body or "Content-Encoding" in headers:
        return f"HTTP {status}"
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    text = body.decode("utf-8", "replace")
    if media_type.endswith("json"):
        text = _problem_text(body) or text
    elif media_type.endswith(("html", "xml")):
        text = _TAG.sub(" ", text)
    elif not media_type.startswith("text/"):
        return f"HTTP {status}"
    reason = short(text, _MAX_REASON_CHARS)
    return f"HTTP {status}: {reason}" if reason else f"HTTP {status}"


def short(text: str, limit: int = _MAX_REASON_CHARS) -> str:
    """One line of printable characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:limit]


def _doubtful(status: int, replies: Sequence[Reply]) -> bool:
    """A success that its text may take back. Asked again, the recipient says that it has it already."""
    return 200 <= status < 300 and any(row.text and row.means != "delivered" and row.covers(status) for row in replies)


def _delivered(answer: Answer) -> Delivered:
    return Delivered(remote_ref=short(answer.headers.get(REMOTE_REF_HEADER, ""), _MAX_REMOTE_REF_CHARS))


def _retry_after_s(answer: Answer, now: float) -> float:
    return retry_after_s(answer.headers.get("Retry-After", ""), now)


def _problem_text(body: bytes) -> str:
    """`title` and `detail` of a problem document (RFC 9457), if it is one."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return ": ".join(text for text in (problem.get("title"), problem.get("detail")) if isinstance(text, str))
